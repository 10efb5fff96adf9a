"""Real processes: catalog is killed, frozen and started again; the storefront is killed itself."""

import itertools
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.storefront.visitor import SAME_ORIGIN, SESSION_KEY
from tests.support.processes import Service, running


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[tuple[Service, Service]]:
    """catalog with an empty database, and a storefront that waits eight seconds for it."""
    catalog = Service("catalog", {"DATABASE_URL": f"sqlite:///{tmp_path}/catalog.db"})
    storefront = Service(
        "storefront",
        {
            "CATALOG_URL": catalog.url,
            "SESSION_KEYS": SESSION_KEY,
            "SERVICE_TIMEOUT_SECONDS": "8",
        },
    )
    async with running(catalog, storefront):
        yield catalog, storefront


async def test_pages_come_back_with_the_service_that_they_need(
    services: tuple[Service, Service],
) -> None:
    """Killed: 503. Started again: 200, although connections to the old one were kept. Frozen: 503
    in bounded time. Awake: 200.
    """
    catalog, storefront = services
    words = itertools.count()  # another search each time: a list is kept for a second

    async with httpx.AsyncClient(base_url=storefront.url, timeout=60) as client:

        async def status() -> int:
            return (await client.get("/en/books", params={"q": next(words)})).status_code

        seen = [await status()]
        await catalog.kill()
        seen.append(await status())
        await catalog.start()
        seen.append(await status())
        await catalog.kill()
        await catalog.start()  # no page was asked for meanwhile: the kept connection is broken
        seen.append(await status())
        assert catalog.process is not None
        os.kill(catalog.process.pid, signal.SIGSTOP)
        seen.append(await status())
        os.kill(catalog.process.pid, signal.SIGCONT)
        seen.append(await status())

    assert seen == [200, 503, 200, 200, 503, 200]


async def test_a_visitors_session_outlives_the_process(services: tuple[Service, Service]) -> None:
    """kill -9: the cookie is all that there is."""
    _, storefront = services
    async with httpx.AsyncClient(base_url=storefront.url, timeout=60) as client:
        await client.post("/es/language", data={"language": "en"}, headers=SAME_ORIGIN)
        await storefront.kill()
        await storefront.start()
        page = await client.get("/", headers={"accept-language": "es"})

    assert page.headers["location"] == "/en"

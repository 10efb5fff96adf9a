"""Forged tokens at routes that take money or change books, and at routes that only read.

`tests/kit/security/test_hostile_tokens.py` says what makes each a forgery.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.catalog.library import Library, open_library
from tests.kit.security.test_hostile_tokens import FORGED
from tests.purchase.shop import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = {
    "catalog": (
        ("POST", "/books"),
        ("PUT", "/books/1"),
        ("PATCH", "/books/1"),
        ("DELETE", "/books/1"),
        ("POST", "/books/import"),
    ),
    "purchase": (
        ("POST", "/purchase"),
        ("GET", "/purchases"),
        ("DELETE", "/purchase/1"),
        ("POST", "/payment"),
        ("POST", "/payments/1/refunds"),
        ("POST", "/inventory/1/adjustments"),
    ),
}

CASES = [(service, method, path) for service, routes in ROUTES.items() for method, path in routes]

Running = dict[str, Library | Shop]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    async with AsyncExitStack() as stack:
        catalog = open_library(f"sqlite:///{folder}/catalog.db?synchronous=off")
        purchase = open_shop(f"sqlite:///{folder}/purchase.db?synchronous=off")
        yield {
            "catalog": await stack.enter_async_context(catalog),
            "purchase": await stack.enter_async_context(purchase),
        }


@pytest.mark.parametrize(("service", "method", "path"), CASES)
async def test_forged_tokens_are_refused(
    services: Running, service: str, method: str, path: str
) -> None:
    """Each is answered 401 before anything else is read, and no key is fetched."""
    running = services[service]
    taken = {}
    for name, forge in FORGED.items():
        token = forge(running.issuer).encode("utf-8", "surrogateescape")
        response = await running.client.request(
            method, path, headers={b"authorization": b"Bearer " + token}, content=b"{}"
        )
        if response.status_code != 401 or response.headers["www-authenticate"] != "Bearer":
            taken[name] = response.status_code

    assert taken == {}
    assert len(FORGED) >= 40


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("authorization", "Basic YWRtaW46YWRtaW4=")], 401),
        ([("authorization", "Bearer ")], 401),
        ([("cookie", "token={token}")], 401),
        ([("x-authorization", "Bearer {token}")], 401),
        ([("x-forwarded-user", "1"), ("x-user-id", "1"), ("x-roles", "admin")], 401),
        ([("authorization", "Bearer x"), ("authorization", "Bearer {token}")], 400),
    ],
    ids=["Basic", "nothing after Bearer", "cookie", "another header", "a proxy's", "twice"],
)
async def test_a_token_counts_in_one_place_only(
    services: Running, headers: list[tuple[str, str]], status: int
) -> None:
    """A valid token elsewhere is ignored, and no header names the user."""
    shop = services["purchase"]
    token = shop.issuer.token(1, "staff")
    sent = [(name, value.format(token=token)) for name, value in headers]
    response = await shop.client.get("/purchases", headers=sent)

    assert response.status_code == status


async def test_a_token_in_the_query_is_ignored(services: Running) -> None:
    """Query strings are logged by proxies."""
    shop = services["purchase"]
    response = await shop.client.get(f"/purchases?access_token={shop.issuer.token(1, 'staff')}")

    assert response.status_code == 401

"""The runner prints reset links in place of a service that sends mail."""

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from functions.kit.base.settings import Secret
from functions.kit.events.internal_secret import RESET_LINKS, InternalSecret
from functions.local.console import Console
from functions.local.reset_links import REQUESTED, ResetLinks, serving
from tests.local.runners import running
from tests.local.subscribers import CannedResponse, Subscriber, subscribing

PASSWORD, NEW = "una frase bastante larga", "otra frase bastante larga"
CREATED = {"email": "ana@example.org", "link": "http://127.0.0.1:8000/es/reset-password?token=x"}
SECRET = "a-secret-that-all-services-of-this-test-share"


@pytest.fixture
async def auth() -> AsyncIterator[Subscriber]:
    """In place of auth's internal API."""
    async with subscribing() as fake:
        yield fake


async def consume(
    auth_url: str, data: bytes = b'{"reset_id": 7}', event_type: str = REQUESTED
) -> tuple[int, str]:
    """The status for one event, and what is printed."""
    printed = io.StringIO()
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/bookstore/auth/accounts",
        "ce-type": event_type,
        "content-type": "application/json",
    }
    async with serving(ResetLinks(auth_url, Console(printed))) as url, httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/events", content=data, headers=headers)
    return answer.status_code, printed.getvalue()


async def test_a_link_is_printed_with_its_address(
    auth: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """auth is asked with the token for links."""
    monkeypatch.setenv("INTERNAL_SECRET", SECRET)
    auth.respond = lambda _: CannedResponse(200, body=json.dumps(CREATED).encode())
    status, printed = await consume(auth.url)

    assert status == 202
    assert CREATED["email"] in printed
    assert CREATED["link"] in printed
    (asked,) = auth.received
    assert asked.path == "/internal/password-resets/7/link"
    assert InternalSecret(Secret(SECRET)).authorizes(asked.headers, RESET_LINKS)


@pytest.mark.parametrize(("auths", "status"), [(404, 202), (409, 202), (500, 503), (503, 503)])
async def test_an_event_comes_again_only_where_that_helps(
    auth: Subscriber, auths: int, status: int
) -> None:
    """A request that expired, or whose link was printed, is done."""
    auth.respond = lambda _: CannedResponse(auths)

    assert await consume(auth.url) == (status, "")


async def test_another_secret_is_reported(auth: Subscriber) -> None:
    """Otherwise nobody would know why no link is printed."""
    auth.respond = lambda _: CannedResponse(401)
    status, printed = await consume(auth.url)

    assert status == 202
    assert "INTERNAL_SECRET" in printed


async def test_an_event_waits_for_auth(auth: Subscriber) -> None:
    """A restarting auth is asked again by the broker's next delivery."""
    assert await consume("http://127.0.0.1:1") == (503, "")
    assert auth.received == []


@pytest.mark.parametrize(
    ("data", "event_type"),
    [(b"{", REQUESTED), (b'{"reset_id": "x"}', REQUESTED), (b"{}", "bookstore.user.named.v1")],
)
async def test_other_events_are_passed_over(auth: Subscriber, data: bytes, event_type: str) -> None:
    """Also unreadable ones, which would be as unreadable the next time."""
    assert await consume(auth.url, data, event_type) == (202, "")
    assert auth.received == []


async def test_dev_prints_a_link_that_works(tmp_path: Path) -> None:
    """No log of any program has its token."""
    data = tmp_path / "data"
    async with running(data, "--no-seed", package="functions", LOG_LEVEL="DEBUG") as runner:
        await runner.until_printed("Ctrl-C stops the shop")
        async with httpx.AsyncClient(base_url=runner.ports.url("auth"), timeout=30) as client:
            body = {"email": "ana@example.org", "password": PASSWORD}
            await client.post("/register", json=body)
            asked = {"email": body["email"], "language": "en"}
            assert (await client.post("/password/forgot", json=asked)).status_code == 202
            storefront = runner.ports.url("storefront")
            await runner.until_printed(f"{storefront}/en/reset-password?token=")
            (token,) = re.findall(r"token=([\w-]+)", runner.output)
            reset = await client.post("/password/reset", json={"token": token, "password": NEW})
            login = await client.post("/login", json={**body, "password": NEW})
        assert await runner.stop() == 0
    kept = [file.read_bytes() for file in data.rglob("*") if file.is_file()]

    assert (reset.status_code, login.status_code) == (200, 200)
    assert runner.output.count(token) == 1
    assert not any(token.encode() in content for content in kept)

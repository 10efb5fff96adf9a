"""The client's address of a request that the storefront makes for a visitor."""

import logging
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.settings import Secret
from functions.kit.http.visitors import VisitorMiddleware
from functions.kit.security.visitor_address import HEADER, VisitorAddress
from tests.support.clock import FakeClock
from tests.support.signing import SECRET

STOREFRONT, VISITOR = "10.0.3.7", "198.51.100.7"


def addresses() -> VisitorAddress:
    return VisitorAddress(Secret(SECRET), FakeClock())


async def seen(*headers: str, middleware: VisitorMiddleware | None = None) -> str:
    """The client's address as the app finds it."""
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/login",
        "client": (STOREFRONT, 4711),
        "headers": [(HEADER.encode(), each.encode("latin-1")) for each in headers],
    }

    async def app(*_: object) -> None: ...

    middleware = middleware or VisitorMiddleware(app, "auth", addresses())
    await middleware(scope, None, None)  # type: ignore[arg-type]
    found: str = scope["client"][0]
    return found


def signed(path: str = "/login") -> str:
    return addresses().headers("auth", "POST", path, VISITOR)[HEADER]


async def test_a_signed_address_counts() -> None:
    """Instead of the storefront's own."""
    assert await seen(signed()) == VISITOR
    assert await seen() == STOREFRONT


@given(st.lists(st.text(st.characters(max_codepoint=0xFF), max_size=120), min_size=1, max_size=3))
async def test_a_forged_address_changes_nothing(headers: list[str]) -> None:
    """However often it is sent."""
    assert await seen(*headers) == STOREFRONT
    assert await seen(signed(), *headers) == STOREFRONT


async def test_an_address_of_another_request_changes_nothing() -> None:
    """One that was seen elsewhere cannot be sent here."""
    assert await seen(signed("/register")) == STOREFRONT


async def test_a_wrong_secret_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Its operator learns of it, and a stranger cannot fill the log."""
    caplog.set_level(logging.WARNING)

    async def app(*_: object) -> None: ...

    middleware = VisitorMiddleware(app, "auth", addresses())
    for _ in range(50):
        await seen("forged", middleware=middleware)

    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "a Visitor-Address was ignored"
    ]


async def test_a_connection_is_not_touched() -> None:
    """The lifespan has no client."""
    passed: list[object] = []

    async def app(scope: object, *_: object) -> None:
        passed.append(scope)

    scope: Any = {"type": "lifespan"}
    await VisitorMiddleware(app, "auth", addresses())(scope, None, None)  # type: ignore[arg-type]

    assert passed == [{"type": "lifespan"}]


async def test_a_service_without_a_secret_reads_no_header(client: httpx.AsyncClient) -> None:
    """Any header leaves the request as it is."""
    answer = await client.get("/", headers={HEADER: signed()})

    assert answer.status_code == 200

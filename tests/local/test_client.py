"""The client retries transient errors for a limited time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.local import client as client_module
from functions.local.client import Client, wait_until
from functions.local.errors import ShopError
from tests.local.subscribers import CannedResponse, subscribing
from tests.servers.programs import free_port


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Client]:
    async with Client({"purchase": url}) as client:
        yield client


@pytest.fixture
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 0.3)
    monkeypatch.setattr(client_module, "_PAUSE_SECONDS", 0.01)


@pytest.mark.usefixtures("_short_waits")
async def test_a_service_that_restarts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to a port without a listener is sent again until the service accepts it, once."""
    monkeypatch.setattr(client_module, "RETRY_SECONDS", 20.0)
    port = free_port()

    async with calling(f"http://127.0.0.1:{port}") as client:
        request = asyncio.create_task(client.request("POST", "purchase", "/purchase", json={}))
        async with subscribing(port) as service:
            response = await request

    assert response.status_code == 202
    assert len(service.received) == 1


@pytest.mark.usefixtures("_short_waits")
async def test_503_is_retried() -> None:
    """After two answers with 503 the third try gets 201, which is returned."""
    async with subscribing() as service, calling(service.url) as client:
        responses = iter([CannedResponse(503), CannedResponse(503), CannedResponse(201)])
        service.respond = lambda _: next(responses)

        response = await client.request("POST", "purchase", "/purchase", json={})

    assert response.status_code == 201
    assert len(service.received) == 3


@pytest.mark.usefixtures("_short_waits")
async def test_retries_end() -> None:
    """After `RETRY_SECONDS` without a connection, `ShopError` names the method and the URL."""
    async with calling(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(ShopError, match=r"GET http://.*/books: no response in"):
            await client.request("GET", "purchase", "/books")


@pytest.mark.usefixtures("_short_waits")
async def test_a_broken_connection_is_retried() -> None:
    """As when a process is killed with the connection in its backlog."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if connections > 1:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, calling(url) as client:
        response = await client.request("POST", "purchase", "/logout")

    assert (response.status_code, connections) == (200, 2)


async def test_an_unexpected_status_is_reported_with_the_body() -> None:
    """`expect` raises `ShopError` with the received status, the expected one and the body."""
    async with subscribing() as service, calling(service.url) as client:
        service.respond = lambda _: CannedResponse(403, body=b"no staff")

        with pytest.raises(ShopError, match="responded with 403 instead of 201: no staff"):
            await client.expect(201, "POST", "purchase", "/providers")


async def test_a_condition_that_never_holds_is_named() -> None:
    """`wait_until` raises `ShopError` with the seconds waited and the condition's description."""

    async def never() -> bool:
        return False

    with pytest.raises(ShopError, match="Waited 0 s without result until the event arrives"):
        await wait_until("the event arrives", never, seconds=0.0)

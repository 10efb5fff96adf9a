"""The client waits out what passes, and gives up in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from functions.local import client as client_module
from functions.local.client import Client, until
from functions.local.errors import ShopError
from tests.local.subscribers import Answer, subscribing
from tests.servers.programs import free_port


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Client]:
    async with Client({"purchase": url}) as client:
        yield client


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(client_module, "_PAUSE_SECONDS", 0.01)


@pytest.mark.usefixtures("_impatient")
async def test_a_service_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PATIENCE_SECONDS", 20.0)
    port = free_port()

    async with calling(f"http://127.0.0.1:{port}") as client:
        request = asyncio.create_task(client.request("POST", "purchase", "/purchase", json={}))
        async with subscribing(port) as service:
            response = await request

    assert response.status_code == 202
    assert len(service.received) == 1


@pytest.mark.usefixtures("_impatient")
async def test_503_is_asked_again() -> None:
    async with subscribing() as service, calling(service.url) as client:
        answers = iter([Answer(503), Answer(503), Answer(201)])
        service.answer = lambda _: next(answers)

        response = await client.request("POST", "purchase", "/purchase", json={})

    assert response.status_code == 201
    assert len(service.received) == 3


@pytest.mark.usefixtures("_impatient")
async def test_patience_ends() -> None:
    async with calling(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(ShopError, match=r"GET http://.*/books: no answer in"):
            await client.request("GET", "purchase", "/books")


@pytest.mark.usefixtures("_impatient")
async def test_a_connection_that_breaks_is_made_again() -> None:
    """As when a process dies with the connection in its backlog."""
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


async def test_an_unexpected_status_is_told_with_the_answer() -> None:
    async with subscribing() as service, calling(service.url) as client:
        service.answer = lambda _: Answer(403, body=b"no staff")

        with pytest.raises(ShopError, match="answered 403 where 201 was expected: no staff"):
            await client.expect(201, "POST", "purchase", "/providers")


async def test_what_never_comes_is_named() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(ShopError, match="in vain for this: that pigs fly"):
        await until("that pigs fly", never, seconds=0.0)

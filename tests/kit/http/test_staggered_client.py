"""The first connection to each peer is attempted again while it is not answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import anyio
import httpcore
import httpx
import pytest

from functions.kit.base.connecting import FirstConnections, open_streams
from functions.kit.http.client import lazy_client
from functions.kit.mysql.staggered import DELAYS


class LostAttempts:
    """The network: the first attempts to connect are lost, later ones are real."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.attempts = 0

    async def wait_if_lost(self) -> None:
        self.attempts += 1
        if self.attempts <= self.lost:
            await asyncio.Event().wait()


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """Of a server that answers one request with 204 and closes the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(65_536):
            writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield host, port


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> LostAttempts:
    """Under httpx and asyncio's streams."""
    network = LostAttempts(lost=0)
    connect_tcp, open_connection = anyio.connect_tcp, asyncio.open_connection

    async def lossy_connect_tcp(*args: Any, **options: Any) -> Any:
        await network.wait_if_lost()
        return await connect_tcp(*args, **options)

    async def lossy_open_connection(*args: Any, **options: Any) -> Any:
        await network.wait_if_lost()
        return await open_connection(*args, **options)

    monkeypatch.setattr(anyio, "connect_tcp", lossy_connect_tcp)
    monkeypatch.setattr(asyncio, "open_connection", lossy_open_connection)
    return network


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_a_first_request_survives_lost_attempts(
    network: LostAttempts, address: tuple[str, int], lost: int
) -> None:
    """The request goes out on the first connection that is established."""
    network.lost = lost
    client = lazy_client()

    response = await client.get("http://{}:{}/".format(*address), timeout=60.0)

    assert response.status_code == 204
    assert network.attempts > lost
    await client.aclose()


async def test_all_attempts_have_one_deadline(
    network: LostAttempts, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later attempt has so much less time as it begins later; then the request has failed."""
    network.lost = 99
    limits: list[float] = []
    connect_tcp = httpcore.AnyIOBackend.connect_tcp

    def recording(
        backend: httpcore.AnyIOBackend, host: str, port: int, timeout: float, *more: Any
    ) -> Awaitable[httpcore.AsyncNetworkStream]:
        limits.append(timeout)
        return connect_tcp(backend, host, port, timeout, *more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", recording)
    client = lazy_client()
    before = asyncio.all_tasks()

    with pytest.raises(httpx.ConnectTimeout):
        await client.get("http://{}:{}/".format(*address), timeout=httpx.Timeout(60.0, connect=1.0))

    first, *later = limits
    assert 0.0 < first <= 1.0
    assert len(later) == len(DELAYS)
    assert all(limit <= first - delay + 1e-6 for limit, delay in zip(later, DELAYS, strict=True))
    assert asyncio.all_tasks() == before
    await client.aclose()


async def test_a_peer_that_was_reached_is_attempted_once(
    network: LostAttempts, address: tuple[str, int]
) -> None:
    """A later connection has one attempt, within the request's own time limit."""
    client = lazy_client()
    await client.get("http://{}:{}/".format(*address), timeout=60.0)
    before = network.attempts
    network.lost = 99

    with pytest.raises(httpx.ConnectTimeout):
        await client.get("http://{}:{}/".format(*address), timeout=httpx.Timeout(60.0, connect=1.0))

    assert network.attempts == before + 1
    await client.aclose()


async def test_a_refused_connection_is_reported_at_once() -> None:
    """Where nobody listens, no further attempt is made."""
    client = lazy_client()

    with pytest.raises(httpx.ConnectError):
        await client.get("http://127.0.0.1:1/", timeout=60.0)

    await client.aclose()


async def test_streams_survive_lost_attempts(
    network: LostAttempts, address: tuple[str, int]
) -> None:
    """The relay's connection to the broker is one of these."""
    network.lost = 1

    reader, writer = await open_streams(FirstConnections(), *address, secure=False)

    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 204")
    writer.close()
    assert network.attempts > 1

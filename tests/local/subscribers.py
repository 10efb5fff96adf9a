"""A subscriber that records its requests and responds as a test configures."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

DEADLINE_SECONDS = 60.0
"""Far above what anything here takes; reached only by a test that hangs."""


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["ce-id"]


@dataclass(frozen=True)
class CannedResponse:
    status: int = 202
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: asyncio.Event | None = None
    """The response is sent once this is set."""


@dataclass
class Subscriber:
    url: str
    respond: Callable[[Received], CannedResponse] = lambda _: CannedResponse()
    received: list[Received] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, holds: Callable[[list[Received]], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: holds(self.received))

    async def until_count(self, count: int) -> None:
        await self.until(lambda received: len(received) >= count)

    def ids(self, path: str = "/events") -> list[str]:
        return [request.event_id for request in self.received if request.path == path]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = Received(scope["path"], headers, body)
        async with self._changed:
            self.received.append(request)
            self._changed.notify_all()
        response = self.respond(request)
        if response.hold is not None:
            await response.hold.wait()
        fields = {"content-length": str(len(response.body)), **response.headers}
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
            }
        )
        await send({"type": "http.response.body", "body": response.body})


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """pytest handles the signals."""
        yield


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """The URL of the ASGI app, served in this process over HTTP."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            app, lifespan="auto", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve([listener]))
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not server.started:
                assert not task.done(), "the server did not start"
                await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def subscribing(port: int = 0) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber("")
    async with serving(subscriber, port) as url:
        subscriber.url = url
        yield subscriber

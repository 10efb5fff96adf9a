"""An httpx client whose first connection to each peer is attempted in staggered parallel."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import httpcore
import httpx

from functions.kit.base.connecting import FirstConnections
from functions.kit.base.tracing import CLIENT, Value, is_recording, pass_on, span


class _Backend(httpcore.AnyIOBackend):
    def __init__(self) -> None:
        self._first_connections = FirstConnections()
        self._closing: set[asyncio.Task[None]] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        connect = super().connect_tcp
        time = asyncio.get_running_loop().time
        begun = time()

        def attempt() -> Awaitable[httpcore.AsyncNetworkStream]:
            # A later attempt has what is left, so that all of them end by the one deadline.
            left = None if timeout is None else max(0.0, begun + timeout - time())
            return connect(host, port, left, local_address, socket_options)

        return await self._first_connections.connect((host, port), attempt, self._close)

    def _close(self, unused: httpcore.AsyncNetworkStream) -> None:
        task = asyncio.get_running_loop().create_task(unused.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Client(httpx.AsyncClient):
    """Passes the current trace on, with a span for each request."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if not is_recording():
            pass_on(request.headers)
            return await super().send(request, **options)
        url = request.url
        attributes: dict[str, Value] = {
            "http.request.method": request.method,
            "server.address": url.host,
            "server.port": url.port or (443 if url.scheme == "https" else 80),
            # Without the query, which has what people search for.
            "url.full": str(url.copy_with(query=None, username=None, password=None)),
        }
        with span(request.method, CLIENT, attributes) as recorded:
            pass_on(request.headers)
            response = await super().send(request, **options)
            recorded.set("http.response.status_code", response.status_code)
            if response.status_code >= 400:
                recorded.fail(str(response.status_code))
        return response


def staggered_client() -> httpx.AsyncClient:
    """A client with httpx's defaults; only a proxy's connections are not staggered."""
    client = _Client()
    # httpcore's pool takes a network backend, but httpx has no parameter for it.
    client._transport._pool._network_backend = _Backend()  # type: ignore[attr-defined] # noqa: SLF001
    return client

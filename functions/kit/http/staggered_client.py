"""An httpx client whose first connection to each peer is attempted in staggered parallel."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from functions.kit.base.connecting import FirstConnections


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
        return await self._first_connections.connect(
            (host, port),
            lambda: connect(host, port, timeout, local_address, socket_options),
            self._close,
        )

    def _close(self, unused: httpcore.AsyncNetworkStream) -> None:
        task = asyncio.get_running_loop().create_task(unused.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def staggered_client() -> httpx.AsyncClient:
    """A client with httpx's defaults; only a proxy's connections are not staggered."""
    client = httpx.AsyncClient()
    # httpcore's pool takes a network backend, but httpx has no parameter for it.
    client._transport._pool._network_backend = _Backend()  # type: ignore[attr-defined] # noqa: SLF001
    return client

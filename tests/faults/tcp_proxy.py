"""A TCP proxy between two processes that can refuse, reset or delay connections."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class TcpProxy:
    """Forwards bytes in both directions, unless `cut` is set."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        self.wake: Callable[[], Awaitable[None]] | None = None
        """Called before a connection is forwarded; it starts the process behind the proxy."""
        self.used = time.monotonic()
        """Time of the last byte or connection."""
        self.cut = False
        """Whether new connections are reset."""
        self._open: set[asyncio.StreamWriter] = set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        self.used = time.monotonic()
        try:
            if self.wake is not None:
                await self.wake()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(
                self._forward(reader, far_writer), self._forward(far_reader, writer)
            )
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.used = time.monotonic()
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def drop(self) -> int:
        """Reset every open connection; returns the number of ends, two for each."""
        for writer in (dropped := list(self._open)):
            writer.transport.abort()
        return len(dropped)


@asynccontextmanager
async def tcp_proxy(target: int) -> AsyncIterator[TcpProxy]:
    """A proxy to a port of this machine, on a free port."""
    made = TcpProxy(target)
    server = await asyncio.start_server(made._connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut = True
        made.drop()
        await asyncio.sleep(0)

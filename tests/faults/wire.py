"""A cable between two processes that can be cut, slowed down, or made to swallow what is sent."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Cable:
    """Passes bytes on to a port, as long as it is whole."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        self.wake: Callable[[], Awaitable[None]] | None = None
        """Called before a connection is passed on: whoever sleeps behind it is started."""
        self.used = time.monotonic()
        self.cut = False
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
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        """Reset every connection that there is; answers how many ends."""
        for writer in (dropped := list(self._open)):
            writer.transport.abort()
        return len(dropped)


@asynccontextmanager
async def cable(target: int) -> AsyncIterator[Cable]:
    """A cable to a port of this machine, on a port of its own."""
    made = Cable(target)
    server = await asyncio.start_server(made._connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut = True
        made.drop()
        await asyncio.sleep(0)

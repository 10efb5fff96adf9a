"""A cable between a client and a server, to be cut, or to swallow what the server says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 5672
        self._credentials = f"{parts.username}:{parts.password}"
        self._path = parts.path
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        """How many there have been."""

    @property
    def url(self) -> str:
        """The server, through this cable."""
        return f"amqp://{self._credentials}@127.0.0.1:{self.port}{self._path}"

    def cut(self) -> None:
        """Every connection of now ends, without a word; new ones can be made."""
        for writer in self._writers:
            writer.transport.abort()

    def hold(self) -> None:
        """The client's words get through, and no answer comes back, until `release`."""
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    async def plug(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        with suppress(OSError):
            await asyncio.wait(
                [
                    asyncio.create_task(_pump(reader, far_writer, None)),
                    asyncio.create_task(_pump(far_reader, writer, self._flowing)),
                ]
            )
        self._writers -= ends


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event | None
) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            if flowing is not None:
                await flowing.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[Cable]:
    cable = Cable(url)
    await cable.plug()
    try:
        yield cable
    finally:
        cable.release()
        await cable.unplug()

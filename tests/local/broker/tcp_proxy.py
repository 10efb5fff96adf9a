"""A TCP proxy for RabbitMQ that can abort connections and hold back the server's data."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class TcpProxy:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 5672
        self._credentials = f"{parts.username}:{parts.password}"
        self._path = parts.path
        self._writers: set[asyncio.StreamWriter] = set()
        self._released = asyncio.Event()
        self._released.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        """Accepted so far."""

    @property
    def url(self) -> str:
        """The server's URL through this proxy."""
        return f"amqp://{self._credentials}@127.0.0.1:{self.port}{self._path}"

    def abort(self) -> None:
        """Aborts the open connections; new ones are accepted."""
        for writer in self._writers:
            writer.transport.abort()

    def hold(self) -> None:
        """Forwards the client's data, but none of the server's until `release`."""
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.abort()
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        writers = {writer, server_writer}
        self._writers |= writers
        with suppress(OSError):
            await asyncio.wait(
                [
                    asyncio.create_task(_forward(reader, server_writer, None)),
                    asyncio.create_task(_forward(server_reader, writer, self._released)),
                ]
            )
        self._writers -= writers


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, released: asyncio.Event | None
) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            if released is not None:
                await released.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def tcp_proxy_to(url: str) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        proxy.release()
        await proxy.stop()

"""One real service behind the shop's own server, and a wire on which any bytes can be sent.

Next file: `test_slow_clients`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx
import msgspec

from functions.kit.http.problems import Problem
from tests.servers.programs import free_port
from tests.support.processes import ROOT, START_LIMIT


class Served:
    """A process of a service; what it says goes into a file."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self.process: asyncio.subprocess.Process | None = None
        self.wires: list[Wire] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    async def stop(self) -> int:
        """SIGTERM, as the platform sends it; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The process accepts and answers nothing meanwhile."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def connect(self) -> "Wire":
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self.wires.append(wire)
        return wire

    async def send(self, request: bytes) -> bytes:
        """All that comes back for some bytes, until the other side closes."""
        wire = await self.connect()
        await wire.send(request)
        return await wire.rest()


class Answer(NamedTuple):
    """One response: names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self) -> Any:
        """The problem document, which holds what every one of the shop's does."""
        assert self.headers["content-type"] == "application/problem+json"
        msgspec.json.decode(self.body, type=Problem)
        return msgspec.json.decode(self.body)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return cls(int(first.split()[1]), headers, body)


class Wire:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """The next response, for which the connection need not close."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(Answer.parse(head).headers["content-length"])
        return Answer.parse(head + await self.reader.readexactly(length))

    async def trickle(self, data: bytes, every: float) -> bool:
        """Send byte after byte; whether all of it was taken before the other side hung up."""
        hung_up = asyncio.ensure_future(self.reader.read())
        try:
            for byte in data:
                self.writer.write(bytes([byte]))
                done, _ = await asyncio.wait({hung_up}, timeout=every)
                if done:
                    return False
            return True
        finally:
            hung_up.cancel()
            self.writer.close()

    async def rest(self) -> bytes:
        """What is left to read, until the other side closes."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""
        finally:
            self.writer.close()


@asynccontextmanager
async def serving_process(
    name: str,
    folder: Path,
    *options: str,
    module: str = "functions.kit.start.serve",
    **environment: str,
) -> AsyncIterator[Served]:
    """A service as the runner and the image start it, on SQLite; killed at the end."""
    served = Served(free_port(), folder / f"{name}.log")
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder}/{name}.db",
        "AUTH_URL": "http://127.0.0.1:9",
        **environment,
    }
    with served.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, f"functions.{name}.app:create_app"),
            *("--port", str(served.port), *options),
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    served.process = process
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(START_LIMIT):
            while not await _is_ready(client, served, process):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # nothing announces that a port is open
        yield served
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for wire in served.wires:
            wire.writer.close()


async def _is_ready(
    client: httpx.AsyncClient, served: Served, process: asyncio.subprocess.Process
) -> bool:
    try:
        return (await client.get(f"{served.url}/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        assert process.returncode is None, served.said()
        return False

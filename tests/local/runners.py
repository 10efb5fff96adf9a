"""Runs `functions.local.dev` as a process with its own ports and folder, over the stub shop."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from functions.local.ports import Ports, is_taken
from tests.local.subscribers import DEADLINE_SECONDS

ROOT = Path(__file__).parents[2]


class Runner:
    def __init__(self, process: asyncio.subprocess.Process, ports: Ports) -> None:
        self.process = process
        self.ports = ports
        self.output = ""
        self._output_ended = False
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def until_printed(self, text: str, *, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._changed:
            await self._changed.wait_for(
                lambda: self.output.count(text) >= times or self._output_ended
            )
        assert self.output.count(text) >= times, self.output

    async def until_exited(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), DEADLINE_SECONDS)
        await self._reader
        return code

    async def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """The exit code."""
        self.process.send_signal(how)
        return await self.until_exited()

    async def get(self, service: str, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(self.ports.url(service) + path)

    async def post(self, service: str, path: str) -> None:
        async with httpx.AsyncClient() as client:
            with suppress(httpx.TransportError):
                await client.post(self.ports.url(service) + path)

    async def until_all_ports_are_free(self) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while any(is_taken(port) for _, port in self.ports.each()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(4096):
            async with self._changed:
                self.output += chunk.decode()
                self._changed.notify_all()
        async with self._changed:
            self._output_ended = True
            self._changed.notify_all()


@asynccontextmanager
async def running(
    data: Path,
    *options: str,
    ports: Ports | None = None,
    package: str = "tests.local.stub_shop",
    **environment: str,
) -> AsyncIterator[Runner]:
    ports = ports or Ports.any_free()
    port_options = [f"--{program}-port={port}" for program, port in ports.each()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions.local.dev", "--package", package),
        *("--data", str(data), *port_options, *options),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    runner = Runner(process, ports)
    try:
        yield runner
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await runner.until_exited()
        await runner.until_all_ports_are_free()

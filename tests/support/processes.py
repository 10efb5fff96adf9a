"""Real services as real processes: on free ports, ready when they say so, killed on demand."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.servers.programs import free_port

ROOT = Path(__file__).parents[2]
START_LIMIT = 60.0
"""Seconds; only a process that will never be ready takes that long."""


class Service:
    """One process of a service."""

    def __init__(
        self, name: str, environment: Mapping[str, str], *, port: int | None = None
    ) -> None:
        self.name = name
        self.port = port or free_port()
        self.environment = dict(environment)
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """The arguments of the interpreter."""
        factory = f"functions.{self.name}.app:create_app"
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        return ["-m", "uvicorn", "--factory", factory, *address, "--no-access-log"]

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.command,
            cwd=ROOT,
            env={**os.environ, "LOG_LEVEL": "WARNING", **self.environment},
        )
        async with httpx.AsyncClient() as client, asyncio.timeout(START_LIMIT):
            while True:
                try:
                    response = await client.get(f"{self.url}/readyz")
                    if response.status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    if self.process.returncode is not None:
                        raise AssertionError(f"{self.name} ended at its start") from None
                await asyncio.sleep(0.02)  # nothing announces that a port is open

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, as the platform sends it; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


@asynccontextmanager
async def running(*services: Service) -> AsyncIterator[None]:
    """All of them started, and none left behind."""
    try:
        await asyncio.gather(*[service.start() for service in services])
        yield
    finally:
        for service in services:
            if service.process is not None:
                await service.kill()

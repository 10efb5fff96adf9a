"""Processes that may be killed, frozen and started again, each under the name it has in the shop.

`tests/support/processes.py` starts what is shipped; this starts it through `fault_injection.py`.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.servers.programs import free_port
from tests.support.processes import ROOT, START_LIMIT


class Process:
    """One of the shop's processes; it keeps its port when it is started again."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, ready: str, log: Path
    ) -> None:
        self.arguments = list(arguments)
        self.environment = dict(environment)
        self.port = free_port()
        self.public_port = self.port
        """The port for callers: a proxy's port where there is one."""
        self.ready = ready
        self.log = log
        self.faults: dict[str, str] = {}
        """The fault that its present process was started with."""
        self.tree = ROOT
        """The checkout whose code it runs."""
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.public_port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self, **faults: str) -> None:
        """Start it with the named faults of `fault_injection.py`; return when it is ready."""
        await self.launch(**faults)
        async with asyncio.timeout(START_LIMIT):
            while not await self.answers():
                assert self.alive, f"{self.arguments} ended at its start: {self.tail()}"
                await asyncio.sleep(0.02)  # nothing announces that a port is open

    async def launch(self, **faults: str) -> None:
        """Start it, and wait for nothing."""
        self.faults = faults
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                # A run that is killed leaves no process behind.
                *[
                    sys.executable,
                    "-m",
                    "functions.local.parent_watch",
                    "tests.faults.fault_injection",
                ],
                *[*self.arguments, "--port", str(self.port)],
                cwd=self.tree,
                env={**os.environ, "LOG_LEVEL": "WARNING", **self.environment, **faults},
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    async def answers(self) -> bool:
        """Whether it is ready.

        Without an HTTP client, which would compete with the start for the processor: this is asked
        fifty times a second.
        """
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"GET {self.ready} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                    return b" 200 " in await reader.readline()
                finally:
                    writer.transport.abort()
        except OSError:  # TimeoutError is one
            return False

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, as the platform sends it."""
        assert self.process is not None
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        await self.process.wait()

    async def died(self) -> None:
        assert self.process is not None
        await self.process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped by SIGSTOP: it keeps its locks and connections, and does nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def no_file_beyond(self, size: int) -> Iterator[None]:
        """No write beyond `size` bytes of a file, which the process sees as a full disk."""
        before = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, before)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""

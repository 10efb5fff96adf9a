"""Services and floors as processes: started, watched through /proc, and none left behind."""
# ruff: noqa: S603 - the programs are this checkout's own

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.cluster.dockerfile import Stage
from tests.servers.programs import free_port

ROOT = Path(__file__).parents[2]
START_LIMIT = 60.0
POLL = 0.003
"""Seconds between two attempts to connect to a process that starts. Attempts take CPU time from it:
one in each millisecond a tenth of a core."""
SETTINGS = {
    "LOG_FORMAT": "json",
    "EXPOSED_API": "public",
    # One buyer buys everything here, and pays for nothing.
    "MAX_UNPAID_PURCHASES": "0",
    "MAX_UNPAID_COPIES": "0",
}
"""Of a service as it is measured."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """One process that listens on a port of its own."""

    def __init__(
        self, command: list[str], environment: Mapping[str, str], port: int, folder: Path = ROOT
    ) -> None:
        self.command = command
        self.environment = dict(environment)
        self.port = port
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def service(
        cls, name: str, *, module: str = "functions.kit.start.serve", **environment: str
    ) -> Self:
        """A service from this checkout, logs and all; they go nowhere."""
        port = free_port()
        command = [sys.executable, "-m", module, f"functions.{name}.app:create_app"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        return cls(command, {**SETTINGS, **environment}, port)

    @classmethod
    def image(cls, stage: Stage, **environment: str) -> Self:
        """A service from its image's tree, by its image's command."""
        port = free_port()
        environment = {
            **stage.variables(),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PORT": str(port),
            **SETTINGS,
            **environment,
        }
        return cls(stage.command, environment, port, stage.path("."))

    @classmethod
    def floor(cls, database_url: str, **environment: str) -> Self:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "tests.bench.floor:app"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--no-server-header", "--no-access-log", "--log-level", "warning"]
        return cls(command, {"DATABASE_URL": database_url, **environment}, port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, path: str | None = "/books") -> float:
        """Start it; the seconds until the first 200 of a path, the process's own start included.

        Without a path it is enough that the port is open.
        """
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            # As in an image, bytecode is there: nothing may keep it from being written.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = begun + START_LIMIT
        while not self._answers(path):
            if self.process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"it did not start: {' '.join(self.command)}")
            time.sleep(POLL)
        return time.perf_counter() - begun

    def _answers(self, path: str | None) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                if path is None:
                    return True
                connection.sendall(f"GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n".encode())
                return connection.recv(4096).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))
        except OSError:
            return False

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def cpu_seconds(self) -> float:
        """What it has used of the processors, in user and kernel mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mib(self) -> float:
        """Its resident set."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the kernel does not tell VmRSS")


@contextmanager
def started(*servers: Server, path: str | None = "/books") -> Iterator[None]:
    try:
        for server in servers:
            server.start(path)
        yield
    finally:
        for server in servers:
            server.stop()

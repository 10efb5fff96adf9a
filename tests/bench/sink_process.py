"""The sink of `sink.py` as a process, asked how many events it has."""
# ruff: noqa: S603 - this checkout's own module

import http.client
import subprocess
import sys
import time
from typing import Self

from tests.bench.processes import ROOT
from tests.servers.programs import free_port


class SinkProcess:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.bench.sink", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.perf_counter() + 10
        while True:
            try:
                self.taken()
            except OSError:
                if time.perf_counter() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.01)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def taken(self) -> int:
        """Events that it has accepted so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        finally:
            connection.close()

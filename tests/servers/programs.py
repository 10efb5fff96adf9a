"""What tests of any server need: its program, free ports, its end, a word where it is missing."""

import os
import secrets
import shutil
import socket
import subprocess
from typing import NoReturn

import pytest

_PORTS = range(15_000, 32_000)
"""Below those that systems give to connections (Linux from 32768, others from 49152): a connection
could else have the port of a server that is just being started again."""

_given: set[int] = set()


def missing(reason: str) -> NoReturn:
    """Skip with the reason, or fail where every service must be there."""
    if os.environ.get("BOOKSTORE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def find(*programs: str) -> str | None:
    """The first that is installed. Debian keeps servers where only root's PATH leads."""
    places = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
    path = os.pathsep.join((os.environ.get("PATH", ""), *places))
    return next((found for each in programs if (found := shutil.which(each, path=path))), None)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on, and that nobody else of this run is given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = _PORTS[worker % workers :: workers]
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(ports)  # hypothesis seeds `random`, in every worker alike
        if port not in _given and _is_free(port):
            _given.add(port)
            found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class CleanupOnExit:
    """A shell script that runs when this process ends, also by SIGKILL, unless it is cancelled.

    Its shell reads a pipe that the kernel then closes.
    """

    def __init__(self, script: str, *arguments: object) -> None:
        self._shell = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", f"cat >/dev/null; {script}", "sh", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must not reach it
        )

    def cancel(self) -> None:
        self._shell.kill()
        self._shell.communicate()

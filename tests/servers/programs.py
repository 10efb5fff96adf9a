"""What tests of any server need: its program, free ports, and a word where it is missing."""

import os
import shutil
import socket
from typing import NoReturn

import pytest


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
    """Ports of 127.0.0.1 that nothing listens on just now, each another one."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]

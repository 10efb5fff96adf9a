"""The ports of the programs, and the check that they are free.

auth, catalog and purchase have the ports of the original shop.
"""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

from functions.local.errors import PortTakenError
from functions.local.invocation import command

HOST = "127.0.0.1"
SERVICES = ("auth", "catalog", "purchase", "notifications")
"""Services with a database."""

_AIRPLAY = (5000, 7000)


@dataclass(frozen=True)
class Ports:
    auth: int = 5000
    catalog: int = 5001
    purchase: int = 5002
    broker: int = 5009
    storefront: int = 8000
    traces: int = 5007
    notifications: int = 5003
    mailbox: int = 5005
    smtp: int = 5006
    """Where the mailbox takes mails."""

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        return cls(*(base + offset for offset in (0, 1, 2, 9, 8, 7, 3, 5, 6)))

    @classmethod
    def any_free(cls) -> "Ports":
        """A free port for each program. Another process may take one before it is used."""
        probes = [socket.socket() for _ in fields(cls)]
        try:
            for probe in probes:
                probe.bind((HOST, 0))
            return cls(*(probe.getsockname()[1] for probe in probes))
        finally:
            for probe in probes:
                probe.close()

    def of(self, program: str) -> int:
        port: int = getattr(self, program)
        return port

    def url(self, program: str) -> str:
        return f"http://{HOST}:{self.of(program)}"

    def each(self) -> Iterator[tuple[str, int]]:
        for field in fields(self):
            yield field.name, self.of(field.name)


def check_free(ports: Ports) -> None:
    """Raises PortTakenError, which names every port that cannot be used, and the options."""
    by_port: dict[int, str] = {}
    problems = []
    for program, port in ports.each():
        if port in by_port:
            raise PortTakenError(f"{by_port[port]} and {program} cannot both have port {port}.")
        by_port[port] = program
        if (problem := _problem(port)) is not None:
            problems.append((program, port, problem))
    if problems:
        raise PortTakenError(_advice(problems))


def is_taken(port: int) -> bool:
    return _problem(port) is not None


def _problem(port: int) -> str | None:
    """Why a program cannot listen on the port."""
    # On macOS, 127.0.0.1 can be bound beside a listener on all addresses: try to connect, too.
    with socket.socket() as caller:
        caller.settimeout(1.0)
        if caller.connect_ex((HOST, port)) == 0:
            return "is taken"
    with socket.socket() as listener:
        # As uvicorn does: connections of a shop that stopped a moment ago do not matter.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is taken"
            if error.errno == errno.EACCES:
                return "needs root's rights"
            raise
    return None


def _advice(problems: list[tuple[str, int, str]]) -> str:
    lines = [
        f"Port {port} of {program} {problem}. Choose another with --{program}-port or "
        f"BOOKSTORE_{program.upper()}_PORT."
        for program, port, problem in problems
    ]
    lines.append(
        f"Is another shop running? {command('dev -- --port-base 5100')} uses the ports from 5100 "
        "to 5109."
    )
    if any(port in _AIRPLAY for _, port, _ in problems):
        lines.append(
            "On macOS, the AirPlay Receiver listens on 5000 (System Settings, General, "
            "AirDrop & Handoff)."
        )
    return "\n".join(lines)

"""Where everything listens, and whether it can.

Defaults are the original's: auth 5000, catalog 5001, purchase 5002; the broker 5009.
"""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

from functions.local.errors import PortTakenError
from functions.local.invocation import command

HOST = "127.0.0.1"
SERVICES = ("auth", "catalog", "purchase")

_AIRPLAY = (5000, 7000)


@dataclass(frozen=True)
class Ports:
    auth: int = 5000
    catalog: int = 5001
    purchase: int = 5002
    broker: int = 5009

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        return cls(base, base + 1, base + 2, base + 9)

    @classmethod
    def any_free(cls) -> "Ports":
        """Four that nobody uses; somebody may still be faster."""
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
    """Raises PortTakenError, which names every port that is taken and the way out."""
    by_port: dict[int, str] = {}
    taken = []
    for program, port in ports.each():
        if port in by_port:
            raise PortTakenError(f"{by_port[port]} and {program} cannot both have port {port}.")
        by_port[port] = program
        if is_taken(port):
            taken.append((program, port))
    if taken:
        raise PortTakenError(_advice(taken))


def is_taken(port: int) -> bool:
    # On macOS 127.0.0.1 can be bound beside a listener on all addresses: ask by calling, too.
    with socket.socket() as caller:
        caller.settimeout(1.0)
        if caller.connect_ex((HOST, port)) == 0:
            return True
    with socket.socket() as listener:
        # As uvicorn binds: what a shop that ended a moment ago left behind is in nobody's way.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return True
            raise
    return False


def _advice(taken: list[tuple[str, int]]) -> str:
    lines = [
        f"Port {port}, which {program} wants, is taken: give it another with "
        f"--{program}-port or BOOKSTORE_{program.upper()}_PORT."
        for program, port in taken
    ]
    lines.append(
        f"Is another shop running? Or move all at once: {command('dev -- --port-base 5100')} "
        "takes 5100, 5101, 5102 and 5109."
    )
    if any(port in _AIRPLAY for _, port in taken):
        lines.append(
            "On macOS the AirPlay Receiver listens on 5000 (System Settings, General, "
            "AirDrop & Handoff)."
        )
    return "\n".join(lines)

"""A port that cannot be used is reported before any program starts."""

import socket

import pytest

from functions.local.errors import PortTakenError
from functions.local.ports import Ports, check_free


def test_two_programs_cannot_share_a_port() -> None:
    """`check_free` raises `PortTakenError` with both names before a program is started."""
    with pytest.raises(PortTakenError, match="auth and purchase cannot both"):
        check_free(Ports(auth=45_000, catalog=45_001, purchase=45_000, broker=45_009))


def test_a_listener_on_all_addresses_takes_the_port() -> None:
    """A listener on 0.0.0.0 counts, although the programs listen on 127.0.0.1."""
    ports = Ports.any_free()
    with (
        socket.create_server(("", ports.auth)),
        pytest.raises(PortTakenError, match=f"Port {ports.auth} of auth is taken"),
    ):
        check_free(ports)

"""Options come from the command line, then the environment, then the original's defaults."""

import pytest

from functions.local.options import parse_options
from functions.local.ports import Ports


def test_ports_come_from_options_then_environment_then_the_original() -> None:
    environment = {"BOOKSTORE_CATALOG_PORT": "6001", "BOOKSTORE_AUTH_PORT": "6000"}

    options = parse_options(["--auth-port", "7000"], environment)

    assert options.ports == Ports(7000, 6001, 5002, 5009)


def test_the_base_moves_all_ports_but_the_named() -> None:
    options = parse_options(["--port-base", "5100", "--broker-port", "6000"], {})

    assert options.ports == Ports(5100, 5101, 5102, 6000)


@pytest.mark.parametrize("port", ["0", "-1", "http", "70000"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--auth-port", port], {})

    assert "is no port" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "often"])
def test_what_is_no_number_of_seconds_is_refused(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(["--poke-every", seconds], {})

    assert "is no number of seconds" in capsys.readouterr().err

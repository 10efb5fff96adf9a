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


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {"BOOKSTORE_MYSQL_URL": "mysql://a:b@h"}, "mysql://a:b@h"),
        (["--mysql", "mysql://a:c@h"], {"BOOKSTORE_MYSQL_URL": "mysql://a:b@h"}, "mysql://a:c@h"),
        (
            ["--mysql", "mysql://a@h:1/"],
            {"BOOKSTORE_MYSQL_PASSWORD": "p@ss"},
            "mysql://a:p%40ss@h:1/",
        ),
        (["--mysql", "mysql://a:b@h"], {"BOOKSTORE_MYSQL_PASSWORD": "other"}, "mysql://a:b@h"),
        ([], {"BOOKSTORE_MYSQL_PASSWORD": "p"}, None),
    ],
)
def test_a_password_need_not_be_typed(
    arguments: list[str], environment: dict[str, str], expected: str | None
) -> None:
    """Options can be seen by others on the machine, the environment cannot."""
    assert parse_options(arguments, environment).mysql == expected
    rabbitmq = {name.replace("MYSQL", "RABBITMQ"): text for name, text in environment.items()}
    other = ["--rabbitmq" if each == "--mysql" else each for each in arguments]
    assert parse_options(other, rabbitmq).rabbitmq == expected


def test_a_fast_clock_makes_everything_short() -> None:
    """An option of its own goes before it."""
    assert parse_options(["--fast-clock"], {}).poke_every == 5.0
    assert parse_options(["--fast-clock", "--poke-every", "2"], {}).poke_every == 2.0
    assert parse_options([], {}).poke_every is None

"""Options come from the command line, else the environment, else bookstore.toml, else a default."""

from pathlib import Path

import pytest

from functions.local import options
from functions.local.options import parse_dev_options, parse_migrate_options, parse_tour_options
from functions.local.ports import Ports


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bookstore.toml that does not exist yet, and no variable of the user's shell."""
    for name in ("DATA", "AUTH_PORT", "CATALOG_PORT", "PURCHASE_PORT", "BROKER_PORT"):
        monkeypatch.delenv(f"BOOKSTORE_{name}", raising=False)
    for name in ("MYSQL_URL", "MYSQL_PASSWORD", "RABBITMQ_URL", "RABBITMQ_PASSWORD"):
        monkeypatch.delenv(f"BOOKSTORE_{name}", raising=False)
    path = tmp_path / "bookstore.toml"
    monkeypatch.setattr(options, "FILE", path)
    return path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What standard error says."""
    with pytest.raises(SystemExit) as exit_:
        parse_dev_options(arguments)

    assert exit_.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "dev -- --help` lists the options." in printed.err
    return printed.err


def test_flags_precede_the_environment_which_precedes_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each port has the value of the first of these that sets it, else its default."""
    file.write_text("[dev]\nauth-port = 8000\ncatalog-port = 8001\npurchase_port = 8002\n")
    monkeypatch.setenv("BOOKSTORE_AUTH_PORT", "6000")
    monkeypatch.setenv("BOOKSTORE_CATALOG_PORT", "6001")

    found = parse_dev_options(["--auth-port", "7000"])

    assert found.ports == Ports(7000, 6001, 8002, 5009)


def test_the_last_of_several_values_counts() -> None:
    """A script can add its own options after those that it was given."""
    found = parse_dev_options(["--data", "a", "--no-seed", "--data", "b", "--seed"])

    assert found == options.DevOptions(data=Path("b"), seed=True)


def test_the_base_sets_all_ports_that_are_not_set_by_themselves() -> None:
    """--port-base 5100 gives auth 5100 and the storefront 5108; --broker-port precedes it."""
    found = parse_dev_options(["--port-base", "5100", "--broker-port", "6000"])

    assert found.ports == Ports(5100, 5101, 5102, 6000, 5108, 5107, 5103, 5105, 5106)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """With empty BOOKSTORE_ variables the options have their defaults."""
    for name in ("DATA", "AUTH_PORT", "MYSQL_URL"):
        monkeypatch.setenv(f"BOOKSTORE_{name}", "")

    assert parse_dev_options([]) == options.DevOptions()


@pytest.mark.parametrize("option", ["data", "auth-port", "mysql", "ping-every"])
def test_an_empty_value_is_refused(
    option: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--data "$FOLDER"` without the variable would else be this folder, for --fresh too."""
    assert f"The value of --{option} is empty." in refused([f"--{option}="], capsys)
    assert f"The value of --{option} is empty." in refused([f"--{option}", ""], capsys)

    file.write_text(f'[dev]\n{option} = ""\n')

    assert f"The value of [dev][{option}] is empty." in refused([], capsys)


def test_each_command_has_a_table_of_its_own(file: Path) -> None:
    """dev, tour and migrate each read the table of bookstore.toml that has their name."""
    file.write_text(
        '[dev]\nseed = false\nfresh = true\n[tour]\nown = true\n[migrate]\nmysql = "x"\n'
    )

    assert parse_dev_options([]) == options.DevOptions(seed=False, fresh=True)
    assert parse_tour_options([]) == options.TourOptions(own=True)
    assert parse_migrate_options([]) == options.MigrateOptions(mysql="x")


def test_an_unknown_option_is_refused_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 2; a positional argument is refused, too."""
    assert "Unknown option: --frsh. Did you mean --fresh?" in refused(["--frsh"], capsys)
    assert "Unexpected argument: fresh" in refused(["fresh"], capsys)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[dev]\nfrsh = true", 'Unknown option: "[dev][frsh]" from'),
        ('[dev]\nfresh = "perhaps"', 'unable to convert "perhaps" into bool'),
        ("[dev]\nauth-port = 0", 'Invalid value "0" for [dev][auth-port] provided by'),
        ("dev = 1", "Configuration key [dev]"),
        ("[dev", "cannot be read: Expected"),
    ],
)
def test_an_error_in_the_file_is_refused_with_its_name(
    content: str, problem: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2, and standard error has the file's path and what is wrong in it."""
    file.write_text(content)

    message = refused([], capsys)

    assert problem in message
    assert str(file) in message


def test_a_file_that_cannot_be_read_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If bookstore.toml is a folder, the exit code is 2, and standard error says so."""
    file.mkdir()

    assert "bookstore.toml cannot be read:" in refused([], capsys)


def test_a_wrong_variable_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If BOOKSTORE_AUTH_PORT is no number, the exit code is 2."""
    monkeypatch.setenv("BOOKSTORE_AUTH_PORT", "http")

    assert "Invalid value for BOOKSTORE_AUTH_PORT from env" in refused([], capsys)


@pytest.mark.parametrize("port", ["0", "-1", "http", "70000", "65527"])
def test_an_invalid_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The highest is 65526, since the broker's port is that of `--port-base` plus 9."""
    assert "--auth-port" in refused(["--auth-port", port], capsys)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "often"])
def test_an_invalid_number_of_seconds_is_refused(
    seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--ping-every must be a finite number above 0; otherwise the exit code is 2."""
    assert "--ping-every" in refused(["--ping-every", seconds], capsys)


def test_help_lists_the_options_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Without control characters, as the output is not a terminal."""
    with pytest.raises(SystemExit) as exit_:
        parse_dev_options(["--help"])

    printed = capsys.readouterr().out
    assert exit_.value.code == 0
    assert "--fresh" in printed
    assert "BOOKSTORE_DATA" in printed
    assert "bookstore.toml" in printed
    assert "--package" not in printed
    assert "\x1b" not in printed


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
def test_a_password_can_come_from_the_environment_alone(
    arguments: list[str],
    environment: dict[str, str],
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other users of the machine can see options, but not the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.replace("MYSQL", "RABBITMQ"), value)

    assert parse_dev_options(arguments).mysql_url == expected
    other = ["--rabbitmq" if each == "--mysql" else each for each in arguments]
    assert parse_dev_options(other).rabbitmq_url == expected


def test_the_fast_clock_shortens_the_interval_of_pings() -> None:
    """An explicit interval overrides it."""
    assert parse_dev_options(["--fast-clock"]).ping_interval == 5.0
    assert parse_dev_options(["--fast-clock", "--ping-every", "2"]).ping_interval == 2.0
    assert parse_dev_options([]).ping_interval is None


def test_each_kind_of_storage_has_a_data_folder_of_its_own() -> None:
    """A folder records what its shop created on the servers."""
    names = [
        parse_dev_options(arguments).data_folder.name
        for arguments in (
            [],
            ["--rabbitmq", "amqp://h"],
            ["--mysql", "mysql://h"],
            ["--mysql", "mysql://h", "--rabbitmq", "amqp://h"],
            ["--mysql", "mysql://h", "--data", "mine"],
        )
    ]

    assert names == [
        ".bookstore",
        ".bookstore-rabbitmq",
        ".bookstore-mysql",
        ".bookstore-mysql-rabbitmq",
        "mine",
    ]

"""`nox -s migrate` migrates the named databases, and refuses options that name none."""

import sqlite3
from pathlib import Path

import pytest

from functions.local import options
from functions.local.migrate import main


@pytest.fixture(autouse=True)
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "FILE", tmp_path / "bookstore.toml")


def test_the_database_of_one_service_is_migrated(tmp_path: Path) -> None:
    """With --database-url the service's tables are created in that database; the exit code is 0."""
    file = tmp_path / "catalog.db"

    assert main(["catalog", "--database-url", f"sqlite:///{file}"]) == 0
    with sqlite3.connect(file) as sql:
        assert sql.execute("SELECT COUNT(*) FROM books").fetchone() == (0,)
    sql.close()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Give one of --mysql URL and --database-url URL."),
        (["--mysql", "mysql://h", "--database-url", "x"], "Give one of --mysql URL and"),
        (["--database-url", "sqlite:///x.db"], "name that service"),
        (["auth", "catalog", "--database-url", "sqlite:///x.db"], "name that service"),
        (["cataloge", "--mysql", "mysql://h"], 'Did you mean "catalog"?'),
        (["--mysql", "postgres://h"], "mysql://user:password@host:port"),
    ],
)
def test_options_that_name_no_database_are_refused(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2, and standard error says which option or name is needed."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)

    assert exit_.value.code == 2
    assert problem in capsys.readouterr().err

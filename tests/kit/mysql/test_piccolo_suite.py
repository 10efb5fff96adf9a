"""What `nox -s engine-piccolo` makes of a checkout: here a small one of our own.

Piccolo's own tests are not part of this project; the session is given a checkout of them.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.kit.mysql.piccolo_suite import EXPECTED, main, run
from tests.kit.mysql.piccolo_suite_plugin import read_expected
from tests.servers.mysql import Server

TESTS = """
from unittest import TestCase

from piccolo.columns import Varchar
from piccolo.engine.finder import engine_finder
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table


class Row(Table):
    name = Varchar()


class TestRow(TestCase):
    def test_takes_rows(self):
        assert type(engine_finder()) is SQLiteEngine
        Row.create_table().run_sync()
        Row.insert(Row(name="a")).run_sync()
        assert Row.select(Row.name).run_sync() == [{"name": "a"}]
        Row.alter().drop_table().run_sync()

    def test_wrong(self):
        Row.create_table().run_sync()
        assert Row.count().run_sync() == 1
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    tests = tmp_path / "checkout" / "tests"
    tests.mkdir(parents=True)
    (tests / "__init__.py").touch()
    (tests / "base.py").touch()
    (tests / "test_row.py").write_text(TESTS, "utf-8")
    (tests.parent / "pyproject.toml").touch()
    return tests.parent


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (["test_wrong"], 0),
        ([], 1),
        (["test_wrong", "test_takes_rows"], 1),
        (["test_wrong", "test_gone"], 4),
    ],
)
def test_a_test_passes_unless_it_is_listed(
    server: Server, checkout: Path, tmp_path: Path, listed: list[str], code: int
) -> None:
    """One that is listed has to fail, and to be there."""
    ids = [f"tests/test_row.py::TestRow::{name}" for name in listed]
    expected = tmp_path / "expected.toml"
    expected.write_text(f'[[expected]]\nreason = "r"\ntests = {json.dumps(ids)}\n', "utf-8")

    assert run(server, checkout, expected=expected).returncode == code
    assert not (checkout / ".pytest_cache").exists()


def test_every_listed_test_has_a_reason() -> None:
    """No test is listed twice, and exactly one group may contain tests that pass."""
    groups = read_expected(EXPECTED)
    listed = [test for group in groups for test in group["tests"]]

    assert all(group["reason"] and group["tests"] for group in groups)
    assert len(listed) == len(set(listed))
    assert sum(group.get("may_pass", False) for group in groups) == 1


def test_without_a_checkout_it_says_how_it_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A folder that is no checkout gives exit code 2 and the usage on stderr."""
    monkeypatch.setattr(sys, "argv", ["piccolo_suite", str(tmp_path)])

    assert main() == 2
    assert "CHECKOUT" in capsys.readouterr().err

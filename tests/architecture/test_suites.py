"""What runs on which database and under coverage, and what each test says that it proves."""

import ast
import tomllib

from tests.architecture.services import ROOT
from tests.conftest import MEASURED, NOT_MEASURED, ON_MYSQL_TOO


def test_every_suite_that_runs_on_mysql_exists() -> None:
    """A file that was moved would otherwise run on two databases only, and nothing would fail."""
    missing = [path for path in ON_MYSQL_TOO if not (ROOT / path).is_file()]

    assert missing == []


def test_what_is_not_measured_exists() -> None:
    """An exception goes with what it was made for."""
    assert [path for path in NOT_MEASURED if not (ROOT / path).exists()] == []


def test_the_measured_tests_are_those_of_the_measured_code() -> None:
    """A folder of tests that was moved would otherwise count as not tested."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

    assert project["tool"]["coverage"]["run"]["source"] == [
        f"functions/{name}" for name in MEASURED
    ]
    assert [name for name in MEASURED if not (ROOT / "tests" / name).is_dir()] == []


def test_every_test_has_a_docstring() -> None:
    """It states the fact that the test proves, which its name is too short for."""
    without = [
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert without == []

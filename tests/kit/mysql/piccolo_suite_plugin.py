"""pytest's side of `piccolo_suite.py`: what is expected to fail, and a clean database after it.

A listed test must fail: if it passes, the run fails, and the list has to be shortened. A list with
a test that Piccolo does not have any more fails the run too.
"""

import importlib
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest


def read_expected(path: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["expected"]
    return groups


def expected() -> dict[str, pytest.MarkDecorator]:
    """The tests that fail, by their ids."""
    groups = read_expected(Path(os.environ["PICCOLO_SUITE_EXPECTED"]))
    return {
        test: pytest.mark.xfail(reason=group["reason"], strict=not group.get("may_pass", False))
        for group in groups
        for test in group["tests"]
    }


def pytest_configure() -> None:
    """Before any test is imported: each may take SQLite's engine by its name."""
    importlib.import_module("piccolo_suite_conf")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marks = expected()
    for item in items:
        mark = marks.pop(item.nodeid, None)
        if mark is not None:
            item.add_marker(mark)
    # Of a part of the suite most of them are not collected.
    whole = config.args == ["tests"] and not config.option.keyword
    if marks and whole:
        raise pytest.UsageError(f"the list names tests that are not there: {', '.join(marks)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A test that failed may have left its tables to the next one."""
    report = yield
    if call.when == "teardown" and getattr(item, "has_failed", False):
        sys.modules["piccolo_suite_conf"].DB.remove_db_file()
    elif call.excinfo is not None:
        item.has_failed = True  # type: ignore[attr-defined]
    return report

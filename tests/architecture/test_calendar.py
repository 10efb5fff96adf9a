"""Nothing reckons with the fields of a date: a 29 February or a 31st is not always there."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIELDS = {"year", "month", "day"}


def replaced(source: str) -> Iterator[int]:
    """Lines that set a field of a date to something that is computed."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "replace":
            computed = {
                each.arg for each in node.keywords if not isinstance(each.value, ast.Constant)
            }
            if computed & FIELDS:
                yield node.lineno


def test_no_date_is_made_by_computing_a_field_of_another() -> None:
    """`replace(year=now.year - 1)` fails on one day in four years; a timedelta never does."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("functions", "knative", "tests", ".ci")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in replaced(path.read_text("utf-8"))
    ]

    assert found == []
    assert list(replaced("utc_now().replace(year=utc_now().year - 1)")) == [1]

"""How MariaDB and MySQL read the tables of a statement, from their EXPLAIN."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple


class Access(NamedTuple):
    """How a statement reads one of its tables."""

    table: str
    key: str | None
    kind: str
    """`eq_ref` for one row by a unique key, `fulltext`, `covering` (an index alone), or `scan`."""
    sorts: bool
    """Whether the statement sorts. A TREE does not say which table."""


_LINE = re.compile(
    r"^ *-> (?P<how>[\w -]+) on (?P<table>\w+)(?: using (?P<key>\w+))?", re.MULTILINE
)


def accesses(rows: Sequence[dict[str, Any]]) -> list[Access]:
    """Parses an EXPLAIN of either server.

    MySQL's tabular EXPLAIN is not used: it shows the plan before ORDER BY was considered.
    """
    if "EXPLAIN" in rows[0]:
        tree = rows[0]["EXPLAIN"]
        return [
            Access(line["table"], line["key"], _kind(line["how"].lower()), "-> Sort" in tree)
            for line in _LINE.finditer(tree)
        ]
    return [
        Access(
            row["table"],
            row["key"],
            "covering" if row["Extra"] == "Using index" else _kind(row["type"] or ""),
            "filesort" in (row["Extra"] or ""),
        )
        for row in rows
    ]


def _kind(how: str) -> str:
    if "covering index scan" in how:
        return "covering"
    if "single-row" in how or how == "eq_ref":
        return "eq_ref"
    return "fulltext" if how.startswith(("full-text", "fulltext")) else "scan"

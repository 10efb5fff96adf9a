"""Only SQL that MySQL 8.4 and MariaDB 10.11 both take: in the queries, and in the migrations.

What the engine makes of SQLite's dialect has golden texts of its own (`tests/kit/mysql`); here
every text that the code holds is sent through it, and every statement that a migration prints is
looked at.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.kit.data.migrations import load
from tests.kit.mysql.recorder import sent

ROOT = Path(__file__).parents[2]
SERVICES = ("auth", "catalog", "notifications", "purchase")
FOLDERS = ("kit", *SERVICES)

REFUSED_BY_ONE = {
    "RETURNING": r"\bRETURNING\b",
    "IF [NOT] EXISTS on columns and indexes": r"\b(COLUMN|INDEX|KEY)\s+IF\s+(NOT\s+)?EXISTS\b",
    "VALUES() of the other flavour's upsert": r"\bAS new\b.*\bVALUES\(",
    "TIMESTAMP, which ends in 2038": r"\bTIMESTAMP\b",
    "VARCHAR without a length": r"\bVARCHAR\b(?!\()",
    "DATETIME without microseconds": r"\bDATETIME\b(?!\(6\))",
    "a foreign key in a column": r"^\s*`\w+`[^,\n]*\bREFERENCES\b",
    "AUTOINCREMENT of SQLite": r"\bAUTOINCREMENT\b",
    "SKIP LOCKED outside the engine": r"\bSKIP\s+LOCKED\b",
    "double quotes around names": r'"\w+"',
    "FULL OUTER JOIN": r"\bFULL\s+(OUTER\s+)?JOIN\b",
    "INTERSECT or EXCEPT": r"\b(INTERSECT|EXCEPT)\b",
    "a sequence": r"\bNEXTVAL\b|\bCREATE\s+SEQUENCE\b",
    "JSON operators": r"->>?",
}


def refused(text: str) -> list[str]:
    """Constructs of a text that one of the two servers does not take."""
    return [
        name
        for name, pattern in REFUSED_BY_ONE.items()
        if re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
    ]


def texts_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Every text that is given to `QueryString`, with its place."""
    for path in sorted(folder.rglob("*.py")):
        if "mysql" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "QueryString"
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0].value


STATEMENT = re.compile(r"^(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
SQLITE_ONLY = ("sqlite_master", "sqlite_sequence", "PRAGMA")

TEXTS = [
    (place, text)
    for folder in FOLDERS
    for place, text in texts_in(ROOT / "functions" / folder)
    if STATEMENT.match(text)
    and not any(word in text for word in SQLITE_ONLY)
    and " WHERE {}" not in text  # a condition of its own is put in there
]


def test_there_are_texts_to_look_at() -> None:
    """The search finds those of the kit and of each service."""
    found = {place.split("/")[1] for place, _ in TEXTS}

    assert found == set(FOLDERS)
    assert len(TEXTS) > 60


@pytest.mark.parametrize(("place", "text"), TEXTS, ids=[place for place, _ in TEXTS])
@pytest.mark.parametrize("row_alias", [True, False], ids=["mysql", "mariadb"])
def test_each_query_is_sent_as_the_server_takes_it(place: str, text: str, row_alias: bool) -> None:
    """The engine translates it, and nothing that either server refuses is left in it."""
    statement = sent(text.replace("{}", "?"), *[1] * text.count("{}"), row_alias=row_alias)

    assert refused(statement) == [], place


@pytest.mark.parametrize("service", SERVICES)
def test_each_migration_prints_what_both_servers_take(service: str) -> None:
    """Statement by statement."""
    package = importlib.import_module(f"functions.{service}.migrations")
    for migration in load(package):
        for statement in migration.statements("mysql"):
            assert refused(statement) == [], statement


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RETURNING", "INSERT INTO `a` VALUES (1) RETURNING `id`"),
        ("TIMESTAMP, which ends in 2038", "CREATE TABLE `a` (`at` TIMESTAMP)"),
        ("VARCHAR without a length", "CREATE TABLE `a` (`b` VARCHAR)"),
        ("a foreign key in a column", "CREATE TABLE `a` (\n  `b` BIGINT REFERENCES `c`\n)"),
        ("double quotes around names", 'SELECT "a" FROM `b`'),
    ],
)
def test_the_search_finds_what_it_looks_for(name: str, text: str) -> None:
    """A check that cannot fail would say nothing."""
    assert name in refused(text)

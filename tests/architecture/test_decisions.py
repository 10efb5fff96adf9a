"""What docs/decisions rules out, where no other test would notice it."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.kit.data.migrations import Migration, load
from tests.architecture.services import FUNCTIONS, NAMES

READ_ONLY = ("controllers", "queries", "domain", "schemas", "events", "errors", "tables")
"""The parts of a service that open no transaction (decision 0001)."""

INEXACT = r"`(\w+)` (FLOAT|DOUBLE|REAL|DECIMAL|NUMERIC)\b"
"""A column that could hold a fraction of a minor unit (decision 0006)."""

MONEY = r"`(\w*(?:amount|price|total|fee|cost|revenue)\w*)` (\w+)"

CONTRACTS_THE_SCHEMA = r"\b(DROP(?! CONSTRAINT ck_)|RENAME|MODIFY|CHANGE)\b"
"""What the release that is still running may not survive (decision 0015). A check may be replaced
by one that permits more: the running release writes only what both permit."""


def migrations(service: str) -> list[Migration]:
    return load(importlib.import_module(f"functions.{service}.migrations"))


def statements(service: str) -> list[str]:
    """All that the migrations of a service print for MySQL."""
    return [each for migration in migrations(service) for each in migration.statements("mysql")]


def modules(service: str) -> Iterator[Path]:
    for name in READ_ONLY:
        yield from (FUNCTIONS / service).glob(f"{name}.py")
        yield from (FUNCTIONS / service / name).rglob("*.py")


def opens_transactions(source: str) -> bool:
    """Whether code is decorated with `transactional`, or calls a `transaction`."""
    names = {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    return bool(names & {"transactional", "transaction"})


@pytest.mark.parametrize("service", NAMES)
def test_only_commands_open_transactions(service: str) -> None:
    """A handler or a query that opened one would commit apart from the command's events."""
    found = list(modules(service))

    assert found
    assert [path.name for path in found if opens_transactions(path.read_text("utf-8"))] == []


def test_a_transaction_that_is_opened_is_found() -> None:
    """By the decorator and by the method."""
    assert opens_transactions("@transactional\nasync def f(database): ...")
    assert opens_transactions("async def f(d):\n    async with d.transaction(): ...")
    assert not opens_transactions("async def f(database):\n    await database.execute(1)")


@pytest.mark.parametrize("service", NAMES)
def test_amounts_are_whole_numbers_of_minor_units(service: str) -> None:
    """No column is of an inexact type, and each amount of money is a `..._minor BIGINT`."""
    schema = "\n".join(statements(service))
    amounts = dict(re.findall(MONEY, schema))
    whole = {name for name, kind in amounts.items() if kind == "BIGINT"}
    minor = {name for name in amounts if name.endswith("_minor")}

    assert re.findall(INEXACT, schema) == []
    assert whole == minor


@pytest.mark.parametrize("service", NAMES)
def test_a_migration_only_expands_the_schema(service: str) -> None:
    """Nothing is removed, renamed or narrowed, and a new column has a default or may be null."""
    later = [
        statement
        for migration in migrations(service)
        if migration.version > 1
        for statement in migration.statements("mysql")
    ]
    added = [each for each in later if " ADD COLUMN " in each]

    assert [each for each in later if re.search(CONTRACTS_THE_SCHEMA, each)] == []
    assert [each for each in added if "NOT NULL" in each and "DEFAULT" not in each] == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE `a` DROP COLUMN `b`",
        "ALTER TABLE `a` RENAME COLUMN `b` TO `c`",
        "ALTER TABLE `a` MODIFY `b` VARCHAR(1)",
    ],
)
def test_a_statement_that_contracts_is_found(statement: str) -> None:
    """Each way that MySQL has for it."""
    assert re.search(CONTRACTS_THE_SCHEMA, statement)


def test_an_inexact_column_is_found() -> None:
    """As MySQL prints it."""
    assert re.findall(INEXACT, "CREATE TABLE `a` (\n  `price` FLOAT NOT NULL") == [
        ("price", "FLOAT")
    ]

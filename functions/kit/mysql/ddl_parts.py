"""Helpers of `ddl.py` and `ddl_alter.py`: names, constraints, types."""
# ruff: noqa: S608 - writing SQL is what this is for; names are quoted, values are literals

from collections.abc import Sequence
from typing import NamedTuple

from functions.kit.mysql.ddl_columns import ColumnDefinition, References, parse_references
from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import DDLPlan, Row, Runner
from functions.kit.mysql.tokens import Token, closing, quote, split_commas, write

_LONGEST_NAME = 64


def sends(text: str) -> DDLPlan:
    async def execute(run: Runner) -> list[Row]:
        return (await run(text)).rows

    return DDLPlan(execute)


class Constraint(NamedTuple):
    definition: str
    references: References | None = None
    """The referenced table and the actions of a FOREIGN KEY."""

    async def text(self, run: Runner) -> str:
        if self.references is None:
            return self.definition
        columns = self.references.columns or await _primary_key(run, self.references.table.name)
        return f"{self.definition} {self.references.text(columns)}"


async def _primary_key(run: Runner, table: str) -> tuple[str, ...]:
    found = await run(
        "SELECT COLUMN_NAME AS name FROM information_schema.STATISTICS WHERE TABLE_SCHEMA ="
        f" DATABASE() AND TABLE_NAME = {literal(table)} AND INDEX_NAME = 'PRIMARY'"
        " ORDER BY SEQ_IN_INDEX"
    )
    if not found.rows:
        raise Unsupported(f"REFERENCES {table}, which does not exist or has no primary key")
    return tuple(row["name"] for row in found.rows)


def constraints_of(column: ColumnDefinition, table: str) -> list[Constraint]:
    """The constraints that MySQL accepts at table level only, with the names that Piccolo uses."""
    constraints = []
    name = quote(column.name)
    if column.unique:
        constraint = constraint_name(table, column.name, "key")
        constraints.append(Constraint(f"{constraint}UNIQUE ({name})"))
    if column.references is not None:
        constraint = constraint_name(table, column.name, "fkey")
        constraints.append(Constraint(f"{constraint}FOREIGN KEY ({name})", column.references))
    return constraints


def constraint_name(table: str, column: str, kind: str) -> str:
    """`CONSTRAINT name `; empty if the name is too long, so that the server generates one."""
    name = f"{table}_{column}_{kind}"
    return f"CONSTRAINT {quote(name)} " if len(name) <= _LONGEST_NAME else ""


def table_constraint(part: Sequence[Token], table: str) -> Constraint:
    name, place = "", 0
    if part[0].is_word("CONSTRAINT"):
        if len(part) < 3 or not part[1].is_identifier:
            raise Unsupported("a constraint without a name after CONSTRAINT")
        name, place = f"CONSTRAINT {quote(part[1].text)} ", 2
    kind = part[place].text.upper()
    if kind == "UNIQUE" and any(token.is_word("NULLS") for token in part):
        raise Unsupported("UNIQUE NULLS NOT DISTINCT (on MySQL NULLs are always distinct)")
    if kind in ("PRIMARY", "FOREIGN"):
        place += 1
    if place + 1 >= len(part) or not part[place + 1].is_op("("):
        raise Unsupported(f"the constraint {kind} without parentheses")
    end = closing(part, place + 1)
    inner = part[place + 2 : end]
    if kind == "CHECK":
        at_the_end(part, end + 1, "CHECK")
        return Constraint(f"{name}CHECK ({_plain(inner)})")
    columns = f"({', '.join(column_names(inner))})"
    if kind == "FOREIGN":
        references, after = parse_references(part, end + 1)
        at_the_end(part, after, "FOREIGN KEY")
        (first, *_) = column_names(inner)
        name = name or constraint_name(table, first.strip("`"), "fkey")
        return Constraint(f"{name}FOREIGN KEY {columns}", references)
    at_the_end(part, end + 1, kind)
    if kind == "PRIMARY":
        return Constraint(f"{name}PRIMARY KEY {columns}")
    if kind == "UNIQUE":
        return Constraint(f"{name}UNIQUE {columns}")
    raise Unsupported(f"the constraint {kind}")


async def types_of(run: Runner, table: str) -> dict[str, str]:
    """The types of a table's columns by their names, both in lower case."""
    found = await run(
        "SELECT COLUMN_NAME AS name, DATA_TYPE AS kind FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {literal(table)}"
    )
    return {row["name"].lower(): str(row["kind"]).lower() for row in found.rows}


def skip(tokens: Sequence[Token], start: int, *words: str) -> tuple[bool, int]:
    """Whether these words are at `start`, and the index after them."""
    found = tokens[start : start + len(words)]
    there = len(found) == len(words) and all(
        token.is_word(word) for token, word in zip(found, words, strict=True)
    )
    return there, start + len(words) if there else start


def at_the_end(tokens: Sequence[Token], place: int, what: str) -> None:
    if place < len(tokens):
        raise Unsupported(f"{what} with {tokens[place].text!r} after it")


def one_name(tokens: Sequence[Token], place: int) -> str:
    if place != len(tokens) - 1 or not tokens[place].is_identifier:
        raise Unsupported("ALTER TABLE with something else than one name")
    return quote(tokens[place].text)


def column_names(tokens: Sequence[Token]) -> list[str]:
    """Names in backticks."""
    names = []
    for part in split_commas(tokens):
        if len(part) != 1 or not part[0].is_identifier:
            raise Unsupported("an index or a constraint on something else than columns")
        names.append(quote(part[0].text))
    return names


def _plain(tokens: Sequence[Token]) -> str:
    """The text of an expression without placeholders, which is sent unchanged."""
    if any(token.kind == "param" for token in tokens):
        raise Unsupported("a placeholder in DDL")
    return write(translate_expression(tokens)).replace("%%", "%")

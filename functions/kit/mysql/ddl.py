"""Translates DDL that Piccolo prints in SQLite's dialect: tables, indexes, alterations.

`translate.py` calls it for `create_table()`, `create_db_tables`, `drop_db_tables`,
`create_index()`, `drop_index()` and `alter()`. MySQL commits with each of these statements, so none
runs inside a transaction. A construct without an equivalent in MySQL is refused;
`MySQLEngine.run_ddl` runs MySQL's own DDL. Columns are in `ddl_columns.py`, alterations in
`ddl_alter.py`.
"""
# ruff: noqa: S608 - writing SQL is what this is for; names are quoted, values are literals

from collections.abc import Sequence

from functions.kit.mysql.ddl_alter import plan_alteration
from functions.kit.mysql.ddl_columns import parse_column
from functions.kit.mysql.ddl_parts import (
    Constraint,
    at_the_end,
    column_names,
    constraints_of,
    sends,
    skip,
    table_constraint,
    types_of,
)
from functions.kit.mysql.decode import remember_table
from functions.kit.mysql.errors import DatabaseError, Unsupported
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import DDLPlan, Row, Runner
from functions.kit.mysql.statements import TableName, parse_table
from functions.kit.mysql.tokens import Token, closing, quote, split_commas

TABLE_OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
"""Texts compare by code points, like the session's literals, and like texts on SQLite."""

_NAME_THERE = 1061
_PREFIX = 255
"""Characters of a TEXT, or bytes of a BLOB, in an index: MySQL requires a length."""
_LONG_TYPES = frozenset(
    f"{size}{kind}" for size in ("", "medium", "long") for kind in ("text", "blob")
)

_MIGRATION_TABLE = {"id", "name", "app_name", "ran_on"}


def plan_ddl(tokens: Sequence[Token]) -> DDLPlan:
    """The plan for CREATE, ALTER or DROP. Raises `Unsupported`, naming the construct."""
    words = [token.text.upper() if token.kind == "word" else "" for token in tokens[:3]]
    match words:
        case ["CREATE", "TABLE", *_]:
            return _create_table(tokens)
        case ["CREATE", "INDEX", *_]:
            return _create_index(tokens, 2, "")
        case ["CREATE", "UNIQUE", "INDEX"]:
            return _create_index(tokens, 3, "UNIQUE ")
        case ["DROP", "TABLE", *_]:
            return _drop_table(tokens)
        case ["DROP", "INDEX", *_]:
            return _drop_index(tokens)
        case ["ALTER", "TABLE", *_]:
            return plan_alteration(tokens)
    raise Unsupported(f"{' '.join(filter(None, words))} (MySQL's own DDL is run by run_ddl)")


# Tables


def _create_table(tokens: Sequence[Token]) -> DDLPlan:
    if_not_exists, place = skip(tokens, 2, "IF", "NOT", "EXISTS")
    table = parse_table(tokens, place)
    if table.end >= len(tokens) or not tokens[table.end].is_op("("):
        raise Unsupported("CREATE TABLE without a list of columns")
    end = closing(tokens, table.end)
    if end != len(tokens) - 1:
        raise Unsupported("CREATE TABLE with options after the columns")
    parts: list[str] = []
    constraints: list[Constraint] = []
    types: dict[str, str] = {}
    for part in split_commas(tokens[table.end + 1 : end]):
        if not part:
            raise Unsupported("CREATE TABLE with nothing between two commas")
        if part[0].is_word("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
            constraints.append(table_constraint(part, table.name))
            continue
        column = parse_column(part)
        types[column.name] = column.declared
        parts.append(column.text)
        constraints += constraints_of(column, table.name)
    _refuse_migrations(table, set(types))
    prefix = "CREATE TABLE IF NOT EXISTS" if if_not_exists else "CREATE TABLE"

    async def execute(run: Runner) -> list[Row]:
        whole = ", ".join([*parts, *[await each.text(run) for each in constraints]])
        result = await run(f"{prefix} {table.text} ({whole}) {TABLE_OPTIONS}")
        if not result.warnings:  # otherwise IF NOT EXISTS has found another table
            remember_table(table.name, types)
        return result.rows

    return DDLPlan(execute)


def _refuse_migrations(table: TableName, columns: set[str]) -> None:
    """Refuse the table that every one of Piccolo's migration commands creates first."""
    if table.name == "migration" and columns == _MIGRATION_TABLE:
        raise Unsupported(
            "Piccolo's migration commands: they alter tables inside a transaction, and MySQL"
            " commits with each statement, so that a migration that fails stays half applied"
            " (create tables with create_db_tables, or write each change as MySQL's own DDL and"
            " run it by engine.run_ddl, outside of a transaction)"
        )


def _drop_table(tokens: Sequence[Token]) -> DDLPlan:
    if_exists, place = skip(tokens, 2, "IF", "EXISTS")
    table = parse_table(tokens, place)
    if table.end < len(tokens) and tokens[table.end].is_word("CASCADE"):
        raise Unsupported(
            "DROP TABLE ... CASCADE (MySQL drops nothing else with a table; drop the tables that"
            " refer to it first, as drop_db_tables does)"
        )
    at_the_end(tokens, table.end, "DROP TABLE")
    return sends(f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{table.text}")


# Indexes


def _create_index(tokens: Sequence[Token], start: int, unique: str) -> DDLPlan:
    if_not_exists, place = skip(tokens, start, "IF", "NOT", "EXISTS")
    if place + 2 >= len(tokens) or not tokens[place + 1].is_word("ON"):
        raise Unsupported("CREATE INDEX without ON")
    name = tokens[place].text
    table = parse_table(tokens, place + 2)
    if table.end >= len(tokens) or not tokens[table.end].is_op("("):
        raise Unsupported("CREATE INDEX without columns")
    end = closing(tokens, table.end)
    at_the_end(tokens, end + 1, "CREATE INDEX")
    columns = column_names(tokens[table.end + 1 : end])

    async def execute(run: Runner) -> list[Row]:
        types = await types_of(run, table.name)
        parts = []
        for column in columns:
            kind = types.get(column[1:-1].replace("``", "`").lower())
            if kind in _LONG_TYPES and unique:
                raise Unsupported("a unique index on a Text (use Varchar, which has a length)")
            parts.append(f"{column}({_PREFIX})" if kind in _LONG_TYPES else column)
        text = f"CREATE {unique}INDEX {quote(name)} ON {table.text} ({', '.join(parts)})"
        try:
            await run(text)
        except DatabaseError as error:
            if not if_not_exists or error.code != _NAME_THERE:
                raise
        return []

    return DDLPlan(execute)


def _drop_index(tokens: Sequence[Token]) -> DDLPlan:
    if_exists, place = skip(tokens, 2, "IF", "EXISTS")
    if place >= len(tokens) or not tokens[place].is_identifier:
        raise Unsupported("DROP INDEX without a name")
    name = tokens[place].text
    at_the_end(tokens, place + 1, "DROP INDEX")

    async def execute(run: Runner) -> list[Row]:
        # On SQLite the name of an index is enough; on MySQL its table is needed too.
        found = await run(
            "SELECT DISTINCT TABLE_NAME AS name FROM information_schema.STATISTICS"
            f" WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = {literal(name)}"
        )
        if len(found.rows) > 1:
            raise Unsupported(
                f"DROP INDEX of {name!r}, which {len(found.rows)} tables have"
                " (write DROP INDEX ... ON ..., and give it to run_ddl)"
            )
        if found.rows or not if_exists:
            table = found.rows[0]["name"] if found.rows else "a_table_that_has_it"
            await run(f"DROP INDEX {quote(name)} ON {quote(table)}")
        return []

    return DDLPlan(execute)

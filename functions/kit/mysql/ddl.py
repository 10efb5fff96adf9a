"""DDL that Piccolo prints in SQLite's dialect, as MySQL's: simple tables, indexes, alterations.

`create_table()`, `create_db_tables`, `drop_db_tables`, `create_index()`, `drop_index()` and
`alter()` come here through `translate.py`. MySQL commits with each of these statements, so none
runs inside a transaction. What MySQL cannot do without the whole definition of a column (another
type, NOT NULL) is refused: `MySQLEngine.run_ddl` takes MySQL's own DDL. What a column is made of is
in `ddl_columns.py`.
"""
# ruff: noqa: S608 - writing SQL is what this is for; names are quoted, values are literals

from collections.abc import Sequence
from typing import NamedTuple

from functions.kit.mysql.ddl_columns import (
    NO_COLUMN,
    ColumnDefinition,
    References,
    default_clause,
    parse_column,
    parse_references,
)
from functions.kit.mysql.decode import remember_table
from functions.kit.mysql.errors import DatabaseError, Unsupported
from functions.kit.mysql.expressions import translate_expression
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import DDLPlan, Row, Runner
from functions.kit.mysql.statements import TableName, parse_table
from functions.kit.mysql.tokens import Token, closing, quote, split_commas, write

TABLE_OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
"""Texts compare by code points, as on SQLite, and as the session's literals do."""

_NAME_THERE = 1061
_LONGEST_NAME = 64
_PREFIX = 255
"""Characters of a TEXT, or bytes of a BLOB, that an index holds: MySQL wants a number."""
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
            return _alter_table(tokens)
    raise Unsupported(f"{' '.join(filter(None, words))} (MySQL's own DDL is run by run_ddl)")


def _sends(text: str) -> DDLPlan:
    async def execute(run: Runner) -> list[Row]:
        return (await run(text)).rows

    return DDLPlan(execute)


# Tables


def _create_table(tokens: Sequence[Token]) -> DDLPlan:
    if_not_exists, place = _skip(tokens, 2, "IF", "NOT", "EXISTS")
    table = parse_table(tokens, place)
    if table.end >= len(tokens) or not tokens[table.end].is_op("("):
        raise Unsupported("CREATE TABLE without a list of columns")
    end = closing(tokens, table.end)
    if end != len(tokens) - 1:
        raise Unsupported("CREATE TABLE with options after the columns")
    parts: list[str] = []
    constraints: list[_Constraint] = []
    types: dict[str, str] = {}
    for part in split_commas(tokens[table.end + 1 : end]):
        if not part:
            raise Unsupported("CREATE TABLE with nothing between two commas")
        if part[0].is_word("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK") and (
            len(part) < 2 or part[0].is_word("CONSTRAINT") or not part[1].is_identifier
            or part[1].is_word("KEY")
        ):  # fmt: skip
            constraints.append(_table_constraint(part, table.name))
            continue
        column = parse_column(part)
        types[column.name] = column.declared
        parts.append(column.text)
        constraints += _constraints_of(column, table.name)
    _refuse_migrations(table, set(types))
    prefix = "CREATE TABLE IF NOT EXISTS" if if_not_exists else "CREATE TABLE"

    async def execute(run: Runner) -> list[Row]:
        whole = ", ".join([*parts, *[await each.text(run) for each in constraints]])
        result = await run(f"{prefix} {table.text} ({whole}) {TABLE_OPTIONS}")
        if not result.warnings:  # with one, IF NOT EXISTS has left another table there
            remember_table(table.name, types)
        return result.rows

    return DDLPlan(execute)


def _refuse_migrations(table: TableName, columns: set[str]) -> None:
    """Piccolo's migration commands begin with this table, whatever they are to do next."""
    if table.name == "migration" and columns == _MIGRATION_TABLE:
        raise Unsupported(
            "Piccolo's migration commands: they alter tables inside a transaction, and MySQL"
            " commits with each statement, so that a migration that fails stays half applied"
            " (create tables with create_db_tables, or write each change as MySQL's own DDL and"
            " run it by engine.run_ddl, outside of a transaction)"
        )


class _Constraint(NamedTuple):
    definition: str
    references: References | None = None
    """What a FOREIGN KEY ends with."""

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
        raise Unsupported(f"REFERENCES {table}, which is not there or has no primary key")
    return tuple(row["name"] for row in found.rows)


def _constraints_of(column: ColumnDefinition, table: str) -> list[_Constraint]:
    """What MySQL reads at the table's level only, named as Piccolo would name it."""
    constraints = []
    name = quote(column.name)
    if column.unique:
        constraint = _constraint_name(table, column.name, "key")
        constraints.append(_Constraint(f"{constraint}UNIQUE ({name})"))
    if column.references is not None:
        constraint = _constraint_name(table, column.name, "fkey")
        constraints.append(_Constraint(f"{constraint}FOREIGN KEY ({name})", column.references))
    return constraints


def _constraint_name(table: str, column: str, kind: str) -> str:
    """`CONSTRAINT name `, or nothing where the name is too long: the server makes one then."""
    name = f"{table}_{column}_{kind}"
    return f"CONSTRAINT {quote(name)} " if len(name) <= _LONGEST_NAME else ""


def _table_constraint(part: Sequence[Token], table: str) -> _Constraint:
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
        _at_the_end(part, end + 1, "CHECK")
        return _Constraint(f"{name}CHECK ({_plain(inner)})")
    columns = f"({', '.join(_column_names(inner))})"
    if kind == "FOREIGN":
        references, after = parse_references(part, end + 1)
        _at_the_end(part, after, "FOREIGN KEY")
        (first, *_) = _column_names(inner)
        name = name or _constraint_name(table, first.strip("`"), "fkey")
        return _Constraint(f"{name}FOREIGN KEY {columns}", references)
    _at_the_end(part, end + 1, kind)
    if kind == "PRIMARY":
        return _Constraint(f"{name}PRIMARY KEY {columns}")
    if kind == "UNIQUE":
        return _Constraint(f"{name}UNIQUE {columns}")
    raise Unsupported(f"the constraint {kind}")


def _drop_table(tokens: Sequence[Token]) -> DDLPlan:
    if_exists, place = _skip(tokens, 2, "IF", "EXISTS")
    table = parse_table(tokens, place)
    if table.end < len(tokens) and tokens[table.end].is_word("CASCADE"):
        raise Unsupported(
            "DROP TABLE ... CASCADE (MySQL drops nothing else with a table; drop the tables that"
            " refer to it first, as drop_db_tables does)"
        )
    _at_the_end(tokens, table.end, "DROP TABLE")
    return _sends(f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{table.text}")


# Indexes


def _create_index(tokens: Sequence[Token], start: int, unique: str) -> DDLPlan:
    if_not_exists, place = _skip(tokens, start, "IF", "NOT", "EXISTS")
    if place + 2 >= len(tokens) or not tokens[place + 1].is_word("ON"):
        raise Unsupported("CREATE INDEX without ON")
    name = tokens[place].text
    table = parse_table(tokens, place + 2)
    if table.end >= len(tokens) or not tokens[table.end].is_op("("):
        raise Unsupported("CREATE INDEX without columns")
    end = closing(tokens, table.end)
    _at_the_end(tokens, end + 1, "CREATE INDEX")
    columns = _column_names(tokens[table.end + 1 : end])

    async def execute(run: Runner) -> list[Row]:
        types = await _types(run, table.name)
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


async def _types(run: Runner, table: str) -> dict[str, str]:
    """The types of a table's columns by their names, both in lower case."""
    found = await run(
        "SELECT COLUMN_NAME AS name, DATA_TYPE AS kind FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {literal(table)}"
    )
    return {row["name"].lower(): str(row["kind"]).lower() for row in found.rows}


def _drop_index(tokens: Sequence[Token]) -> DDLPlan:
    if_exists, place = _skip(tokens, 2, "IF", "EXISTS")
    if place >= len(tokens) or not tokens[place].is_identifier:
        raise Unsupported("DROP INDEX without a name")
    name = tokens[place].text
    _at_the_end(tokens, place + 1, "DROP INDEX")

    async def execute(run: Runner) -> list[Row]:
        # SQLite finds an index by its name alone; on MySQL it belongs to a table.
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


# Alterations


def _alter_table(tokens: Sequence[Token]) -> DDLPlan:
    table = parse_table(tokens, 2)
    action = tokens[table.end :]
    words = [token.text.upper() if token.kind == "word" else "" for token in action[:3]]
    match words:
        case ["ADD", "CONSTRAINT", *_]:
            return _adds(table, [], [_table_constraint(action[1:], table.name)])
        case ["ADD", "UNIQUE", *_]:
            (first, *_), columns = (_column_names(action[3:-1]),) * 2
            name = _constraint_name(table.name, first.strip("`"), "key")
            changes = [f"ADD {name}UNIQUE ({', '.join(columns)})"]
        case ["ADD", *_]:
            column_at = 2 if words[1] == "COLUMN" else 1
            added = parse_column(action[column_at:])
            return _adds(table, [f"COLUMN {added.text}"], _constraints_of(added, table.name))
        case ["DROP", "COLUMN", *_]:
            changes = [f"DROP COLUMN {_one_name(action, 2)}"]
        case ["DROP", "CONSTRAINT", *_]:
            return _drop_constraint(action, table)
        case ["RENAME", "COLUMN", *_]:
            if len(action) != 5 or not action[3].is_word("TO"):
                raise Unsupported("RENAME COLUMN without TO")
            changes = [f"RENAME COLUMN {quote(action[2].text)} TO {quote(action[4].text)}"]
        case ["RENAME", "TO", *_]:
            changes = [f"RENAME TO {_one_name(action, 2)}"]
        case ["ALTER", "COLUMN", *_]:
            return _alter_column(action, table)
        case _:
            raise Unsupported(
                f"ALTER TABLE ... {' '.join(filter(None, words))}"
                " (write it in MySQL's SQL, and give it to run_ddl)"
            )
    return _sends(f"ALTER TABLE {table.text} {', '.join(changes)}")


def _adds(table: TableName, columns: Sequence[str], constraints: Sequence[_Constraint]) -> DDLPlan:
    async def execute(run: Runner) -> list[Row]:
        added = [*columns, *[await each.text(run) for each in constraints]]
        text = ", ".join(f"ADD {each}" for each in added)
        return (await run(f"ALTER TABLE {table.text} {text}")).rows

    return DDLPlan(execute)


def _drop_constraint(action: Sequence[Token], table: TableName) -> DDLPlan:
    if_exists, place = _skip(action, 2, "IF", "EXISTS")
    name = _one_name(action, place)

    async def execute(run: Runner) -> list[Row]:
        if if_exists:
            found = await run(
                "SELECT 1 AS found FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA ="
                f" DATABASE() AND TABLE_NAME = {literal(table.name)}"
                f" AND CONSTRAINT_NAME = {literal(name[1:-1].replace('``', '`'))}"
            )
            if not found.rows:
                return []
        await run(f"ALTER TABLE {table.text} DROP CONSTRAINT {name}")
        return []

    return DDLPlan(execute)


def _alter_column(action: Sequence[Token], table: TableName) -> DDLPlan:
    if len(action) < 5 or not action[4].is_word("DEFAULT"):
        raise Unsupported(
            "ALTER COLUMN of anything but its default, since MySQL wants the whole definition of"
            " the column (write ALTER TABLE ... MODIFY, and give it to run_ddl)"
        )
    name = action[2].text
    column = quote(name)
    if action[3].is_word("DROP"):
        return _sends(f"ALTER TABLE {table.text} ALTER COLUMN {column} DROP DEFAULT")

    async def execute(run: Runner) -> list[Row]:
        types = await _types(run, table.name)
        default = default_clause(action[5:], types.get(name.lower(), NO_COLUMN)) or "DEFAULT NULL"
        await run(f"ALTER TABLE {table.text} ALTER COLUMN {column} SET {default}")
        return []

    return DDLPlan(execute)


# Parts


def _skip(tokens: Sequence[Token], start: int, *words: str) -> tuple[bool, int]:
    """Whether these words stand there, and the place after them."""
    found = tokens[start : start + len(words)]
    there = len(found) == len(words) and all(
        token.is_word(word) for token, word in zip(found, words, strict=True)
    )
    return there, start + len(words) if there else start


def _at_the_end(tokens: Sequence[Token], place: int, what: str) -> None:
    if place < len(tokens):
        raise Unsupported(f"{what} with {tokens[place].text!r} after it")


def _one_name(tokens: Sequence[Token], place: int) -> str:
    if place != len(tokens) - 1 or not tokens[place].is_identifier:
        raise Unsupported("ALTER TABLE with something else than one name")
    return quote(tokens[place].text)


def _column_names(tokens: Sequence[Token]) -> list[str]:
    """Names in backticks."""
    names = []
    for part in split_commas(tokens):
        if len(part) != 1 or not part[0].is_identifier:
            raise Unsupported("an index or a constraint on something else than columns")
        names.append(quote(part[0].text))
    return names


def _plain(tokens: Sequence[Token]) -> str:
    """An expression without placeholders, as text that is sent as it is."""
    if any(token.kind == "param" for token in tokens):
        raise Unsupported("a placeholder in DDL")
    return write(translate_expression(tokens)).replace("%%", "%")

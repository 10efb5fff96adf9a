"""Translates ALTER TABLE from SQLite's dialect, as Piccolo prints it. `ddl.py` calls it.

A change of a column's type or of NOT NULL is refused: on MySQL it needs the column's whole
definition.
"""
# ruff: noqa: S608 - writing SQL is what this is for; names are quoted, values are literals

from collections.abc import Sequence

from functions.kit.mysql.ddl_columns import NO_COLUMN, default_clause, parse_column
from functions.kit.mysql.ddl_parts import (
    Constraint,
    column_names,
    constraint_name,
    constraints_of,
    one_name,
    sends,
    skip,
    table_constraint,
    types_of,
)
from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.literals import literal
from functions.kit.mysql.plans import DDLPlan, Row, Runner
from functions.kit.mysql.statements import TableName, parse_table
from functions.kit.mysql.tokens import Token, quote


def plan_alteration(tokens: Sequence[Token]) -> DDLPlan:
    table = parse_table(tokens, 2)
    action = tokens[table.end :]
    words = [token.text.upper() if token.kind == "word" else "" for token in action[:3]]
    match words:
        case ["ADD", "CONSTRAINT", *_]:
            return _adds(table, [], [table_constraint(action[1:], table.name)])
        case ["ADD", "UNIQUE", *_]:
            (first, *_), columns = (column_names(action[3:-1]),) * 2
            name = constraint_name(table.name, first.strip("`"), "key")
            changes = [f"ADD {name}UNIQUE ({', '.join(columns)})"]
        case ["ADD", *_]:
            column_at = 2 if words[1] == "COLUMN" else 1
            added = parse_column(action[column_at:])
            return _adds(table, [f"COLUMN {added.text}"], constraints_of(added, table.name))
        case ["DROP", "COLUMN", *_]:
            changes = [f"DROP COLUMN {one_name(action, 2)}"]
        case ["DROP", "CONSTRAINT", *_]:
            return _drop_constraint(action, table)
        case ["RENAME", "COLUMN", *_]:
            if len(action) != 5 or not action[3].is_word("TO"):
                raise Unsupported("RENAME COLUMN without TO")
            changes = [f"RENAME COLUMN {quote(action[2].text)} TO {quote(action[4].text)}"]
        case ["RENAME", "TO", *_]:
            changes = [f"RENAME TO {one_name(action, 2)}"]
        case ["ALTER", "COLUMN", *_]:
            return _alter_column(action, table)
        case _:
            raise Unsupported(
                f"ALTER TABLE ... {' '.join(filter(None, words))}"
                " (write it in MySQL's SQL, and give it to run_ddl)"
            )
    return sends(f"ALTER TABLE {table.text} {', '.join(changes)}")


def _adds(table: TableName, columns: Sequence[str], constraints: Sequence[Constraint]) -> DDLPlan:
    async def execute(run: Runner) -> list[Row]:
        added = [*columns, *[await each.text(run) for each in constraints]]
        text = ", ".join(f"ADD {each}" for each in added)
        return (await run(f"ALTER TABLE {table.text} {text}")).rows

    return DDLPlan(execute)


def _drop_constraint(action: Sequence[Token], table: TableName) -> DDLPlan:
    if_exists, place = skip(action, 2, "IF", "EXISTS")
    name = one_name(action, place)

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
        return sends(f"ALTER TABLE {table.text} ALTER COLUMN {column} DROP DEFAULT")

    async def execute(run: Runner) -> list[Row]:
        types = await types_of(run, table.name)
        default = default_clause(action[5:], types.get(name.lower(), NO_COLUMN)) or "DEFAULT NULL"
        await run(f"ALTER TABLE {table.text} ALTER COLUMN {column} SET {default}")
        return []

    return DDLPlan(execute)

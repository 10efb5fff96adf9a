"""Reads the databases of the original. Nothing is locked or written there.

Each database is read in one transaction, so from one state of it. The states of the three are as
old as each other only while the original does not write: for the real move, stop it before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from piccolo.querystring import QueryString

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original.schema import MAX_INTEGER, TABLES, Role, Table, check
from functions.adoption.original.staging import Row, Staging, Value
from functions.adoption.spanish import in_spanish
from functions.kit.data.database import Database
from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import DatabaseError, InvalidOptions, ProgrammingError

PAGE = 5_000
_NO_SUCH_TABLE = 1146


async def read(urls: Mapping[Role, str], staging: Staging) -> None:
    """Stage the rows of all seven tables. Raises `NotTheOriginal`."""
    for role, url in urls.items():
        try:
            engine = MySQLEngine(url)
        except InvalidOptions as error:
            raise NotTheOriginal(
                f"La dirección de la base de datos {role} del original no sirve:"
                f" {in_spanish(str(error))}.",
                f"The address of the original's database {role} cannot be used: {error}.",
            ) from error
        try:
            await _read(engine, role, staging)
        except DatabaseError as error:
            raise NotTheOriginal(
                f"La base de datos {role} del original no se puede leer: {in_spanish(str(error))}",
                f"The original's database {role} cannot be read: {error}",
            ) from error
        finally:
            await engine.close()


async def _read(engine: Database, role: Role, staging: Staging) -> None:
    tables = [table for table in TABLES if table.role == role]
    for table in tables:
        found = check(table, await _create_statement(engine, table))
        if not found.has_key:  # pages are read in the order of ids, each of which is there once
            raise NotTheOriginal(
                f"La tabla {table.label} no tiene id como clave primaria: no es la del original.",
                f"The primary key of the table {table.label} is not id, so it is not the"
                " original's.",
            )
        staging.describe(table, found)
    async with engine.transaction(isolation="REPEATABLE READ"):
        for table in tables:
            await _read_table(engine, table, staging)


async def _create_statement(engine: Database, table: Table) -> str:
    try:
        rows: Sequence[Mapping[str, Any]] = await engine.run_ddl(
            f"SHOW CREATE TABLE `{table.name}`"
        )
    except ProgrammingError as error:
        if error.code != _NO_SUCH_TABLE:
            raise
        raise NotTheOriginal(
            f"La base de datos {table.role} no tiene la tabla {table.name}: no es la del original.",
            f"The database {table.role} has no table {table.name}, so it is not the original's.",
        ) from error
    if "Create Table" not in rows[0]:
        raise NotTheOriginal(
            f"{table.label} es una vista, no una tabla: no es la del original.",
            f"{table.label} is a view, not a table, so it is not the original's.",
        )
    return str(rows[0]["Create Table"])


async def _read_table(engine: Database, table: Table, staging: Staging) -> None:
    columns = []
    for name, kind in table.columns.items():
        columns.append(f'"{name}"')
        if kind == "amount":
            columns.append(f'"{name}" + 0e0 AS "{name}_stored"')
    after = -(2**63)
    while True:
        outcome = await engine.execute(
            QueryString(
                f'SELECT {", ".join(columns)} FROM "{table.name}" WHERE "id" > {{}}'  # noqa: S608
                " ORDER BY id LIMIT {}",
                after,
                PAGE,
            )
        )
        staging.add(table, [_row(table, row) for row in outcome.rows])
        if len(outcome.rows) < PAGE:
            return
        after = outcome.rows[-1]["id"]


def _row(table: Table, row: Mapping[str, Any]) -> Row:
    values: list[Value] = []
    for name, kind in table.columns.items():
        value = row[name]
        if kind == "amount":
            shown = None if value is None else repr(float(value))
            stored = row[f"{name}_stored"]
            values += [shown, None if stored is None else float(stored)]
        else:
            values.append(value if value is None or kind == "text" else _integer(table, value))
    return values


def _integer(table: Table, value: int) -> int:
    if abs(value) > MAX_INTEGER:
        raise NotTheOriginal(
            f"{table.label} tiene el número {value}, que no cabe en las columnas del original.",
            f"{table.label} has the number {value}, which the original's columns cannot hold.",
        )
    return int(value)

"""Empty databases get a service's schema by copying one that its migrations have made.

The migrations run once in this process for each service and server; `test_copies.py` compares what
a copy has with what they make. A service that starts on a copy finds nothing to apply, as on every
start but the first. The migrations themselves are tested by suites that call `migrate`.
"""

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor

from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
from tests.support.folders import contents_of

_SQLITE = "sqlite:///"


class Dump(NamedTuple):
    """A schema on MySQL or MariaDB, and the rows that its migrations insert."""

    tables: dict[str, str]
    """The statement that makes each."""
    rows: dict[str, list[tuple[Any, ...]]]


_files: dict[str, bytes] = {}
_dumps: dict[tuple[str, str], Dump] = {}


async def with_schema(url: str, migrations: ModuleType) -> str:
    """Give an empty database the schema, and leave one that has tables alone; answers the URL."""
    if url.startswith(_SQLITE):
        if _is_missing(path := url.removeprefix(_SQLITE).partition("?")[0]):
            _write(path, await _file(migrations))
        return url
    with connected(url) as connection, connection.cursor() as cursor:
        if not cursor.execute("SHOW TABLES"):
            await _restore(url, migrations, cursor)
    return url


def _is_missing(path: str) -> bool:
    return not Path(path).exists()


def _write(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


async def _file(migrations: ModuleType) -> bytes:
    name = migrations.__name__
    if name not in _files:
        with tempfile.TemporaryDirectory() as folder:
            await _migrate(f"{_SQLITE}{folder}/schema.db?synchronous=off", migrations)
            (_files[name],) = contents_of(Path(folder)).values()  # with no log beside it
    return _files[name]


async def _restore(url: str, migrations: ModuleType, cursor: Cursor) -> None:
    key = (urlsplit(url).netloc, migrations.__name__)
    if key not in _dumps:
        await _migrate(url, migrations)
        _dumps[key] = dumped(cursor)
        return
    dump = _dumps[key]
    # A table may name one that comes later.
    cursor.execute(";\n".join(["SET SESSION foreign_key_checks = 0", *dump.tables.values()]))
    while cursor.nextset():
        pass
    for table, rows in dump.rows.items():
        values = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO `{table}` VALUES ({values})", rows)  # noqa: S608


def dumped(cursor: Cursor) -> Dump:
    """What the connection's database holds; rows by table, without empty ones."""
    cursor.execute("SHOW TABLES")
    dump = Dump({}, {})
    for (table,) in cursor.fetchall():
        cursor.execute(f"SHOW CREATE TABLE `{table}`")
        dump.tables[table] = cursor.fetchall()[0][1]
        cursor.execute(f"SELECT * FROM `{table}`")  # noqa: S608
        if rows := [*cursor.fetchall()]:
            dump.rows[table] = rows
    return dump


async def _migrate(url: str, migrations: ModuleType) -> None:
    database = connect(url)
    try:
        await migrate(database, load(migrations))
    finally:
        await database.close()


def connected(url: str) -> "pymysql.connections.Connection[Cursor]":
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or "").encode(),  # the driver encodes text as Latin-1
        database=parts.path.removeprefix("/"),
        charset="utf8mb4",
        autocommit=True,
        client_flag=CLIENT.MULTI_STATEMENTS,
        ssl_disabled=True,
    )

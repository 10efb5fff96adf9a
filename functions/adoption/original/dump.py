"""Reads dumps that mysqldump, mariadb-dump or phpMyAdmin wrote, line by line.

Both programs escape line breaks in texts, so a statement is one line, or one line a row. Statements
other than CREATE TABLE, INSERT and USE are skipped.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original.schema import DATABASES, TABLES, Found, Role, Table, check
from functions.adoption.original.staging import Row, Staging, Value

BATCH = 5_000

_LAST_LINES = {
    "-- MySQL dump ": "-- Dump completed",
    "-- MariaDB dump ": "-- Dump completed",
    "START TRANSACTION;": "COMMIT;",
}
"""What stands at the end of a dump that begins so: of mysqldump, mariadb-dump and phpMyAdmin."""
_BEGINNINGS = tuple(_LAST_LINES)

_USE = re.compile(r"^USE `((?:[^`]|``)+)`;")
_HEADER = re.compile(r"^-- (?:Host: .*?|)\s*(?:Current )?Database: `?([^`\s]+)`?\s*$")
_CREATE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(?:`[^`]+`\.)?`((?:[^`]|``)+)`")
_INSERT = re.compile(
    r"^(?:INSERT|REPLACE) (?:IGNORE )?INTO (?:`[^`]+`\.)?`((?:[^`]|``)+)`\s*"
    r"(?:\(([^)]*)\)\s*)?VALUES\s*"
)
_VALUE = re.compile(
    r"\s*(?:(NULL)|(?:_\w+\s*)?'((?:[^'\\]|\\.|'')*)'|(-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?))\s*([,)])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


class Line(NamedTuple):
    file: Path
    number: int
    text: str


def read(files: Sequence[Path], names: Mapping[Role, str], staging: Staging) -> None:
    """Stage the rows of all seven tables. Raises `NotTheOriginal`."""
    found: dict[str, Path] = {}
    for file in files:
        for table, origin in _tables(file, names).items():
            if table.label in found:
                raise NotTheOriginal(
                    f"{table.label} está en {found[table.label].name} y en {file.name}. Indique un"
                    " solo volcado de cada base de datos, con --from ARCHIVO tres veces.",
                    f"{table.label} is in {found[table.label].name} and in {file.name}. Name one"
                    " dump of each database, with --from FILE three times.",
                )
            found[table.label] = file
            staging.describe(table, origin)
    missing = [table.label for table in TABLES if table.label not in found]
    if missing:
        raise NotTheOriginal(
            f"Los volcados no tienen la tabla {missing[0]}. Hacen falta los de"
            f" {', '.join(names.values())}.",
            f"The dumps have no table {missing[0]}. Those of {', '.join(names.values())} are"
            " needed.",
        )
    for file in files:
        _read_rows(file, names, staging)


def _lines(file: Path) -> Iterator[Line]:
    """Raises `NotTheOriginal` at the end of a file that has not been written to its end."""
    number, last = 0, ""
    try:
        with file.open(encoding="utf-8", newline="\n") as opened:
            for number, text in enumerate(opened, 1):
                if text.startswith(_BEGINNINGS):
                    if last:
                        raise _cut_off(file, number)
                    last = next(_LAST_LINES[each] for each in _BEGINNINGS if text.startswith(each))
                elif last and text.startswith(last):
                    last = ""
                yield Line(file, number, text)
    except UnicodeDecodeError as error:
        raise NotTheOriginal(
            f"{file}, después de la línea {number}: no está en UTF-8. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{file}, after line {number}: it is not in UTF-8. Make the dump again with"
            " --default-character-set=utf8mb4.",
        ) from error
    except OSError as error:
        raise NotTheOriginal(
            f"{file} no se puede leer: {error.strerror}.",
            f"{file} cannot be read: {error.strerror}.",
        ) from error
    if last:
        raise _cut_off(file, number)


def _cut_off(file: Path, number: int) -> NotTheOriginal:
    return NotTheOriginal(
        f"{file}, línea {number}: el volcado termina a medias, y le faltan filas. Mire si hay sitio"
        " en el disco, y haga el volcado otra vez.",
        f"{file}, line {number}: the dump ends before it is complete, and rows are missing. See"
        " whether the disk has room, and make the dump again.",
    )


def _tables(file: Path, names: Mapping[Role, str]) -> dict[Table, Found]:
    """The tables of the original that a file creates."""
    creates: list[tuple[str | None, str, str]] = []
    database: str | None = None
    parts: list[str] = []
    name = ""
    for line in _lines(file):
        database = _database(line.text) or database
        if match := _CREATE.match(line.text):
            name, parts = match[1], []
        if name:
            parts.append(line.text)
            if line.text.rstrip().endswith(";"):
                creates.append((database, name, "".join(parts)))
                name = ""
    role = _role_of_unnamed({table for _, table, _ in creates})
    tables: dict[Table, Found] = {}
    for database, name, create in creates:
        table = _table(name, _role(database, names) or role)
        if table is not None:
            tables[table] = check(table, create)
    return tables


def _database(text: str) -> str | None:
    match = _USE.match(text) or _HEADER.match(text)
    return match[1] if match else None


def _role(database: str | None, names: Mapping[Role, str]) -> Role | None:
    for role, name in names.items():
        if name == database:
            return role
    return None


def _role_of_unnamed(tables: set[str]) -> Role:
    """Of a file that names no database of the original."""
    if "user" in tables:
        return "auth"
    return "main" if "purchase" in tables else "catalog"


def _table(name: str, role: Role) -> Table | None:
    return next((each for each in TABLES if (each.name, each.role) == (name, role)), None)


class _Statement(NamedTuple):
    """An INSERT into one of the tables."""

    table: Table
    order: list[int | None]


def _read_rows(file: Path, names: Mapping[Role, str], staging: Staging) -> None:
    found = _tables(file, names)
    unnamed = _role_of_unnamed({table.name for table in found})
    database: str | None = None
    statement: _Statement | None = None
    rows: list[Row] = []
    for line in _lines(file):
        database = _database(line.text) or database
        position = 0
        if match := _INSERT.match(line.text):
            statement = _begun(match, _role(database, names) or unnamed, found, line)
            position = match.end()
        elif not line.text.lstrip().startswith("("):
            continue
        if statement is None:
            continue
        for values in _tuples(line, position):
            rows.append(_row(statement, values, line))
            if len(rows) >= BATCH:
                _add(staging, statement.table, rows, line)
                rows = []
        if line.text.rstrip().endswith(";"):
            _add(staging, statement.table, rows, line)
            statement, rows = None, []
    if statement is not None:
        raise _cut_off(file, line.number)


def _begun(
    match: re.Match[str], role: Role, found: Mapping[Table, Found], line: Line
) -> _Statement | None:
    """The statement that a line begins; None for a table that is not of interest."""
    table = _table(match[1], role)
    if table is None:
        return None
    if table not in found:
        raise NotTheOriginal(
            f"{line.file}, línea {line.number}: hay filas de {table.label} sin su CREATE TABLE."
            " Haga el volcado otra vez, con la estructura y los datos en el mismo archivo.",
            f"{line.file}, line {line.number}: there are rows of {table.label} without its CREATE"
            " TABLE. Make the dump again, with structure and data in the same file.",
        )
    columns = found[table].columns
    if match[2]:
        columns = tuple(re.findall(r"`((?:[^`]|``)+)`", match[2]))
    return _Statement(table, _order(table, columns))


def _add(staging: Staging, table: Table, rows: list[Row], line: Line) -> None:
    try:
        staging.add(table, rows)
    except sqlite3.IntegrityError as error:
        raise NotTheOriginal(
            f"{line.file}, hasta la línea {line.number}: un id de {table.label} está dos veces.",
            f"{line.file}, up to line {line.number}: an id of {table.label} is there twice.",
        ) from error


def _order(table: Table, columns: Sequence[str]) -> list[int | None]:
    """The place of each of the table's columns in the rows; None where it is left out."""
    places = {name: place for place, name in enumerate(columns)}
    return [places.get(name) for name in table.columns]


def _tuples(line: Line, position: int) -> Iterator[list[tuple[bool, str | None]]]:
    """The rows in a line, as (whether it is a text, the value)."""
    text = line.text
    while True:
        while position < len(text) and text[position] in " ,\n\r\t":
            position += 1
        if position >= len(text) or text[position] == ";":
            return
        if text[position] != "(":
            raise _unreadable(line)
        position += 1
        values: list[tuple[bool, str | None]] = []
        while True:
            match = _VALUE.match(text, position)
            if match is None:
                raise _unreadable(line)
            position = match.end()
            if match[1]:
                values.append((False, None))
            elif match[2] is not None:
                values.append((True, _unescaped(match[2])))
            else:
                values.append((False, match[3]))
            if match[4] == ")":
                break
        yield values


def _unescaped(text: str) -> str:
    if "\\" not in text and "''" not in text:
        return text
    return _ESCAPE.sub(
        lambda match: "'" if match[1] is None else _ESCAPES.get(match[1], match[1]), text
    )


def _row(statement: _Statement, values: list[tuple[bool, str | None]], line: Line) -> Row:
    row: list[Value] = []
    columns = statement.table.columns.items()
    for (name, kind), place in zip(columns, statement.order, strict=True):
        if place is not None and place >= len(values):
            raise _unreadable(line)
        is_text, value = (False, None) if place is None else values[place]
        try:
            if value is None:
                row.append(None)
            elif kind == "integer":
                row.append(_integer(value))
            elif kind == "amount":
                row.append(repr(float(value)))
            else:
                row.append(value)
        except ValueError as error:
            raise _unreadable(line) from error
        if kind == "amount":
            row.append(None)
        if name == "id" and (value is None or is_text):
            raise _unreadable(line)
    return row


def _integer(text: str) -> int:
    """Raises `ValueError` for what is none, or is beyond MySQL's BIGINT."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _unreadable(line: Line) -> NotTheOriginal:
    return NotTheOriginal(
        f"{line.file}, línea {line.number}: no es una fila como las escribe mysqldump. Haga el"
        f" volcado otra vez: mysqldump --databases {' '.join(DATABASES.values())}.",
        f"{line.file}, line {line.number}: it is no row as mysqldump writes them. Make the dump"
        f" again: mysqldump --databases {' '.join(DATABASES.values())}.",
    )

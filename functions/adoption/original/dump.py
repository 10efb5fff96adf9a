"""Reads dumps that mysqldump, mariadb-dump or phpMyAdmin wrote, line by line; gzip's, too.

These programs escape line breaks in texts, so a statement is one line, or one line a row.
Statements other than CREATE TABLE, INSERT, USE and what sets the next id are skipped.
"""

import gzip
import math
import re
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original.schema import (
    DATABASES,
    MAX_INTEGER,
    NEXT_ID,
    TABLES,
    Found,
    Role,
    Table,
    check,
)
from functions.adoption.original.staging import Row, Staging, Value

BATCH = 5_000

_LAST_LINES = {
    "-- MySQL dump ": "-- Dump completed",
    "-- MariaDB dump ": "-- Dump completed",
    "START TRANSACTION;": "COMMIT;",
}
"""What stands at the end of a dump that begins so: of mysqldump, mariadb-dump and phpMyAdmin."""
_BEGINNINGS = tuple(_LAST_LINES)

_GZIP = b"\x1f\x8b"
_OTHER_FORMATS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z": "7-Zip",
}
"""By their first bytes. PowerShell's `>` writes UTF-16."""

_SET_NAMES = re.compile(r"^(?:/\*!\d+ )?SET NAMES '?(\w+)")
_THREE_BYTES = frozenset({"utf8mb3", "utf8"})
"""Texts are converted to them with `?` for every character of four bytes."""
_READABLE_NAMES = frozenset({"utf8mb4", "binary", *_THREE_BYTES})
_DELIMITER = re.compile(r"^DELIMITER (\S+)")
_USE = re.compile(r"^USE `((?:[^`]|``)+)`;")
_HEADER = re.compile(r"^-- (?:Host: .*?|)\s*(?:Current )?Database: `?([^`\s]+)`?\s*$")
_UNQUOTED = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(?!IF\b)[\"\w]")
_ALTER = re.compile(r"^ALTER TABLE (?:`[^`]+`\.)?`((?:[^`]|``)+)`")
_CREATE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(?:`[^`]+`\.)?`((?:[^`]|``)+)`")
_INSERT = re.compile(
    r"^\s*(?:INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE)\s+)*INTO\s+"
    r"(?:`[^`]+`\.)?`((?:[^`]|``)+)`\s*(?:\(([^)]*)\)\s*)?VALUES\s*",
    re.IGNORECASE,
)
_WRITES_ROWS = re.compile(r"^\s*(?:/\*.*?\*/\s*)*(?:INSERT|REPLACE)\s", re.IGNORECASE)
"""Any statement that writes rows: one that `_INSERT` does not read would be missed."""
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
    """The lines of a file, without those of triggers and routines.

    Raises `NotTheOriginal` for a file that is not a dump in UTF-8, and at the end of one that has
    not been written to its end.
    """
    number, in_routine, ending = 0, False, _Ending(file)
    try:
        with _opened(file) as opened:
            for number, text in enumerate(opened, 1):
                ending.pass_line(number, text)
                if match := _DELIMITER.match(text):
                    in_routine = match[1] != ";"
                elif not in_routine:
                    _check_names(file, number, text)
                    yield Line(file, number, text)
    except UnicodeDecodeError as error:
        raise NotTheOriginal(
            f"{file}, después de la línea {number}: no está en UTF-8. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{file}, after line {number}: it is not in UTF-8. Make the dump again with"
            " --default-character-set=utf8mb4.",
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise NotTheOriginal(
            f"{file}: el archivo gzip está dañado o cortado. Haga el volcado otra vez.",
            f"{file}: the gzip file is damaged or cut off. Make the dump again.",
        ) from error
    except OSError as error:
        raise NotTheOriginal(
            f"{file} no se puede leer: {error.strerror}.",
            f"{file} cannot be read: {error.strerror}.",
        ) from error
    ending.check(number)


class _Ending:
    """The line that a dump still needs to be whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._awaited = ""

    def pass_line(self, number: int, text: str) -> None:
        """Raises `NotTheOriginal` where another dump begins before the end of this one."""
        if text.startswith(_BEGINNINGS):
            self.check(number)
            begun = next(each for each in _BEGINNINGS if text.startswith(each))
            self._awaited = _LAST_LINES[begun]
        elif self._awaited and text.startswith(self._awaited):
            self._awaited = ""

    def check(self, number: int) -> None:
        """Raises `NotTheOriginal` where a dump has no end."""
        if self._awaited:
            raise _cut_off(self._file, number)


def _opened(file: Path) -> TextIO:
    """Raises `NotTheOriginal` for a format that is known and not read."""
    with file.open("rb") as opened:
        beginning = opened.read(8)
    for first, name in _OTHER_FORMATS.items():
        if beginning.startswith(first):
            raise NotTheOriginal(
                f"{file} está en {name}. Los volcados se leen en UTF-8, también con gzip"
                " (.sql.gz); mysqldump los escribe así con --result-file=ARCHIVO.",
                f"{file} is in {name}. Dumps are read in UTF-8, also with gzip (.sql.gz); mysqldump"
                " writes them so with --result-file=FILE.",
            )
    if beginning.startswith(_GZIP):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="\n")
    return file.open(encoding="utf-8-sig", newline="\n")


def _charset(text: str) -> str:
    """The character set that a statement says, in lower case; empty for another statement."""
    match = _SET_NAMES.match(text)
    return match[1].lower() if match else ""


def _check_names(file: Path, number: int, text: str) -> None:
    """Raises `NotTheOriginal` where the file says that its texts are not in UTF-8."""
    charset = _charset(text)
    if charset and charset not in _READABLE_NAMES:
        raise NotTheOriginal(
            f"{file}, línea {number}: los textos están en {charset}. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{file}, line {number}: the texts are in {charset}. Make the dump again with"
            " --default-character-set=utf8mb4.",
        )


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
    next_ids: list[tuple[str | None, str, int]] = []
    database: str | None = None
    for database, line in _statements(file):
        if match := _CREATE.match(line.text):
            creates.append((database, match[1], line.text))
        elif match := _ALTER.match(line.text):
            found = NEXT_ID.search(line.text)
            next_ids.append((database, match[1], int(found[1]) if found else 1))
        elif _UNQUOTED.match(line.text):
            raise NotTheOriginal(
                f"{file}, línea {line.number}: los nombres no van entre acentos graves. Haga el"
                " volcado otra vez sin --compatible y sin --skip-quote-names.",
                f"{file}, line {line.number}: its names are not in backquotes. Make the dump again"
                " without --compatible and without --skip-quote-names.",
            )
    role = _role_of_unnamed({table for _, table, _ in creates})
    tables: dict[Table, Found] = {}
    for database, name, create in creates:
        table = _table(name, _role(database, names) or role)
        if table is not None:
            tables[table] = check(table, create)
    for database, name, next_id in next_ids:  # phpMyAdmin sets it after the rows
        table = _table(name, _role(database, names) or role)
        if table in tables:
            tables[table] = tables[table]._replace(next_id=max(tables[table].next_id, next_id))
    return tables


def _statements(file: Path) -> Iterator[tuple[str | None, Line]]:
    """The statements about tables, each as one line, with the database that they are about."""
    database: str | None = None
    parts: list[str] = []
    begun = 0
    for line in _lines(file):
        database = _database(line.text) or database
        if line.text.startswith(("CREATE TABLE ", "ALTER TABLE ")):
            parts, begun = [], line.number
        elif not parts:
            continue
        parts.append(line.text)
        if line.text.rstrip().endswith(";"):
            yield database, Line(file, begun, "".join(parts))
            parts = []


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
    charset = ""
    statement: _Statement | None = None
    rows: list[Row] = []
    for line in _lines(file):
        database = _database(line.text) or database
        charset = _charset(line.text) or charset
        position = 0
        if _WRITES_ROWS.match(line.text):
            match = _INSERT.match(line.text)
            if match is None or statement is not None:
                raise _unreadable(line)
            statement = _begun(match, _role(database, names) or unnamed, found, line)
            position = match.end()
            _check_charset(statement, found, charset, line)
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


def _check_charset(
    statement: _Statement | None, found: Mapping[Table, Found], charset: str, line: Line
) -> None:
    """Raises `NotTheOriginal` where emoji and the like became `?`."""
    if statement is None or charset not in _THREE_BYTES:
        return
    if found[statement.table].has_utf8mb4:
        raise NotTheOriginal(
            f"{line.file}, línea {line.number}: los textos de la tabla están en utf8mb4, y el"
            f" volcado en {charset}, que no tiene todos sus signos. Haga el volcado otra vez con"
            " --default-character-set=utf8mb4.",
            f"{line.file}, line {line.number}: the texts of the table are in utf8mb4, and the dump"
            f" in {charset}, which lacks some of their characters. Make the dump again with"
            " --default-character-set=utf8mb4.",
        )


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
        if position >= len(text):
            return
        if text[position] == ";":
            if text[position + 1 :].strip():  # another statement
                raise _unreadable(line)
            return
        if text[position] != "(":
            raise _unreadable(line)
        position, values = _values(line, position + 1)
        yield values


def _values(line: Line, position: int) -> tuple[int, list[tuple[bool, str | None]]]:
    """Where a row ends, and its values."""
    values: list[tuple[bool, str | None]] = []
    while True:
        match = _VALUE.match(line.text, position)
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
            return position, values


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
                row.append(_amount(value))
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
    """Raises `ValueError` for what is none, or is beyond every column of the original."""
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise ValueError(text)
    return number


def _amount(text: str) -> str:
    """Raises `ValueError` for what no FLOAT can be."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return repr(number)


def _unreadable(line: Line) -> NotTheOriginal:
    return NotTheOriginal(
        f"{line.file}, línea {line.number}: no es una fila como las escribe mysqldump. Haga el"
        f" volcado otra vez: mysqldump --databases {' '.join(DATABASES.values())}.",
        f"{line.file}, line {line.number}: it is no row as mysqldump writes them. Make the dump"
        f" again: mysqldump --databases {' '.join(DATABASES.values())}.",
    )

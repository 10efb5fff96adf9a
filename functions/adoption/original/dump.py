"""Reads dumps that mysqldump, mariadb-dump or phpMyAdmin wrote, line by line; gzip's, too.

These programs escape line breaks in texts, so a statement is one line, or one line a row.
Statements other than CREATE TABLE, INSERT, USE and what sets the next id are skipped, unless they
change rows that were read, or execute others. `dump_lines.py` opens the files, `dump_rows.py` reads
the values, `dump_script.py` follows the other statements, which `dump_statements.py` gathers and of
which `dump_changes.py` says what they change.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original import dump_changes, dump_rows
from functions.adoption.original.dump_lines import (
    THREE_BYTES,
    Line,
    charset,
    check_decoded,
    cut_off,
    lines,
)
from functions.adoption.original.dump_rows import Statement, unreadable
from functions.adoption.original.dump_script import Script
from functions.adoption.original.schema import NEXT_ID, TABLES, Found, Role, Table, check
from functions.adoption.original.staging import Row, Staging

BATCH = 5_000

_TABLE = r"(?:`((?:[^`]|``)+)`\.)?`((?:[^`]|``)+)`"
"""Its database, where the statement says that, and its name."""
_UNQUOTED = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(?!IF\b)[\"\w]")
_ALTER = re.compile(rf"^ALTER TABLE {_TABLE}")
_CREATE = re.compile(rf"^CREATE TABLE (?:IF NOT EXISTS )?{_TABLE}")
_INSERT = re.compile(
    r"^\s*(?:INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE)\s+)*INTO\s+"
    rf"{_TABLE}\s*(?:\(([^)]*)\)\s*)?VALUES\s*",
    re.IGNORECASE,
)
_BEFORE = r"^\s*(?:/\*(?!M?!).*?\*/\s*)*(?:/\*M?!\d*\s*)?"
"""Comments, and the begin of one that the server executes."""
_WRITES_ROWS = re.compile(rf"{_BEFORE}(?:INSERT|REPLACE)\s", re.IGNORECASE)
"""Any statement that writes rows: one that `_INSERT` does not read would be missed."""
_SYSTEM = frozenset({"mysql", "sys", "information_schema", "performance_schema"})
"""Databases of every server, which `--all-databases` dumps, too."""


def read(files: Sequence[Path], names: Mapping[Role, str], staging: Staging) -> None:
    """Stage the rows of all seven tables. Raises `NotTheOriginal`."""
    contents = {file: _contents(file, names) for file in files}
    found: dict[str, Path] = {}
    for file, each in contents.items():
        for table, origin in each.tables.items():
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
    for file, each in contents.items():
        _Rows(each, staging).read(file)


class _Created(NamedTuple):
    """A table in a file."""

    database: str | None
    name: str
    line: Line
    """The whole statement."""


class _Contents(NamedTuple):
    """What a file has of the original."""

    tables: dict[Table, Found]
    roles: dict[str | None, Role | None]
    """Which database of the original each database is; None: another one."""
    is_named: bool
    """Whether a database in the file has one of the names that the owner gives."""

    def table(self, database: str | None, name: str) -> Table | None:
        return _table(name, self.roles.get(database))

    def is_other(self, database: str | None) -> bool:
        """Whether it is clear that it is none of the original's."""
        return self.is_named or database in _SYSTEM or self.roles.get(database, "auth") is None


def _contents(file: Path, names: Mapping[Role, str]) -> _Contents:
    created: list[_Created] = []
    next_ids: list[tuple[str | None, str, int]] = []
    for database, line in _statements(file):
        if match := _CREATE.match(line.text):
            created.append(_Created(match[1] or database, match[2], line))
        elif match := _ALTER.match(line.text):
            found = NEXT_ID.search(line.text)
            next_ids.append((match[1] or database, match[2], int(found[1]) if found else 1))
        elif _UNQUOTED.match(line.text):
            raise NotTheOriginal(
                f"{file}, línea {line.number}: los nombres no van entre acentos graves. Haga el"
                " volcado otra vez sin --compatible y sin --skip-quote-names.",
                f"{file}, line {line.number}: its names are not in backquotes. Make the dump again"
                " without --compatible and without --skip-quote-names.",
            )
    contents = _Contents({}, *_roles(created, names))
    lines_of: dict[Table, Line] = {}
    for each in created:
        table = contents.table(each.database, each.name)
        if table is None:
            continue
        if table in lines_of:
            raise _twice(table, lines_of[table], each.line)
        lines_of[table] = each.line
        check_decoded(each.line, each.line.text)
        contents.tables[table] = check(table, each.line.text)
    for database, name, next_id in next_ids:  # phpMyAdmin sets it after the rows
        table = contents.table(database, name)
        if table in contents.tables:
            found_table = contents.tables[table]
            highest = max(found_table.next_id, next_id)
            contents.tables[table] = found_table._replace(next_id=highest)
    return contents


def _roles(
    created: Sequence[_Created], names: Mapping[Role, str]
) -> tuple[dict[str | None, Role | None], bool]:
    """By the names that the owner gives, if the file has one of them: the others in it are copies,
    or another program's. Else by the tables."""
    roles: dict[str | None, Role | None] = {name: role for role, name in names.items()}
    databases = {each.database for each in created}
    is_named = any(database in roles for database in databases)
    for database in databases - set(roles):
        if database in _SYSTEM or (is_named and database is not None):
            roles[database] = None
        else:
            tables = {each.name for each in created if each.database == database}
            roles[database] = _role_by_tables(tables)
    return roles, is_named


def _role_by_tables(tables: set[str]) -> Role:
    if "user" in tables:
        return "auth"
    return "main" if "purchase" in tables else "catalog"


def _table(name: str, role: Role | None) -> Table | None:
    return next((each for each in TABLES if (each.name, each.role) == (name, role)), None)


def _twice(table: Table, first: Line, second: Line) -> NotTheOriginal:
    return NotTheOriginal(
        f"{first.file}: la tabla {table.label} está dos veces, en las líneas {first.number} y"
        f" {second.number}. Indique un archivo con un solo volcado de cada base de datos; si tienen"
        " otros nombres que los del original, dígalos con --auth-name, --catalog-name y"
        " --main-name.",
        f"{first.file}: the table {table.label} is there twice, in lines {first.number} and"
        f" {second.number}. Name a file with one dump of each database; if they have other names"
        " than the original's, say them by --auth-name, --catalog-name and --main-name.",
    )


def _statements(file: Path) -> Iterator[tuple[str | None, Line]]:
    """The statements about tables, each as one line, with the database that they are about."""
    script = Script()
    parts: list[str] = []
    begun = 0
    for line in lines(file):
        is_begin = script.is_between and line.text.startswith(("CREATE TABLE ", "ALTER TABLE "))
        for _ in _gathered(script, line):
            pass
        if is_begin:
            parts, begun = [], line.number
        elif not parts:
            continue
        parts.append(line.text)
        if line.text.rstrip().endswith(";"):
            yield script.database, Line(file, begun, "".join(parts))
            parts = []


def _gathered(script: Script, line: Line) -> Iterator[Line]:
    """The statements that end in a line, none of whose rows is read."""
    is_insert = script.is_between and _WRITES_ROWS.match(line.text)
    return script.pass_over(line) if is_insert else script.gather(line)


class _Rows:
    """Stages the rows of one file."""

    def __init__(self, contents: _Contents, staging: Staging) -> None:
        self._contents = contents
        self._staging = staging
        self._charset = ""
        self._script = Script()
        self._filled: dict[Table, str | None] = {}
        """The tables that have rows by now, each with its database."""

    def read(self, file: Path) -> None:
        statement: Statement | None = None
        rows: list[Row] = []
        line = Line(file, 0, "")
        for line in lines(file):
            self._charset = charset(line.text) or self._charset
            position = 0
            if statement is None:
                statement, position = self._next(line)
            elif _WRITES_ROWS.match(line.text):
                raise unreadable(line)
            if statement is None:
                continue
            for row in dump_rows.rows(statement, line, position):
                rows.append(row)
                if len(rows) >= BATCH:
                    self._add(statement.table, rows, line)
                    rows = []
            if line.text.rstrip().endswith(";"):
                self._add(statement.table, rows, line)
                statement, rows = None, []
        if statement is not None:
            raise cut_off(file, line.number)
        self._check_all(self._script.finish(file, line.number))

    def _next(self, line: Line) -> tuple[Statement | None, int]:
        """The rows that a line begins, and where in it. What else it has is checked."""
        if self._script.is_hidden or not _WRITES_ROWS.match(line.text):
            self._check_all(self._script.gather(line))
            return None, 0
        match = _INSERT.match(line.text)
        if match is None:
            raise unreadable(line)
        statement = self._begun(match, line)
        if statement is None:
            self._check_all(_gathered(self._script, line))
            return None, 0
        if not self._script.is_between:  # a part of another statement, or of a text
            raise unreadable(line)
        return statement, match.end()

    def _begun(self, match: re.Match[str], line: Line) -> Statement | None:
        """The statement that a line begins; None for a table that is not of interest."""
        database = match[1] or self._script.database
        table = self._contents.table(database, match[2])
        if table is None or table not in self._contents.tables:
            self._check_created(table, database, match[2], line)
            return None
        found = self._contents.tables[table]
        columns: Iterable[str] = found.columns
        if match[3]:
            columns = re.findall(r"`((?:[^`]|``)+)`", match[3])
        self._check_charset(table, line)
        self._filled.setdefault(table, database)
        return dump_rows.statement(table, tuple(columns), found.exact)

    def _check_created(
        self, table: Table | None, database: str | None, name: str, line: Line
    ) -> None:
        """Raises `NotTheOriginal` for rows of the original's that the file has no table of."""
        if table is not None:
            label = table.label
        elif any(each.name == name for each in TABLES) and not self._contents.is_other(database):
            label = name
        else:
            return
        raise NotTheOriginal(
            f"{line.file}, línea {line.number}: hay filas de {label} sin su CREATE TABLE. Haga el"
            " volcado otra vez, con la estructura y los datos en el mismo archivo.",
            f"{line.file}, line {line.number}: there are rows of {label} without its CREATE TABLE."
            " Make the dump again, with structure and data in the same file.",
        )

    def _check_charset(self, table: Table, line: Line) -> None:
        """Raises `NotTheOriginal` where emoji and the like became `?`."""
        if self._charset not in THREE_BYTES or not self._contents.tables[table].has_utf8mb4:
            return
        raise NotTheOriginal(
            f"{line.file}, línea {line.number}: los textos de la tabla están en utf8mb4, y el"
            f" volcado en {self._charset}, que no tiene todos sus signos. Haga el volcado otra vez"
            " con --default-character-set=utf8mb4.",
            f"{line.file}, line {line.number}: the texts of the table are in utf8mb4, and the dump"
            f" in {self._charset}, which lacks some of their characters. Make the dump again with"
            " --default-character-set=utf8mb4.",
        )

    def _check_all(self, statements: Iterable[Line]) -> None:
        for each in statements:
            if found := dump_changes.executes(each.text):
                raise NotTheOriginal(
                    f"{each.file}, línea {each.number}: {found} ejecuta órdenes que el archivo no"
                    " muestra, y que pueden cambiar filas. Cargue el archivo en un servidor, y haga"
                    " el volcado de sus bases de datos.",
                    f"{each.file}, line {each.number}: {found} executes statements that the file"
                    " does not show, and that may change rows. Load the file into a server, and"
                    " dump its databases.",
                )
            for mention in dump_changes.changed(each.text):
                self._check_changes(mention, each)

    def _check_changes(self, mention: dump_changes.Mention, line: Line) -> None:
        """Raises `NotTheOriginal` where rows that were read are not the last ones."""
        database = mention.database or self._script.database
        role = self._contents.roles.get(database)
        for table in self._contents.tables:
            filled_in = self._filled.get(table)
            if (
                table.role == role
                and (mention.table is None or mention.table.lower() == table.name)
                and (mention.is_early or table in self._filled)
                and (filled_in is None or database is None or filled_in == database)
            ):
                raise NotTheOriginal(
                    f"{line.file}, línea {line.number}: la orden cambia las filas de {table.label}"
                    " de otro modo que un volcado. Cargue el archivo en un servidor, y haga el"
                    " volcado de sus bases de datos.",
                    f"{line.file}, line {line.number}: the statement changes the rows of"
                    f" {table.label} in another way than a dump does. Load the file into a server,"
                    " and dump its databases.",
                )

    def _add(self, table: Table, rows: list[Row], line: Line) -> None:
        try:
            self._staging.add(table, rows)
        except sqlite3.IntegrityError as error:
            raise NotTheOriginal(
                f"{line.file}, hasta la línea {line.number}: un id de {table.label} está dos"
                " veces.",
                f"{line.file}, up to line {line.number}: an id of {table.label} is there twice.",
            ) from error

"""The operations of migrations: each produces SQL for SQLite and for MySQL.

The SQL for MySQL is accepted by MySQL 8 and MariaDB: no IF NOT EXISTS for columns and indexes,
foreign keys at table level, keys on VARCHAR with a length, DATETIME(6) instead of TIMESTAMP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from piccolo.querystring import QueryString

from functions.kit.data.database import Database

Backend = Literal["sqlite", "mysql"]

MYSQL_TABLE_OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
"""Binary collation: keys compare byte by byte, as on SQLite."""


@dataclass(frozen=True)
class Type:
    """A column type by its SQL name for each database."""

    sqlite: str
    mysql: str

    def printed(self, backend: Backend) -> str:
        return self.sqlite if backend == "sqlite" else self.mysql


# BIGINT and not INTEGER, for which Piccolo registers a converter on SQLite.
BIGINT = Type("BIGINT", "BIGINT")
BOOLEAN = Type("BOOLEAN", "TINYINT(1)")
TIMESTAMP = Type("TIMESTAMPTZ", "DATETIME(6)")
TEXT = Type("TEXT", "TEXT")
LONGTEXT = Type("TEXT", "MEDIUMTEXT")
AUTO_ID = Type("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY")


def varchar(length: int) -> Type:
    return Type(f"VARCHAR({length})", f"VARCHAR({length})")


@dataclass(frozen=True)
class Column:
    """A column, NOT NULL by default. `default` is SQL text."""

    name: str
    type: Type
    null: bool = False
    default: str | None = None

    def printed(self, backend: Backend) -> str:
        parts = [f'"{self.name}"', self.type.printed(backend)]
        if self.type is not AUTO_ID:
            parts.append("NULL" if self.null else "NOT NULL")
        if self.default is not None:
            parts.append(f"DEFAULT {self.default}")
        return _quoted(" ".join(parts), backend)


@dataclass(frozen=True)
class Index:
    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class ForeignKey:
    column: str
    references: str
    """Name of the table whose `id` is referenced."""


class Operation(Protocol):
    """One schema change. On MySQL each commits by itself, so each has a probe."""

    def statements(self, backend: Backend) -> Sequence[str]: ...

    async def probe(self, database: Database) -> bool:
        """Whether the change has been applied. Called on MySQL only."""


@dataclass(frozen=True)
class CreateTable:
    name: str
    columns: Sequence[Column]
    primary_key: tuple[str, ...] = ()
    """Columns of the primary key; empty if there is an `AUTO_ID` column."""
    indexes: Sequence[Index] = ()
    foreign_keys: Sequence[ForeignKey] = ()
    checks: Sequence[str] = ()
    """SQL conditions of CHECK constraints."""

    def statements(self, backend: Backend) -> list[str]:
        parts = [column.printed(backend) for column in self.columns]
        if self.primary_key:
            parts.append(f"PRIMARY KEY ({_names(self.primary_key)})")
        parts.extend(
            f'CONSTRAINT "fk_{self.name}_{key.column}" FOREIGN KEY ("{key.column}")'
            f' REFERENCES "{key.references}" ("id")'
            for key in self.foreign_keys
        )
        parts.extend(
            f'CONSTRAINT "ck_{self.name}_{number}" CHECK ({check})'
            for number, check in enumerate(self.checks, 1)
        )
        if backend == "mysql":  # one statement, so that a kill cannot leave the table half made
            parts.extend(
                f'{"UNIQUE " if index.unique else ""}KEY "{index.name}" ({_names(index.columns)})'
                for index in self.indexes
            )
        body = ",\n    ".join(parts)
        create = f'CREATE TABLE "{self.name}" (\n    {body}\n)'
        if backend == "mysql":
            return [_quoted(f"{create} {MYSQL_TABLE_OPTIONS}", backend)]
        return [
            create,
            *(
                statement
                for index in self.indexes
                for statement in AddIndex(self.name, index).statements(backend)
            ),
        ]

    async def probe(self, database: Database) -> bool:
        return await _exists(
            database,
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = {}",
            self.name,
        )


@dataclass(frozen=True)
class AddColumn:
    """Adds a column. It must be nullable or have a default: the previous revision inserts rows
    without it. Raises `ValueError` otherwise."""

    table: str
    column: Column

    def __post_init__(self) -> None:
        if not self.column.null and self.column.default is None:
            raise ValueError(
                f"{self.table}.{self.column.name} needs a default or must be nullable:"
                " the revision that is still running does not know it"
            )

    def statements(self, backend: Backend) -> list[str]:
        alter = _quoted(f'ALTER TABLE "{self.table}" ADD COLUMN ', backend)
        return [alter + self.column.printed(backend)]

    async def probe(self, database: Database) -> bool:
        return await _exists(
            database,
            "SELECT 1 FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = {} AND column_name = {}",
            self.table,
            self.column.name,
        )


@dataclass(frozen=True)
class AddIndex:
    table: str
    index: Index

    def statements(self, backend: Backend) -> list[str]:
        unique = "UNIQUE " if self.index.unique else ""
        return [
            _quoted(
                f'CREATE {unique}INDEX "{self.index.name}"'
                f' ON "{self.table}" ({_names(self.index.columns)})',
                backend,
            )
        ]

    async def probe(self, database: Database) -> bool:
        return await _exists(
            database,
            "SELECT 1 FROM information_schema.statistics"
            " WHERE table_schema = DATABASE() AND table_name = {} AND index_name = {}",
            self.table,
            self.index.name,
        )


@dataclass(frozen=True)
class Execute:
    """Runs the given SQL. `unless` is a query that finds a row if the change was applied."""

    unless: str
    sqlite: Sequence[str] = field(default_factory=tuple)
    mysql: Sequence[str] = field(default_factory=tuple)

    def statements(self, backend: Backend) -> Sequence[str]:
        return self.sqlite if backend == "sqlite" else self.mysql

    async def probe(self, database: Database) -> bool:
        return await _exists(database, self.unless)


async def _exists(database: Database, template: str, *args: object) -> bool:
    return bool((await database.execute(QueryString(template, *args))).rows)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _quoted(sql: str, backend: Backend) -> str:
    """For MySQL, replace double quotes by backticks. The SQL must not contain string literals."""
    return sql.replace('"', "`") if backend == "mysql" else sql

"""The databases of the services: reachable, and empty or moved by this command before."""

import importlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from piccolo.querystring import QueryString

from functions.adoption.errors import TargetRefused
from functions.adoption.spanish import in_spanish
from functions.kit.base.urls import parse_sqlite
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.migrations import (
    VERSIONS,
    Migration,
    MigrationError,
    load,
    migrate,
    pending,
)

SERVICES = ("auth", "catalog", "purchase")

Databases = Mapping[str, Database]

_MUST_BE_EMPTY = {
    "auth": ("users",),
    "catalog": ("books", "inventory"),
    "purchase": ("books", "inventory", "providers", "purchases", "payments"),
}


@asynccontextmanager
async def opened(urls: Mapping[str, str]) -> AsyncIterator[dict[str, Database]]:
    """Raises `TargetRefused` for an invalid URL, or a server that cannot be used."""
    databases: dict[str, Database] = {}
    try:
        for service, url in urls.items():
            with refusals(service):
                databases[service] = connect(url)
        yield databases
    finally:
        for database in databases.values():
            await database.close()


class refusals:  # noqa: N801 - a context manager, named as what it makes
    """Converts errors of a service's database into `TargetRefused`."""

    def __init__(self, service: str) -> None:
        self.service = service

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from functions.kit.mysql import errors  # noqa: PLC0415 - for an error only

        if isinstance(error, errors.UnknownDatabase):
            raise TargetRefused(
                f"La base de datos de {self.service} no existe: {error} Créela con CHARACTER SET"
                " utf8mb4 COLLATE utf8mb4_bin.",
                f"The database of {self.service} does not exist: {error} Create it with CHARACTER"
                " SET utf8mb4 COLLATE utf8mb4_bin.",
            ) from error
        if isinstance(
            error, errors.DatabaseError | sqlite3.Error | ValueError | MigrationError | OSError
        ):
            raise TargetRefused(
                f"La base de datos de {self.service} no se puede usar: {in_spanish(str(error))}",
                f"The database of {self.service} cannot be used:"
                f" {str(error).replace('DATABASE_URL', 'the address')}",
            ) from error


def sqlite_file(url: str) -> Path | None:
    """The file that the engine opens for a SQLite URL; None for another kind of URL.

    Raises `TargetRefused` where the URL is malformed, as one of a folder with `?` in its name.
    """
    if not url.startswith("sqlite://"):
        return None
    try:
        return Path(parse_sqlite(url).path)
    except ValueError as error:
        raise TargetRefused(
            f"{url} no sirve: {in_spanish(str(error))}.", f"{url} cannot be used: {error}."
        ) from error


def make_folders(urls: Mapping[str, str]) -> None:
    """Make the folders of SQLite files. Raises `TargetRefused`."""
    for service, url in urls.items():
        if (file := sqlite_file(url)) is not None:
            with refusals(service):
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def existing(urls: Mapping[str, str]) -> dict[str, str]:
    """The URLs without those of SQLite files that do not exist yet: opening one creates it."""
    return {
        service: url
        for service, url in urls.items()
        if (file := sqlite_file(url)) is None or file.exists()
    }


async def check_empty(databases: Databases) -> None:
    """Raises `TargetRefused` where a service has data already."""
    for service, database in databases.items():
        with refusals(service):
            for table in _MUST_BE_EMPTY[service]:
                if await has_table(database, table) and await _has_rows(database, table):
                    raise TargetRefused(
                        f"{service} ya tiene datos (tabla {table}). El original se trae solo a una"
                        " tienda vacía: use otras bases de datos, o vacíe estas. El administrador"
                        " que FIRST_ADMIN_EMAIL crea cuenta también: créelo después.",
                        f"{service} has data already (table {table}). Data is moved only into an"
                        " empty shop: use other databases, or empty these. An admin that"
                        " FIRST_ADMIN_EMAIL created counts too: create it afterwards.",
                    )


async def check_schemas(databases: Databases) -> None:
    """Raises `TargetRefused` where `migrate_all` would, before it has changed another database."""
    for service, database in databases.items():
        with refusals(service):
            migrations = _migrations(service)
            await pending(database, migrations)
            if await _version(database) > len(migrations):
                raise TargetRefused(
                    f"La base de datos de {service} es de una versión más nueva que esta orden."
                    " Traiga los datos con esa versión.",
                    f"The database of {service} is of a newer release than this command. Move the"
                    " data with that release.",
                )


async def migrate_all(databases: Databases) -> None:
    for service, database in databases.items():
        with refusals(service):
            await migrate(database, _migrations(service))


def _migrations(service: str) -> list[Migration]:
    return load(importlib.import_module(f"functions.{service}.migrations"))


async def _version(database: Database) -> int:
    """The newest migration that a database has; 0 for none."""
    if not await has_table(database, VERSIONS.name):
        return 0
    outcome = await database.execute(
        QueryString("SELECT MAX(version) AS version FROM schema_version")
    )
    return outcome.rows[0]["version"] or 0


async def has_table(database: Database, name: str) -> bool:
    query = (
        QueryString(
            "SELECT 1 FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = {}",
            name,
        )
        if database.backend == "mysql"
        else QueryString("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {}", name)
    )
    return bool((await database.execute(query)).rows)


async def _has_rows(database: Database, table: str) -> bool:
    query = QueryString(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608 - of this module
    return bool((await database.execute(query)).rows)


async def raise_next_id(database: Database, table: str, next_id: int) -> None:
    """Let new rows of a table get ids from `next_id` on, or above its highest."""
    if database.backend == "mysql":
        await database.run_ddl(f"ALTER TABLE `{table}` AUTO_INCREMENT = {next_id}")
        return
    await database.execute(
        QueryString(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {}, 0"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {})",
            table,
            table,
        )
    )
    await database.execute(
        QueryString(
            "UPDATE sqlite_sequence SET seq = {} WHERE name = {} AND seq < {}",
            next_id - 1,
            table,
            next_id - 1,
        )
    )

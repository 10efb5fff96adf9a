"""Numbered schema changes of our own, run under a lock, for both databases.

Piccolo's automatic migrations take no lock, fail on SQLite at the first ALTER, and record as run
what did nothing. Here SQLite runs all of them in one BEGIN IMMEDIATE; MySQL, whose DDL commits by
itself, runs them under GET_LOCK and probes before each statement, so a kill at any point is
followed by a run that finishes the work. An edited migration is refused by its checksum.

The changes themselves are written with `schema.py`; a service keeps them in `migrations/`, and
its `migrate.py` runs them.
"""

import asyncio
import contextlib
import hashlib
import importlib
import logging
import os
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.clock import utc_now
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.schema import (
    BIGINT,
    TIMESTAMP,
    Backend,
    Column,
    CreateTable,
    Operation,
    varchar,
)

logger = logging.getLogger(__name__)

LOCK_NAME = "bookstore.migrations"
LOCK_TIMEOUT = 300.0
"""Seconds that a second runner waits for the first."""

VERSIONS = CreateTable(
    "schema_version",
    [
        Column("version", BIGINT),
        Column("name", varchar(100)),
        Column("checksum", varchar(64)),
        Column("applied_at", TIMESTAMP),
    ],
    primary_key=("version",),
)

_MISSING_MODULE = re.compile(r"no such module: (\w+)")


class MigrationError(Exception):
    """The schema cannot be brought up to date; nothing of this run is half recorded."""


class MigrationPostponed(MigrationError):
    """The same migration may well succeed a little later: the database is away, or busy."""


class Migration(NamedTuple):
    version: int
    name: str
    operations: Sequence[Operation]

    def statements(self, backend: Backend) -> list[str]:
        return [sql for operation in self.operations for sql in operation.statements(backend)]

    def checksum(self) -> str:
        """Over what is printed for both databases: moving code about changes nothing."""
        printed = [*self.statements("sqlite"), *self.statements("mysql")]
        return hashlib.sha256("\n;\n".join(printed).encode()).hexdigest()


def load(package: ModuleType) -> list[Migration]:
    """The migrations of a package: its modules `0001_initial.py` and on, each with `operations`."""
    found = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        number, _, name = module.name.partition("_")
        operations = importlib.import_module(f"{package.__name__}.{module.name}").operations
        found.append(Migration(int(number), name, operations))
    versions = [migration.version for migration in found]
    if versions != list(range(1, len(found) + 1)):
        raise MigrationError(f"{package.__name__} must be numbered 1, 2, 3 ...; it has {versions}")
    return found


async def migrate(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """Bring the schema up to date; answers what was run. Safe with any number of runners at once.

    A database that is ahead of this code is left alone: the revision before the newest runs on.
    Raises `MigrationError` when a migration that was run has been edited since.
    """
    backend: Backend = "mysql" if database.backend == "mysql" else "sqlite"
    if backend == "sqlite":
        return await _run_alone(database, migrations)
    async with database.advisory_lock(LOCK_NAME, LOCK_TIMEOUT):
        return await _run(database, migrations, backend)


async def _run_alone(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """On SQLite: the first writer shuts the others out, and they try until it is done."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            async with database.transaction():
                return await _run(database, migrations, "sqlite")
        except Exception as error:
            if not database.is_retryable(error) or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


async def pending(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """What `migrate` would run; changes nothing."""
    known = await _applied(database)
    _check(known, migrations)
    return [migration for migration in migrations if migration.version not in known]


async def _run(
    database: Database, migrations: Sequence[Migration], backend: Backend
) -> list[Migration]:
    if not await _has_versions(database):
        await _apply(database, VERSIONS, backend)
    todo = await pending(database, migrations)
    for migration in todo:
        for operation in migration.operations:
            if backend == "sqlite" or not await operation.probe(database):
                await _apply_once(database, operation, backend)
        await database.execute(
            QueryString(
                "INSERT INTO schema_version (version, name, checksum, applied_at)"
                " VALUES ({}, {}, {}, {})",
                migration.version,
                migration.name,
                migration.checksum(),
                utc_now(),
            )
        )
        logger.info("migration %04d %s was run", migration.version, migration.name)
    return todo


async def _apply_once(database: Database, operation: Operation, backend: Backend) -> None:
    """A runner that was killed may have left the server at work on its statement.

    Ours waits for it, and then fails, since it is done.
    """
    try:
        await _apply(database, operation, backend)
    except Exception:
        if backend == "sqlite" or not await operation.probe(database):
            raise


async def _apply(database: Database, operation: Operation, backend: Backend) -> None:
    for statement in operation.statements(backend):
        try:
            await database.run_ddl(statement)
        except Exception as error:
            if missing := _MISSING_MODULE.search(str(error)):
                raise MigrationError(
                    f"This Python's SQLite was built without {missing[1]}, which the schema needs."
                    " Use another build of Python, or DATABASE_URL with a MySQL server."
                ) from error
            raise
    if isinstance(operation, Backfill):
        await operation.run(database)


async def _has_versions(database: Database) -> bool:
    if database.backend == "mysql":
        return await VERSIONS.probe(database)
    found = await database.execute(
        QueryString("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'")
    )
    return bool(found.rows)


async def _applied(database: Database) -> Mapping[int, str]:
    if not await _has_versions(database):
        return {}
    outcome = await database.execute(QueryString("SELECT version, checksum FROM schema_version"))
    return {row["version"]: row["checksum"] for row in outcome.rows}


def _check(known: Mapping[int, str], migrations: Sequence[Migration]) -> None:
    for migration in migrations:
        checksum = known.get(migration.version)
        if checksum is not None and checksum != migration.checksum():
            raise MigrationError(
                f"Migration {migration.version:04d} {migration.name} was run and has been edited"
                " since. Put it back as it was, and write the change as a new migration."
            )


@contextlib.contextmanager
def as_migration_error(database: Database) -> Iterator[None]:
    """Raises `MigrationPostponed` for what passes, `MigrationError` for a database that will not be
    usable later either; other errors are let through."""
    try:
        yield
    except Exception as error:
        if database.is_unavailable(error):
            kind = MigrationPostponed if _passes(database, error) else MigrationError
            raise kind(f"The database cannot be used: {error}") from error
        if _passes(database, error):
            raise MigrationPostponed(f"The database is busy: {error}") from error
        raise


def _passes(database: Database, error: Exception) -> bool:
    """Whether time may heal it. A file that cannot be opened, a wrong password or a database that
    is not there stay what they are."""
    if database.backend == "sqlite":
        return False
    from functions.kit.mysql import errors  # noqa: PLC0415 - for a failure only

    if isinstance(error, errors.AccessDenied | errors.UnknownDatabase | errors.TLSRefused):
        return False
    return (
        database.is_unavailable(error)
        or database.is_retryable(error)
        or isinstance(error, errors.LockNotAcquired)
    )


def main(service: str, package: ModuleType, url: Callable[[], str]) -> int:
    """What `python -m functions.SERVICE.migrate` does; answers the exit code.

    1 where it would fail again in the same way, 2 where a later run may succeed: a Job stops at the
    one and tries again after the other. `url` reads the settings, so that what is wrong with them
    is said, not traced.
    """

    async def run() -> list[Migration]:
        database = connect(url())
        try:
            with as_migration_error(database):
                return await migrate(database, load(package))
        finally:
            await database.close()

    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(message)s")
    try:
        done = asyncio.run(run())
    except (MigrationError, ValueError) as error:
        return failed(service, error)
    print(f"{service}: {len(done)} migrations were run" if done else f"{service}: up to date")
    return 0


def failed(service: str, error: Exception) -> int:
    """Says what is wrong; the exit code."""
    print(f"{service}: {error}", file=sys.stderr)
    return 2 if isinstance(error, MigrationPostponed) else 1

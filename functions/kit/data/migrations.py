"""Runs numbered schema migrations under a lock, on both databases.

Piccolo's automatic migrations take no lock, fail on SQLite at the first ALTER, and are recorded as
applied even when they changed nothing. Here SQLite runs all pending migrations in one BEGIN
IMMEDIATE. MySQL commits each DDL statement by itself, so there they run under GET_LOCK with a probe
before each operation; after a kill at any point the next run finishes the work. A migration that
was edited after it was applied is an error: its checksum differs.

Migrations are made of the operations in `schema.py`. They are in each service's `migrations/`, and
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
from functions.kit.base.output import keep_running_unread
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
"""Seconds that a runner waits for another one to finish."""

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
    """The schema cannot be migrated. Only completed migrations are recorded as applied."""


class MigrationPostponed(MigrationError):
    """The database is unreachable or busy: the same migration may succeed later."""


class Migration(NamedTuple):
    version: int
    name: str
    operations: Sequence[Operation]

    def statements(self, backend: Backend) -> list[str]:
        return [sql for operation in self.operations for sql in operation.statements(backend)]

    def checksum(self) -> str:
        """SHA-256 of the SQL for both databases, so that refactoring does not change it."""
        printed = [*self.statements("sqlite"), *self.statements("mysql")]
        return hashlib.sha256("\n;\n".join(printed).encode()).hexdigest()


def load(package: ModuleType) -> list[Migration]:
    """The migrations of a package: its modules `0001_initial.py` and so on, with `operations`.

    Raises `MigrationError` if the numbers are not 1, 2, 3 ...
    """
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
    """Apply the pending migrations; returns them. Any number of runners may run concurrently.

    Migrations in the database that this code does not know are ignored, so that the previous
    revision still starts. Raises `MigrationError` if an applied migration was edited.
    """
    backend: Backend = "mysql" if database.backend == "mysql" else "sqlite"
    if backend == "sqlite":
        return await _run_on_sqlite(database, migrations)
    async with database.advisory_lock(LOCK_NAME, LOCK_TIMEOUT):
        return await _run(database, migrations, backend)


async def _run_on_sqlite(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """The transaction excludes other runners; they retry until it has ended."""
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
    """The migrations that `migrate` would apply. Changes nothing."""
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
        logger.info("migration %04d %s was applied", migration.version, migration.name)
    return todo


async def _apply_once(database: Database, operation: Operation, backend: Backend) -> None:
    """Apply an operation, or accept an error if a probe then finds it applied.

    MySQL may still be executing the statement of a runner that was killed. Then ours waits for
    that statement's lock, and fails because the change has been made.
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
                f"Migration {migration.version:04d} {migration.name} was edited after it was"
                " applied. Undo the edit, and write the change as a new migration."
            )


@contextlib.contextmanager
def as_migration_error(database: Database) -> Iterator[None]:
    """Converts errors of the database.

    Raises `MigrationPostponed` for a transient fault, `MigrationError` for a database that stays
    unusable without a change of its configuration. Other errors are not converted.
    """
    try:
        yield
    except Exception as error:
        if database.is_unavailable(error):
            kind = MigrationPostponed if _is_transient(database, error) else MigrationError
            raise kind(f"The database cannot be used: {error}") from error
        if _is_transient(database, error):
            raise MigrationPostponed(f"The database is busy: {error}") from error
        raise


def _is_transient(database: Database, error: Exception) -> bool:
    """Whether a later run may succeed without any change. It cannot after a wrong password, for a
    database that does not exist, or for a SQLite file that cannot be opened."""
    if database.backend == "sqlite":
        return False
    from functions.kit.mysql import errors  # noqa: PLC0415 - for an error only

    if isinstance(error, errors.AccessDenied | errors.UnknownDatabase | errors.TLSRefused):
        return False
    return (
        database.is_unavailable(error)
        or database.is_retryable(error)
        or isinstance(error, errors.LockNotAcquired)
    )


def main(service: str, package: ModuleType, url: Callable[[], str]) -> int:
    """Run `python -m functions.SERVICE.migrate`; returns its exit code.

    0: done. 1: the same run would fail again. 2: a later run may succeed; the Job retries only
    then. `url` reads the settings, so that invalid settings are reported without a traceback.
    """

    async def run() -> list[Migration]:
        database = connect(url())
        try:
            with as_migration_error(database):
                return await migrate(database, load(package))
        finally:
            await database.close()

    keep_running_unread()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(message)s")
    try:
        done = asyncio.run(run())
    except (MigrationError, ValueError) as error:
        return report_failure(service, error)
    print(f"{service}: {len(done)} migrations were run" if done else f"{service}: up to date")
    return 0


def report_failure(service: str, error: Exception) -> int:
    """Print an error of a migration to standard error; returns the exit code."""
    print(f"{service}: {error}", file=sys.stderr)
    return 2 if isinstance(error, MigrationPostponed) else 1

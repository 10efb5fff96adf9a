"""`python -m functions.SERVICE.after_restore`: raises the id counters of a restored database.

A backup holds the id counters of its time. Ids that were generated later are lost with the
database, but other services, clients and payment providers still refer to them, so they must not
be generated again. The command raises every counter by a large step, before the service starts
again. A second run raises them once more, which is harmless.

In a cluster `knative/base/databases/server/scripts/restore.sh` does the same in SQL.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.money import MAX_ID
from functions.kit.base.output import keep_running_unread
from functions.kit.data.database import Database, transactional
from functions.kit.data.engines import connect_existing
from functions.kit.data.migrations import MigrationError, load, pending

STEP = 1_000_000
"""More rows than any table gains between two backups."""

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_COUNTER = re.compile(r"^\) .*?AUTO_INCREMENT=(\d+)", re.MULTILINE)


class Refused(Exception):
    """The counters cannot be raised. None was changed."""


class Counter(NamedTuple):
    table: str
    next: int
    limit: int
    """The largest id that the column's type and `MAX_ID` allow."""


class Raised(NamedTuple):
    """A raised counter: the next id before and after."""

    table: str
    before: int
    after: int


async def raise_counters(database: Database, *, by: int = STEP) -> list[Raised]:
    """Raise the counter of every table that has one; returns them sorted by table.

    Raises `Refused` if a counter would exceed its limit; then none is raised.
    """
    if database.backend == "mysql":
        raised = _plan(await _counters_of_mysql(database), by)
        for each in raised:  # each commits by itself; after a kill the command is run again
            await database.run_ddl(f"ALTER TABLE `{each.table}` AUTO_INCREMENT = {each.after}")
        return raised
    return await _raise_in_sqlite(database, by)


def _plan(counters: Sequence[Counter], by: int) -> list[Raised]:
    for each in sorted(counters):
        if by > each.limit - each.next:
            raise Refused(
                f"the next id of {each.table} is {each.next}: {by} more exceeds {each.limit}"
            )
    return [Raised(each.table, each.next, each.next + by) for each in sorted(counters)]


async def _counters_of_mysql(database: Database) -> list[Counter]:
    outcome = await database.execute(
        QueryString(
            "SELECT table_name AS name, data_type AS type FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'"
        )
    )
    return [
        Counter(row["name"], await _next(database, row["name"]), 2 ** (_BITS[row["type"]] - 1) - 1)
        for row in outcome.rows
    ]


async def _next(database: Database, table: str) -> int:
    """The next id. Not read from information_schema, whose counters MySQL 8 caches for a day."""
    (row,) = await database.run_ddl(f"SHOW CREATE TABLE `{table}`")
    shown = _COUNTER.search(row["Create Table"])
    return int(shown[1]) if shown else 1


@transactional
async def _raise_in_sqlite(database: Database, by: int) -> list[Raised]:
    tables = await database.execute(
        QueryString(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        )
    )
    counters = []
    for row in tables.rows:
        # A table that was empty at the time of the backup has no row in sqlite_sequence.
        given = await database.execute(
            QueryString("SELECT MAX(seq) AS last FROM sqlite_sequence WHERE name = {}", row["name"])
        )
        counters.append(Counter(row["name"], (given.rows[0]["last"] or 0) + 1, MAX_ID))
    raised = _plan(counters, by)
    for each in raised:
        await database.execute(
            QueryString("DELETE FROM sqlite_sequence WHERE name = {}", each.table)
        )
        await database.execute(
            QueryString(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ({}, {})",
                each.table,
                each.after - 1,
            )
        )
    return raised


async def _run(service: str, package: ModuleType, url: str, by: int) -> list[Raised]:
    database = connect_existing(url)
    try:
        # After the backup of an older release, the new tables need raised counters too.
        if todo := await pending(database, load(package)):
            raise Refused(
                f"{len(todo)} migrations are missing. Run python -m functions.{service}.migrate"
                " before this."
            )
        return await raise_counters(database, by=by)
    finally:
        await database.close()


def main(
    service: str,
    package: ModuleType,
    url: Callable[[], str],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run the command; returns its exit code.

    `url` reads the settings, so that invalid settings are reported like other errors.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m functions.{service}.after_restore",
        description="Raises every id counter of a database that was restored from a backup, so"
        " that ids generated after the backup are not generated again. Run it before the service"
        " starts.",
    )
    parser.add_argument(
        "--by",
        type=_count,
        default=STEP,
        metavar="N",
        help="how far each counter is raised; must exceed the number of ids generated since the"
        f" backup (default: {STEP})",
    )
    options = parser.parse_args(arguments)
    keep_running_unread()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "ERROR"), format="%(message)s")
    try:
        raised = asyncio.run(_run(service, package, url(), options.by))
    except (Refused, MigrationError) as error:
        print(f"{service}: no counter was raised: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - an operator reads a sentence
        print(f"{service}: the database cannot be used: {error}", file=sys.stderr)
        return 2
    for each in raised:
        print(f"{service}: {each.table}: {each.before} -> {each.after}")
    return 0


def _count(text: str) -> int:
    """Raises `ValueError` or `ArgumentTypeError`, which argparse reports."""
    count = int(text)
    if not 1 <= count <= MAX_ID:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MAX_ID}")
    return count

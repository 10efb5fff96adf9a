"""What `python -m functions.SERVICE.after_restore` does: no id that was lost is given again.

A backup holds the counters of its day. Rows that came later are lost with the database, but not
their ids: other services, clients and payment providers hold them. So every counter of the
database is raised far beyond what it may have given since, before the service runs again; a second
run raises them once more, which does no harm.

In a cluster `knative/base/databases/server/scripts/restore.sh` does the same, with SQL alone.
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
from functions.kit.data.database import Database, transactional
from functions.kit.data.engines import connect
from functions.kit.data.migrations import MigrationError, load, pending

STEP = 1_000_000
"""More rows than a table of this shop gains between two backups."""

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_COUNTER = re.compile(r"^\) .*?AUTO_INCREMENT=(\d+)", re.MULTILINE)


class Refused(Exception):
    """No counter was raised."""


class Counter(NamedTuple):
    table: str
    next: int
    limit: int
    """The greatest id that its column, and the shop, take."""


class Raised(NamedTuple):
    """A table's counter: the id that it would have given next, and the one that it gives now."""

    table: str
    before: int
    after: int


async def raise_counters(database: Database, *, by: int = STEP) -> list[Raised]:
    """Raise the counter of every table that has one, by table.

    Raises `Refused` when one of them would leave the ids that the shop takes; then none is raised.
    """
    if database.backend == "mysql":
        raised = _raised(await _counters_of_mysql(database), by)
        for each in raised:  # commits by itself; a run that was killed half way is run again
            await database.run_ddl(f"ALTER TABLE `{each.table}` AUTO_INCREMENT = {each.after}")
        return raised
    return await _raise_in_sqlite(database, by)


def _raised(counters: Sequence[Counter], by: int) -> list[Raised]:
    for each in sorted(counters):
        if by > each.limit - each.next:
            raise Refused(f"{each.table} has come to {each.next}: {by} more is beyond {each.limit}")
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
    """Not from information_schema: MySQL 8 keeps what that says of a counter for a day."""
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
        # A table that was empty at the time of the backup has no row here, but may have given ids.
        given = await database.execute(
            QueryString("SELECT MAX(seq) AS last FROM sqlite_sequence WHERE name = {}", row["name"])
        )
        counters.append(Counter(row["name"], (given.rows[0]["last"] or 0) + 1, MAX_ID))
    raised = _raised(counters, by)
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
    database = connect(url)
    try:
        # Also of a backup from before a release: tables that came with it have given ids too.
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
    """Answers the exit code. `url` reads the settings, so that what is wrong is said."""
    parser = argparse.ArgumentParser(
        prog=f"python -m functions.{service}.after_restore",
        description="After a database was restored from a backup, and before its service runs:"
        " let no id be given again that was given since.",
    )
    parser.add_argument(
        "--by",
        type=_count,
        default=STEP,
        metavar="N",
        help=f"how far each counter is raised; more than was given since the backup ({STEP})",
    )
    options = parser.parse_args(arguments)
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
    """Raises `ValueError`, which argparse explains."""
    count = int(text)
    if not 1 <= count <= MAX_ID:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MAX_ID}")
    return count

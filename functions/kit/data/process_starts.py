"""The starts of a service's processes, of both its APIs and all replicas.

On Knative each is a cold start, or one more replica. `internal_api/status.py` shows them.
"""

from datetime import datetime, timedelta

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.process import VERSION, Process
from functions.kit.data.database import Database, transactional

RETENTION = timedelta(days=7)
SHOWN = 10
MAX_COUNTED = 10_000
"""Starts that the figures of a day are computed from."""


class ProcessStart(msgspec.Struct, frozen=True, kw_only=True):
    started_at: datetime
    seconds: float | None
    """From the creation of the process until it served; null where the system does not say."""
    exposed_api: str
    version: str
    revision: str


class StartsOfADay(msgspec.Struct, frozen=True, kw_only=True):
    """The starts of the last 24 hours."""

    count: int
    median_seconds: float | None
    slowest_seconds: float | None
    latest: list[ProcessStart]
    """At most `SHOWN`, the newest first."""


@transactional
async def record(database: Database, process: Process, exposed_api: str, *, clock: Clock) -> None:
    """Store this process's start, and delete old ones."""
    seconds = process.start_seconds
    await database.execute(
        QueryString(
            "INSERT INTO process_starts (started_at, start_milliseconds, exposed_api, version,"
            " revision) VALUES ({}, {}, {}, {}, {})",
            process.started_at or clock(),
            None if seconds is None else round(seconds * 1000),
            exposed_api,
            VERSION,
            process.revision[:100],
        )
    )
    await database.execute(
        QueryString("DELETE FROM process_starts WHERE started_at < {}", clock() - RETENTION)
    )


async def of_a_day(database: Database, *, clock: Clock) -> StartsOfADay:
    since = clock() - timedelta(days=1)
    outcome = await database.execute(
        QueryString(
            "SELECT started_at, start_milliseconds, exposed_api, version, revision"
            " FROM process_starts WHERE started_at >= {}"
            " ORDER BY started_at DESC, id DESC LIMIT {}",
            since,
            MAX_COUNTED,
        )
    )
    starts = [
        ProcessStart(
            started_at=row["started_at"],
            seconds=_seconds(row["start_milliseconds"]),
            exposed_api=row["exposed_api"],
            version=row["version"],
            revision=row["revision"],
        )
        for row in outcome.rows
    ]
    known = sorted(start.seconds for start in starts if start.seconds is not None)
    return StartsOfADay(
        count=len(starts),
        median_seconds=known[len(known) // 2] if known else None,
        slowest_seconds=known[-1] if known else None,
        latest=starts[:SHOWN],
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

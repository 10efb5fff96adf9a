"""What the readers of the consumed streams have met: the owner's head, gaps, failures.

`catch_up.py` writes a row per source, in whichever process reads; `internal_api/status.py` and the
metrics report them. The position itself is the inbox's (`inbox.py`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, Row, locked_or_inserted, transactional
from functions.kit.events import inbox

EVERY = timedelta(minutes=1)
"""A read that brings nothing new is recorded once in this time."""
MAX_FAILURE = 500


class ReadResult(NamedTuple):
    """The result of a read of an owner's feed to its end."""

    head: int | None
    """The sequence of the owner's newest event; None if it did not say."""
    gap_after: int | None
    """The sequence after which events were missing, though later ones had arrived."""
    effective: int
    """Events that took effect by this read."""
    restored: bool = False
    """Whether the projection was replaced by the owner's snapshot."""


class StreamPosition(NamedTuple):
    """How far a consumed stream was read, by any process."""

    position: int
    """Every event up to this sequence was read."""
    seen: int
    """The highest sequence that has arrived; there is a gap if it is greater."""
    lag: int | None
    """Events that are known and not read; None where nothing is known of the stream."""
    restoring: bool
    """Whether the projection is being replaced by the owner's snapshot."""
    read: Row
    """The row of its reads; empty where it was never read."""

    @property
    def head(self) -> int | None:
        """The owner's newest sequence, as the last read found it."""
        return self.read.get("head")

    @property
    def contacted_at(self) -> datetime | None:
        """When the stream was last read to its end."""
        return self.read.get("contacted_at")


async def positions(database: Database, sources: Iterable[str]) -> dict[str, StreamPosition]:
    """The position in each source."""
    reads = await read(database)
    return {
        source: _position(await inbox.read_cursor(database, source), reads.get(source, {}))
        for source in sources
    }


def _position(cursor: inbox.ReadCursor, found: Row) -> StreamPosition:
    position = max(0, cursor.contiguous)
    seen = max(position, cursor.newest)
    head: int | None = found.get("head")
    known = max(seen, head or 0)
    lag = None if head is None and seen == 0 else known - position
    return StreamPosition(position, seen, lag, cursor.contiguous < 0, found)


@transactional
async def record(database: Database, source: str, result: ReadResult, *, clock: Clock) -> bool:
    """Record a successful read; returns whether it has repaired a gap."""
    now = clock()
    row = await _locked(database, source)
    # A gap is counted once, however often its repair is tried.
    is_new_gap = result.gap_after is not None and result.gap_after != row["gap_after"]
    repaired = result.gap_after is not None or row["gap_after"] is not None
    contacted_at: datetime | None = row["contacted_at"]
    if (
        not (result.effective or result.restored or repaired or row["failure"])
        and result.head in (None, row["head"])
        and contacted_at is not None
        and timedelta() <= now - contacted_at < EVERY
    ):
        return False
    await database.execute(
        QueryString(
            "UPDATE stream_reads SET head = {}, contacted_at = {}, gap_after = NULL,"
            " gaps_seen = gaps_seen + {}, gaps_repaired = gaps_repaired + {},"
            " events_read = events_read + {}, restores = restores + {},"
            " failed_at = NULL, failure = NULL WHERE source = {}",
            row["head"] if result.head is None else result.head,
            now,
            int(is_new_gap),
            int(repaired),
            result.effective,
            int(result.restored),
            source,
        )
    )
    return repaired


@transactional
async def record_failure(
    database: Database, source: str, failure: str, gap_after: int | None, *, clock: Clock
) -> None:
    """Record that a stream cannot be read; with the gap, if there is one, that stays open."""
    row = await _locked(database, source)
    is_new_gap = gap_after is not None and gap_after != row["gap_after"]
    await database.execute(
        QueryString(
            "UPDATE stream_reads SET failed_at = {}, failure = {}, gap_after = {},"
            " gaps_seen = gaps_seen + {} WHERE source = {}",
            clock(),
            failure[:MAX_FAILURE],
            row["gap_after"] if gap_after is None else gap_after,
            int(is_new_gap),
            source,
        )
    )


async def read(database: Database) -> dict[str, Row]:
    """The stored rows by source."""
    outcome = await database.execute(
        QueryString(
            "SELECT source, head, contacted_at, gaps_seen, gaps_repaired, events_read,"
            " restores, failed_at, failure FROM stream_reads ORDER BY source"
        )
    )
    return {row["source"]: row for row in outcome.rows}


async def _locked(database: Database, source: str) -> Row:
    return await locked_or_inserted(
        database,
        QueryString(
            "SELECT head, contacted_at, gap_after, failure FROM stream_reads WHERE source = {}",
            source,
        ),
        QueryString(
            "INSERT INTO stream_reads"
            " (source, gaps_seen, gaps_repaired, events_read, restores)"
            " VALUES ({}, 0, 0, 0, 0) ON CONFLICT (source) DO NOTHING",
            source,
        ),
    )

"""The inbox: an event takes effect once, and the reader knows how far it has read without a gap.

`record` and `advance` run in the transaction of the event's effect, so the effect, the row that
remembers it and the position are there together or not at all. `catch_up.py` closes the gaps that
are found here.

While a snapshot is taken, the position is a mark below zero (`mark_stale`): whoever finds it there
after a crash takes the snapshot again, and of two that take one the last that began may end it.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, transactional
from functions.kit.events.cloudevents import Event

RETENTION = timedelta(days=35)
"""Longer than a feed reaches back, so that nothing read again takes effect again."""

_WINDOW = 1000


class Position(NamedTuple):
    """How far a source was read: all up to `contiguous`; there is a gap when `seen` is beyond."""

    contiguous: int
    seen: int

    @property
    def gap(self) -> bool:
        return self.seen > self.contiguous


class ReadCursor(NamedTuple):
    """Where a reader stands, as it tells the owner."""

    contiguous: int
    """Below zero: a snapshot is being taken, or was not taken to its end."""
    event_id: str | None
    """What was read there; None where that is not known."""
    newest: int
    """The highest number that was seen."""


async def record(database: Database, event: Event, *, clock: Clock) -> bool:
    """Remember the event; False where it was remembered already, and has had its effect."""
    try:
        await database.execute(
            QueryString(
                "INSERT INTO inbox (source, event_id, sequence, received_at)"
                " VALUES ({}, {}, {}, {})",
                event.source,
                event.id,
                event.sequence,
                clock(),
            )
        )
    except Exception as error:
        if database.is_duplicate(error):
            return False
        raise
    return True


async def is_read(database: Database, event: Event) -> bool:
    """Whether the event is remembered."""
    outcome = await database.execute(
        QueryString(
            "SELECT 1 FROM inbox WHERE source = {} AND event_id = {}", event.source, event.id
        )
    )
    return bool(outcome.rows)


async def advance(database: Database, source: str) -> Position:
    """Move the position over everything that was read without a gap."""
    start = await _locked_position(database, source)
    contiguous, seen = start, start
    while True:
        found = await database.execute(
            QueryString(
                "SELECT sequence FROM inbox WHERE source = {} AND sequence > {}"
                " ORDER BY sequence LIMIT {}",
                source,
                seen,
                _WINDOW,
            )
        )
        for row in found.rows:
            seen = row["sequence"]
            if seen == contiguous + 1:
                contiguous = seen
        # Behind a gap the rest of the window tells nothing more than that there is a gap.
        if len(found.rows) < _WINDOW or seen > contiguous:
            break
    if contiguous > start:
        await _set(database, source, contiguous)
    return Position(contiguous, seen)


async def backfill_sequence(database: Database, event: Event) -> Position | None:
    """Of an event that is remembered without its number (`reset`): remember that too.

    Otherwise the owner's feed could never close the gap that it leaves.
    """
    if event.sequence is None:
        return None
    renumbered = await database.execute(
        QueryString(
            "UPDATE inbox SET sequence = {} WHERE source = {} AND event_id = {}"
            " AND sequence IS NULL",
            event.sequence,
            event.source,
            event.id,
        )
    )
    return await advance(database, event.source) if renumbered.rowcount else None


async def superseded(database: Database, event: Event) -> bool:
    """Whether the number of a new event had been read before; then it is not kept with it."""
    if event.sequence is None or event.sequence > await position(database, event.source):
        return False
    await database.execute(
        QueryString(
            "UPDATE inbox SET sequence = NULL WHERE source = {} AND event_id = {}",
            event.source,
            event.id,
        )
    )
    return True


async def position(database: Database, source: str) -> int:
    """The last sequence up to which everything of a source was read; 0 at the beginning."""
    return max(0, await _contiguous(database, source))


async def read_cursor(database: Database, source: str) -> ReadCursor:
    """Where to read on, and from which event."""
    contiguous = await _contiguous(database, source)
    # Of two events with one number the older one: ids of version 7 are in the order of their time.
    read = await database.execute(
        QueryString(
            "SELECT event_id FROM inbox WHERE source = {} AND sequence = {}"
            " ORDER BY event_id LIMIT 1",
            source,
            contiguous,
        )
    )
    newest = await database.execute(
        QueryString("SELECT MAX(sequence) AS newest FROM inbox WHERE source = {}", source)
    )
    event_id = read.rows[0]["event_id"] if read.rows else None
    return ReadCursor(contiguous, event_id, max(contiguous, newest.rows[0]["newest"] or 0))


@transactional
async def mark_stale(database: Database, source: str) -> int:
    """Give up the position and all numbers until `reset`; answers the mark that it needs.

    An owner that was restored from a backup gives numbers again, to other events.
    """
    await _locked_position(database, source)
    await database.execute(
        QueryString("UPDATE inbox SET sequence = NULL WHERE source = {}", source)
    )
    mark = -1 - secrets.randbits(62)
    await _set(database, source, mark)
    return mark


@transactional
async def reset(
    database: Database, source: str, sequence: int, event_id: str | None = None, *, clock: Clock
) -> Position:
    """Stand at the sequence of a snapshot, and at its event: everything up to there is in it."""
    await _locked_position(database, source)
    if event_id is not None:
        await database.execute(
            QueryString(
                "INSERT INTO inbox (source, event_id, sequence, received_at)"
                " VALUES ({}, {}, {}, {})"
                " ON CONFLICT (source, event_id) DO UPDATE SET sequence = excluded.sequence",
                source,
                event_id,
                sequence,
                clock(),
            )
        )
    await _set(database, source, sequence)
    return await advance(database, source)


async def holds_token(database: Database, source: str, mark: int) -> bool:
    """Whether nobody else has begun to take a snapshot; the position stays locked."""
    return await _locked_position(database, source) == mark


async def _contiguous(database: Database, source: str) -> int:
    outcome = await database.execute(
        QueryString("SELECT contiguous FROM stream_positions WHERE source = {}", source)
    )
    return outcome.rows[0]["contiguous"] if outcome.rows else 0


async def _locked_position(database: Database, source: str) -> int:
    select = QueryString("SELECT contiguous FROM stream_positions WHERE source = {}", source)
    rows = await database.locked(select)
    if not rows:
        await database.execute(
            QueryString(
                "INSERT INTO stream_positions (source, contiguous) VALUES ({}, 0)"
                " ON CONFLICT (source) DO NOTHING",
                source,
            )
        )
        rows = await database.locked(select)
    contiguous: int = rows[0]["contiguous"]
    return contiguous


async def _set(database: Database, source: str, contiguous: int) -> None:
    await database.execute(
        QueryString(
            "UPDATE stream_positions SET contiguous = {} WHERE source = {}", contiguous, source
        )
    )


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Forget events that no feed and no broker can bring again; never one beyond a gap."""
    before = clock() - RETENTION
    await database.execute(
        QueryString("DELETE FROM inbox WHERE sequence IS NULL AND received_at < {}", before)
    )
    positions = await database.execute(
        QueryString("SELECT source, contiguous FROM stream_positions ORDER BY source")
    )
    for row in positions.rows:
        await database.execute(
            QueryString(
                "DELETE FROM inbox WHERE source = {} AND sequence < {} AND received_at < {}",
                row["source"],
                row["contiguous"],
                before,
            )
        )

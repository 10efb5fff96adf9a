"""The inbox: ensures that each event takes effect once, and tracks the position in each stream.

`record` and `advance` run in the transaction of the event's effect, so the effect, the inbox row
and the position are committed together. `catch_up.py` closes the gaps that are found here.

During a restore from a snapshot, the position is a negative random token (`mark_stale`), and
`stream_restores` has how far it has come. A process that finds a negative position goes on from
there with a token of its own, unless another one is at it (`resume_restore`). Of two concurrent
ones only the one that came last holds the token; the other one ends at its next page.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, locked_or_inserted, transactional
from functions.kit.events.cloudevents import Event

RETENTION = timedelta(days=35)
"""Longer than a feed reaches back (`relay.RETENTION`), so that no event can take effect twice."""

RESTORE_LEASE = timedelta(seconds=15)
"""How long a process that restores is waited for after its last page; one takes about a second."""

_WINDOW = 1000


class Position(NamedTuple):
    """The position in a source: every event up to `contiguous` was read, and `seen` is the highest
    sequence that was found. There is a gap if `seen` is greater."""

    contiguous: int
    seen: int

    @property
    def gap(self) -> bool:
        return self.seen > self.contiguous


class ReadCursor(NamedTuple):
    """Where to continue reading a source."""

    contiguous: int
    """Negative: a restore is in progress, or was interrupted."""
    event_id: str | None
    """The event at this sequence; None if unknown."""
    newest: int
    """The highest sequence that was read."""


class Restore(NamedTuple):
    """A restore from a snapshot that is not complete."""

    token: int
    sequence: int
    """Of the owner's newest event before the first page: the position once it is complete."""
    event_id: str | None
    """The event at this sequence."""
    last_subject: str
    """Of the last state that took effect; empty before the first page has."""


class RestoreInProgress(Exception):
    """Another process restores the stream now."""


async def record(database: Database, event: Event, *, clock: Clock) -> bool:
    """Insert the event; False if the inbox contains it, so that it has already taken effect."""
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
    """Whether the inbox contains the event."""
    outcome = await database.execute(
        QueryString(
            "SELECT 1 FROM inbox WHERE source = {} AND event_id = {}", event.source, event.id
        )
    )
    return bool(outcome.rows)


async def advance(database: Database, source: str) -> Position:
    """Move the position forward over all contiguous sequences in the inbox."""
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
        # After a gap, further rows do not change the result.
        if len(found.rows) < _WINDOW or seen > contiguous:
            break
    if contiguous > start:
        await _store_position(database, source, contiguous)
    return Position(contiguous, seen)


async def backfill_sequence(database: Database, event: Event) -> Position | None:
    """Store the sequence of an event that the inbox contains without one (see `mark_stale`).

    Otherwise its sequence would remain a gap that the owner's feed cannot close. Returns the new
    position; None if nothing was changed.
    """
    if event.sequence is None:
        return None
    updated = await database.execute(
        QueryString(
            "UPDATE inbox SET sequence = {} WHERE source = {} AND event_id = {}"
            " AND sequence IS NULL",
            event.sequence,
            event.source,
            event.id,
        )
    )
    return await advance(database, event.source) if updated.rowcount else None


async def superseded(database: Database, event: Event) -> bool:
    """Whether a new event's sequence was already read; then the inbox row loses its sequence."""
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
    """The sequence up to which a source was read without a gap; 0 at the beginning."""
    return max(0, await _contiguous(database, source))


async def read_cursor(database: Database, source: str) -> ReadCursor:
    """Where to continue reading a source."""
    contiguous = await _contiguous(database, source)
    # Of two events with the same sequence the older one: UUIDv7 sort by time.
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
    """Begin a restore: discard the position and all stored sequences; returns the restore's token.

    An owner that was restored from a backup assigns the same sequences to other events.
    """
    await _locked_position(database, source)
    await database.execute(
        QueryString("UPDATE inbox SET sequence = NULL WHERE source = {}", source)
    )
    await _forget_restore(database, source)
    return await _new_token(database, source)


@transactional
async def resume_restore(database: Database, source: str, *, clock: Clock) -> Restore | None:
    """Take over a restore that was interrupted; None if there is none.

    Raises `RestoreInProgress` while another process is at it.
    """
    if await _locked_position(database, source) >= 0:
        return None
    found = await database.execute(
        QueryString("SELECT * FROM stream_restores WHERE source = {}", source)
    )
    if not found.rows:
        return None
    row = found.rows[0]
    if row["busy_until"] is not None and row["busy_until"] > clock():
        raise RestoreInProgress(source)
    token = await _new_token(database, source)
    restore = Restore(token, row["sequence"], row["event_id"], row["last_subject"])
    await _store_restore(database, source, restore, clock() + RESTORE_LEASE)
    return restore


@transactional
async def keep_restore(database: Database, source: str, restore: Restore, *, clock: Clock) -> bool:
    """Store how far a restore has come; False if it was taken over, or another one has begun."""
    if not await holds_token(database, source, restore.token):
        return False
    await _store_restore(database, source, restore, clock() + RESTORE_LEASE)
    return True


@transactional
async def release_restore(database: Database, source: str, token: int) -> None:
    """Let any process take over a restore that this one has given up."""
    if await holds_token(database, source, token):
        await database.execute(
            QueryString("UPDATE stream_restores SET busy_until = NULL WHERE source = {}", source)
        )


@transactional
async def reset(
    database: Database, source: str, sequence: int, event_id: str | None = None, *, clock: Clock
) -> Position:
    """Complete a restore: set the position to a snapshot's sequence, and store its event there."""
    await _locked_position(database, source)
    await _forget_restore(database, source)
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
    await _store_position(database, source, sequence)
    return await advance(database, source)


async def holds_token(database: Database, source: str, token: int) -> bool:
    """Whether no other process has begun a restore, or taken this one over.

    Locks the position until the transaction ends.
    """
    return await _locked_position(database, source) == token


async def _new_token(database: Database, source: str) -> int:
    token = -1 - secrets.randbits(62)
    await _store_position(database, source, token)
    return token


async def _store_restore(
    database: Database, source: str, restore: Restore, busy_until: datetime
) -> None:
    await database.execute(
        QueryString(
            "INSERT INTO stream_restores (source, sequence, event_id, last_subject, busy_until)"
            " VALUES ({}, {}, {}, {}, {}) ON CONFLICT (source) DO UPDATE"
            " SET last_subject = excluded.last_subject, busy_until = excluded.busy_until",
            source,
            restore.sequence,
            restore.event_id,
            restore.last_subject,
            busy_until,
        )
    )


async def _forget_restore(database: Database, source: str) -> None:
    await database.execute(QueryString("DELETE FROM stream_restores WHERE source = {}", source))


async def _contiguous(database: Database, source: str) -> int:
    outcome = await database.execute(
        QueryString("SELECT contiguous FROM stream_positions WHERE source = {}", source)
    )
    return outcome.rows[0]["contiguous"] if outcome.rows else 0


async def _locked_position(database: Database, source: str) -> int:
    row = await locked_or_inserted(
        database,
        QueryString("SELECT contiguous FROM stream_positions WHERE source = {}", source),
        QueryString(
            "INSERT INTO stream_positions (source, contiguous) VALUES ({}, 0)"
            " ON CONFLICT (source) DO NOTHING",
            source,
        ),
    )
    contiguous: int = row["contiguous"]
    return contiguous


async def _store_position(database: Database, source: str, contiguous: int) -> None:
    await database.execute(
        QueryString(
            "UPDATE stream_positions SET contiguous = {} WHERE source = {}", contiguous, source
        )
    )


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Delete events that are older than `RETENTION`, except those after a gap."""
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

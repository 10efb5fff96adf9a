"""Stores malformed events (quarantine) and events that the broker could not deliver.

They are an alarm, and not needed for consistency, which the owner's feed ensures (`feed.py`). An
admin can inspect, replay and discard them (`internal_api/dead_letters.py`).
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import NotFound, Text
from functions.kit.data.database import Database, transactional
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event

logger = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
"""Stored characters of a body. An ordinary event is a hundredth of it."""

MAX_REASON = 500
"""Characters."""
MAX_HEADERS = 50
MAX_VALUE = 3072
"""Stored characters of a header: the longest attribute of an event, percent-encoded."""
MAX_ALL_HEADERS = 60_000
"""Bytes of all stored headers; with JSON's overhead they fit into the column."""


class Reason(StrEnum):
    QUARANTINED = "quarantined"
    """Invalid: redelivery would not help."""
    DEAD_LETTERED = "dead-lettered"
    """The broker has exhausted its retries."""


class DeadLetterNotFound(NotFound):
    code = "dead-letter-not-found"
    title = "There is no such dead letter"
    error = Text("Evento no encontrado", "Event not found")


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One stored event, unchanged."""

    id: int
    kind: Reason
    reason: str
    headers: dict[str, str]
    body: str
    received_at: datetime
    replayed_at: datetime | None


def _event_headers(headers: Mapping[str, str]) -> str:
    """The headers that belong to the event, as JSON. Others may contain tokens or cookies."""
    kept: dict[str, str] = {}
    left = MAX_ALL_HEADERS
    for name, value in sorted(headers.items()):
        name = name.lower()
        if not (name.startswith("ce-") or name in {"content-type", "traceparent"}):
            continue
        name, value = name[:100], value[:MAX_VALUE]
        left -= len(msgspec.json.encode({name: value}))
        if left < 0 or len(kept) == MAX_HEADERS:
            break
        kept[name] = value
    return msgspec.json.encode(kept).decode()


def _text(body: bytes) -> str:
    return body[:MAX_BODY].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


@transactional
async def store(
    database: Database,
    kind: Reason,
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    clock: Clock,
) -> None:
    """Store a request unchanged. The same request is stored once."""
    kept = _event_headers(headers)
    fingerprint = hashlib.sha256(b"\x00".join([kind.encode(), kept.encode(), body])).hexdigest()
    await _insert(database, fingerprint, kind, reason, kept, _text(body), clock=clock)


@transactional
async def store_event(
    database: Database, kind: Reason, reason: str, event: Event, *, clock: Clock
) -> None:
    """Store an event that is well-formed, but invalid for its subscriber.

    Each event is stored once. If it arrives again with another body, because its owner has
    corrected it, the body replaces the stored one unless that was replayed.
    """
    headers, body = cloudevents.write(event)
    kept, text, fingerprint = _event_headers(headers), _text(body), _fingerprint(kind, event)
    if not await _insert(database, fingerprint, kind, reason, kept, text, clock=clock):
        await database.execute(
            QueryString(
                "UPDATE dead_letters SET reason = {}, headers = {}, body = {}"
                " WHERE fingerprint = {} AND replayed_at IS NULL",
                reason[:MAX_REASON],
                kept,
                text,
                fingerprint,
            )
        )


async def _insert(
    database: Database,
    fingerprint: str,
    kind: Reason,
    reason: str,
    headers: str,
    body: str,
    *,
    clock: Clock,
) -> bool:
    """Whether a row was inserted; False if the fingerprint exists."""
    stored = await database.execute(
        QueryString(
            "INSERT INTO dead_letters (fingerprint, kind, reason, headers, body, received_at)"
            " VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (fingerprint) DO NOTHING",
            fingerprint,
            str(kind),
            reason[:MAX_REASON],
            headers,
            body,
            clock(),
        )
    )
    if stored.rowcount:
        logger.error("an event was %s: %s", kind, reason[:MAX_REASON])
    return bool(stored.rowcount)


def _fingerprint(kind: Reason, event: Event) -> str:
    parts = ("event", str(kind), event.source, event.id)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


async def is_quarantined(database: Database, event: Event) -> bool:
    """Whether an event is in quarantine and was not replayed."""
    outcome = await database.execute(
        QueryString(
            "SELECT id FROM dead_letters WHERE fingerprint = {} AND replayed_at IS NULL",
            _fingerprint(Reason.QUARANTINED, event),
        )
    )
    return bool(outcome.rows)


async def mark_applied(database: Database, event: Event, *, clock: Clock) -> None:
    """Record that an event in quarantine has taken effect."""
    await database.execute(
        QueryString(
            "UPDATE dead_letters SET replayed_at = {} WHERE fingerprint = {}",
            clock(),
            _fingerprint(Reason.QUARANTINED, event),
        )
    )


async def listing(
    database: Database, *, after: int, limit: int, waiting: bool = False
) -> list[DeadLetter]:
    """Dead letters with an id greater than `after`, oldest first; with `waiting` only those that
    were not replayed."""
    outcome = await database.execute(
        QueryString(
            "SELECT * FROM dead_letters WHERE id > {} AND (replayed_at IS NULL OR {} = 0)"
            " ORDER BY id LIMIT {}",
            after,
            int(waiting),
            limit,
        )
    )
    return [
        msgspec.convert(
            {**row, "headers": msgspec.json.decode(row["headers"])}, DeadLetter, strict=False
        )
        for row in outcome.rows
    ]


async def get(database: Database, letter_id: int) -> DeadLetter:
    """Raises `DeadLetterNotFound`."""
    found = await listing(database, after=letter_id - 1, limit=1)
    if not found or found[0].id != letter_id:
        raise DeadLetterNotFound(
            Text(f"No hay mensaje apartado {letter_id}.", f"There is no dead letter {letter_id}.")
        )
    return found[0]


@transactional
async def mark_replayed(database: Database, letter_id: int, *, clock: Clock) -> None:
    await database.execute(
        QueryString("UPDATE dead_letters SET replayed_at = {} WHERE id = {}", clock(), letter_id)
    )


@transactional
async def discard(database: Database, letter_id: int) -> None:
    """Delete a dead letter. If the same event fails again, it is stored again.

    Raises `DeadLetterNotFound`.
    """
    deleted = await database.execute(
        QueryString("DELETE FROM dead_letters WHERE id = {}", letter_id)
    )
    if not deleted.rowcount:
        raise DeadLetterNotFound(
            Text(f"No hay mensaje apartado {letter_id}.", f"There is no dead letter {letter_id}.")
        )


async def count_waiting(database: Database) -> int:
    """The number of dead letters that were not replayed."""
    outcome = await database.execute(
        QueryString("SELECT COUNT(*) AS n FROM dead_letters WHERE replayed_at IS NULL")
    )
    count: int = outcome.rows[0]["n"]
    return count

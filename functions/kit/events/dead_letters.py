"""Events that were put aside: malformed ones in quarantine, undeliverable ones from the broker.

Nothing here is the safety net (the owner's feed is, `streams.py`): it raises an alarm, and an
admin can look at what came, replay it, or discard it (`dead_letters_door.py`).
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
"""Characters of a body that are kept; an event of the shop is a hundredth of it."""

MAX_REASON = 500
"""Characters."""
MAX_HEADERS = 50
MAX_VALUE = 3072
"""Characters of a header that are kept: the longest attribute of an event, percent-encoded."""
MAX_ALL_HEADERS = 60_000
"""Bytes; with what JSON adds they fit into the column."""


class Reason(StrEnum):
    QUARANTINED = "quarantined"
    """Malformed: no retry would help."""
    DEAD_LETTERED = "dead-lettered"
    """The broker gave up delivering it."""


class DeadLetterNotFound(NotFound):
    code = "dead-letter-not-found"
    title = "There is no such dead letter"
    error = Text("Evento no encontrado", "Event not found")


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One event that was put aside, as it came."""

    id: int
    kind: Reason
    reason: str
    headers: dict[str, str]
    body: str
    received_at: datetime
    replayed_at: datetime | None


def _kept(headers: Mapping[str, str]) -> str:
    """The headers that make the event, as JSON; never a token or a cookie that came along."""
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
    """Keep a request as it came; the same request twice is kept once."""
    kept = _kept(headers)
    fingerprint = hashlib.sha256(b"\x00".join([kind.encode(), kept.encode(), body])).hexdigest()
    await _keep(database, fingerprint, kind, reason, kept, _text(body), clock=clock)


@transactional
async def store_event(
    database: Database, kind: Reason, reason: str, event: Event, *, clock: Clock
) -> None:
    """Keep an event that could be read, but not understood.

    An event is one letter. Where it comes again with another body, because its owner has corrected
    it, a letter that waits has the newer one from then on.
    """
    headers, body = cloudevents.write(event)
    kept, text, fingerprint = _kept(headers), _text(body), _fingerprint(kind, event)
    if not await _keep(database, fingerprint, kind, reason, kept, text, clock=clock):
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


async def _keep(
    database: Database,
    fingerprint: str,
    kind: Reason,
    reason: str,
    headers: str,
    body: str,
    *,
    clock: Clock,
) -> bool:
    """Whether it is a new letter."""
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


async def waits(database: Database, event: Event) -> bool:
    """Whether an event is in quarantine, and was not replayed."""
    outcome = await database.execute(
        QueryString(
            "SELECT id FROM dead_letters WHERE fingerprint = {} AND replayed_at IS NULL",
            _fingerprint(Reason.QUARANTINED, event),
        )
    )
    return bool(outcome.rows)


async def settle(database: Database, event: Event, *, clock: Clock) -> None:
    """An event that was in quarantine has had its effect."""
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
    """What was put aside, oldest first, by id from `after` on; all, or what was not replayed."""
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
    """Raises `DeadLetterNotFound`. The same event, put aside once more, is a new letter."""
    deleted = await database.execute(
        QueryString("DELETE FROM dead_letters WHERE id = {}", letter_id)
    )
    if not deleted.rowcount:
        raise DeadLetterNotFound(
            Text(f"No hay mensaje apartado {letter_id}.", f"There is no dead letter {letter_id}.")
        )


async def waiting(database: Database) -> int:
    """How many were put aside and not replayed."""
    outcome = await database.execute(
        QueryString("SELECT COUNT(*) AS n FROM dead_letters WHERE replayed_at IS NULL")
    )
    count: int = outcome.rows[0]["n"]
    return count

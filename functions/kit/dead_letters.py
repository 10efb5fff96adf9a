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

from functions.kit import cloudevents
from functions.kit.clock import Clock
from functions.kit.cloudevents import Event
from functions.kit.database import Database, transactional
from functions.kit.errors import NotFound, Text
from functions.kit.schema import (
    AUTO_ID,
    LONGTEXT,
    TEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    Index,
    varchar,
)

logger = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
"""Characters of a body that are kept; an event of the shop is a hundredth of it."""

MAX_HEADERS = 50
"""With their names and values cut, they fit into the column whatever they say."""


class Reason(StrEnum):
    QUARANTINED = "quarantined"
    """Malformed: no retry would help."""
    DEAD_LETTERED = "dead-lettered"
    """The broker gave up delivering it."""


SCHEMA = (
    CreateTable(
        "dead_letters",
        [
            Column("id", AUTO_ID),
            Column("fingerprint", varchar(64)),
            Column("kind", varchar(20)),
            Column("reason", varchar(500)),
            Column("headers", TEXT),
            Column("body", LONGTEXT),
            Column("received_at", TIMESTAMP),
            Column("replayed_at", TIMESTAMP, null=True),
        ],
        indexes=[Index("ux_dead_letters_fingerprint", ("fingerprint",), unique=True)],
    ),
)


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


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that make the event; never a token or a cookie that came along."""
    return {
        name.lower()[:100]: value[:500]
        for name, value in headers.items()
        if name.lower().startswith("ce-") or name.lower() in {"content-type", "traceparent"}
    }


@transactional
async def put_aside(
    database: Database,
    kind: Reason,
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    clock: Clock,
) -> None:
    """Keep a request as it came; the same request twice is kept once."""
    kept = msgspec.json.encode(dict(sorted(_kept(headers).items())[:MAX_HEADERS])).decode()
    text = body[:MAX_BODY].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
    fingerprint = hashlib.sha256(b"\x00".join([kind.encode(), kept.encode(), body])).hexdigest()
    stored = await database.execute(
        QueryString(
            "INSERT INTO dead_letters (fingerprint, kind, reason, headers, body, received_at)"
            " VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (fingerprint) DO NOTHING",
            fingerprint,
            str(kind),
            reason[:500],
            kept,
            text,
            clock(),
        )
    )
    if stored.rowcount:
        logger.error("an event was %s: %s", kind, reason)


async def put_aside_event(
    database: Database, kind: Reason, reason: str, event: Event, *, clock: Clock
) -> None:
    """Keep an event that could be read, but not understood."""
    headers, body = cloudevents.write(event)
    await put_aside(database, kind, reason, headers, body, clock=clock)


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

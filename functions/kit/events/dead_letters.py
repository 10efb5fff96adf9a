"""Stores malformed events (quarantine) and events that the broker could not deliver.

They are an alarm, and not needed for consistency, which the owner's feed ensures (`feed.py`). An
admin can inspect, replay and discard them (`internal_api/dead_letters.py`). A letter waits until it
is replayed or discarded, and is kept for `RETENTION` afterwards, with what was done to it by whom.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.errors import NotFound, Text
from functions.kit.data.database import Database, Row, is_in, transactional
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
BEGINNING = 200
"""Characters of a body in a list without bodies."""
RETENTION = timedelta(days=90)
"""How long a letter is kept after it was replayed or discarded."""
PURGE_BATCH = 500

_WAITING = "replayed_at IS NULL AND discarded_at IS NULL"


class Reason(StrEnum):
    QUARANTINED = "quarantined"
    """Invalid: redelivery would not help."""
    DEAD_LETTERED = "dead-lettered"
    """The broker has exhausted its retries."""


class State(StrEnum):
    WAITING = "waiting"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Action(StrEnum):
    """What was done to a letter."""

    REPLAYED = "replayed"
    """By an admin, or because the event arrived again and took effect."""
    REFUSED = "refused"
    """A replay that was not possible."""
    DISCARDED = "discarded"
    RETURNED = "returned"
    """The event failed again after it had been discarded. It waits again."""


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
    discarded_at: datetime | None

    @property
    def state(self) -> State:
        if self.replayed_at is not None:
            return State.REPLAYED
        return State.WAITING if self.discarded_at is None else State.DISCARDED


class LetterAction(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a letter's history."""

    action: Action
    note: str | None
    """The outcome of a replay, or the reason of a discard."""
    user_id: int | None
    """The admin; None for the service itself."""
    at: datetime


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How many letters wait, and since when."""

    quarantined: int
    dead_lettered: int
    oldest_received_at: datetime | None

    @property
    def total(self) -> int:
        return self.quarantined + self.dead_lettered


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
    """Whether a row was inserted; False if the fingerprint exists. Then a letter that was discarded
    waits again."""
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
    if stored.rowcount or await _return_discarded(database, fingerprint, reason, clock=clock):
        logger.error("an event was %s: %s", kind, reason[:MAX_REASON])
    return bool(stored.rowcount)


async def _return_discarded(
    database: Database, fingerprint: str, reason: str, *, clock: Clock
) -> bool:
    """Let a discarded letter wait again, because its event failed again."""
    discarded = await database.execute(
        QueryString(
            "SELECT id FROM dead_letters WHERE fingerprint = {} AND replayed_at IS NULL"
            " AND discarded_at IS NOT NULL",
            fingerprint,
        )
    )
    for row in discarded.rows:
        await database.execute(
            QueryString("UPDATE dead_letters SET discarded_at = NULL WHERE id = {}", row["id"])
        )
        await _add_action(database, row["id"], Action.RETURNED, reason, None, clock=clock)
    return bool(discarded.rows)


def _fingerprint(kind: Reason, event: Event) -> str:
    parts = ("event", str(kind), event.source, event.id)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


async def is_quarantined(database: Database, event: Event) -> bool:
    """Whether an event is in quarantine, and was neither replayed nor discarded."""
    outcome = await database.execute(
        QueryString(
            f"SELECT id FROM dead_letters WHERE fingerprint = {{}} AND {_WAITING}",  # noqa: S608
            _fingerprint(Reason.QUARANTINED, event),
        )
    )
    return bool(outcome.rows)


async def mark_applied(database: Database, event: Event, *, clock: Clock) -> None:
    """Record that an event in quarantine has taken effect."""
    quarantined = await database.execute(
        QueryString(
            "SELECT id FROM dead_letters WHERE fingerprint = {}",
            _fingerprint(Reason.QUARANTINED, event),
        )
    )
    for row in quarantined.rows:
        await mark_replayed(database, row["id"], "arrived again", user_id=None, clock=clock)


async def listing(
    database: Database,
    *,
    after: int,
    limit: int,
    waiting: bool = False,
    state: State | None = None,
    bodies: bool = True,
) -> list[DeadLetter]:
    """Dead letters with an id greater than `after`, oldest first; with a `state` only those in it,
    and with `waiting` those that wait. Without `bodies` each body is cut to its beginning."""
    if waiting:
        state = State.WAITING
    body = "body" if bodies else f"SUBSTR(body, 1, {BEGINNING}) AS body"
    outcome = await database.execute(
        QueryString(
            f"SELECT id, kind, reason, headers, {body}, received_at, replayed_at,"  # noqa: S608
            f" discarded_at FROM dead_letters WHERE id > {{}} AND {_CONDITIONS[state]}"
            " ORDER BY id LIMIT {}",
            after,
            limit,
        )
    )
    return [_letter(row) for row in outcome.rows]


_CONDITIONS = {
    None: "1 = 1",
    State.WAITING: _WAITING,
    State.REPLAYED: "replayed_at IS NOT NULL",
    State.DISCARDED: "replayed_at IS NULL AND discarded_at IS NOT NULL",
}


def _letter(row: Row) -> DeadLetter:
    return msgspec.convert(
        {**row, "headers": msgspec.json.decode(row["headers"])}, DeadLetter, strict=False
    )


async def get(database: Database, letter_id: int) -> DeadLetter:
    """Raises `DeadLetterNotFound`."""
    found = await listing(database, after=letter_id - 1, limit=1)
    if not found or found[0].id != letter_id:
        raise _not_found(letter_id)
    return found[0]


def _not_found(letter_id: int) -> DeadLetterNotFound:
    return DeadLetterNotFound(
        Text(f"No hay mensaje apartado {letter_id}.", f"There is no dead letter {letter_id}.")
    )


async def history(database: Database, letter_id: int) -> list[LetterAction]:
    """What was done to a letter, oldest first."""
    outcome = await database.execute(
        QueryString(
            "SELECT action, note, user_id, at FROM dead_letter_actions WHERE letter_id = {}"
            " ORDER BY id",
            letter_id,
        )
    )
    return [msgspec.convert(row, LetterAction, strict=False) for row in outcome.rows]


@transactional
async def mark_replayed(
    database: Database, letter_id: int, outcome: str, *, user_id: int | None, clock: Clock
) -> None:
    """Record that a letter's event was consumed again, by whom, and what became of it."""
    await database.execute(
        QueryString("UPDATE dead_letters SET replayed_at = {} WHERE id = {}", clock(), letter_id)
    )
    await _add_action(database, letter_id, Action.REPLAYED, outcome, user_id, clock=clock)


@transactional
async def mark_refused(
    database: Database, letter_id: int, reason: str, *, user_id: int | None, clock: Clock
) -> None:
    """Record that a letter could not be replayed."""
    await _add_action(database, letter_id, Action.REFUSED, reason, user_id, clock=clock)


@transactional
async def discard(
    database: Database, letter_id: int, reason: str | None, *, user_id: int | None, clock: Clock
) -> DeadLetter:
    """Discard a letter that waits; one that was replayed or discarded stays as it is.

    If the same event fails again, the letter waits again. Raises `DeadLetterNotFound`.
    """
    discarded = await database.execute(
        QueryString(
            f"UPDATE dead_letters SET discarded_at = {{}} WHERE id = {{}} AND {_WAITING}",  # noqa: S608
            clock(),
            letter_id,
        )
    )
    if discarded.rowcount:
        await _add_action(database, letter_id, Action.DISCARDED, reason, user_id, clock=clock)
    return await get(database, letter_id)


async def _add_action(
    database: Database,
    letter_id: int,
    action: Action,
    note: str | None,
    user_id: int | None,
    *,
    clock: Clock,
) -> None:
    await database.execute(
        QueryString(
            "INSERT INTO dead_letter_actions (letter_id, action, note, user_id, at)"
            " VALUES ({}, {}, {}, {}, {})",
            letter_id,
            str(action),
            note[:MAX_REASON] if note is not None else None,
            user_id,
            clock(),
        )
    )


async def count_waiting(database: Database) -> int:
    """The number of dead letters that were neither replayed nor discarded."""
    return (await waiting(database)).total


async def waiting(database: Database) -> Waiting:
    """The letters that wait, counted by their kind."""
    counted = await database.execute(
        QueryString(
            f"SELECT kind, COUNT(*) AS n FROM dead_letters WHERE {_WAITING}"  # noqa: S608
            " GROUP BY kind ORDER BY kind"
        )
    )
    oldest = await database.execute(
        QueryString(
            f"SELECT received_at FROM dead_letters WHERE {_WAITING} ORDER BY id LIMIT 1"  # noqa: S608
        )
    )
    counts = {row["kind"]: row["n"] for row in counted.rows}
    return Waiting(
        quarantined=counts.get(Reason.QUARANTINED, 0),
        dead_lettered=counts.get(Reason.DEAD_LETTERED, 0),
        oldest_received_at=oldest.rows[0]["received_at"] if oldest.rows else None,
    )


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Delete letters that were replayed or discarded `RETENTION` ago, with their history."""
    before = clock() - RETENTION
    old = await database.execute(
        QueryString(
            "SELECT id FROM dead_letters WHERE replayed_at < {} OR discarded_at < {}"
            " ORDER BY id LIMIT {}",
            before,
            before,
            PURGE_BATCH,
        )
    )
    if not old.rows:
        return
    ids = [row["id"] for row in old.rows]
    await database.execute(
        QueryString("DELETE FROM dead_letter_actions WHERE {}", is_in("letter_id", ids))
    )
    await database.execute(QueryString("DELETE FROM dead_letters WHERE {}", is_in("id", ids)))

"""Reads: the queue of mails, and what customers want."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.kit.data.database import Database
from functions.notifications.domain import Preferences, State
from functions.notifications.facts import Book
from functions.notifications.tables import MailRow

Wake = Callable[[], None]
"""Has the mails that are due sent now."""


class StoredMail(NamedTuple):
    id: int
    kind: str
    user_id: int
    subject: str
    state: str
    tries: int
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    finished_at: datetime | None
    reason: str | None
    message_id: str


class QueueState(NamedTuple):
    """For the metrics."""

    waiting: int
    oldest: datetime | None
    """When the oldest mail that waits was written, or was due first."""
    put_aside: int


_COLUMNS = ", ".join(StoredMail._fields)


async def list_mails(
    database: Database, *, after: int, limit: int, state: State | None
) -> list[StoredMail]:
    """Mails by id, after the id `after`."""
    values: list[object] = [after]
    condition = "id > {}"
    if state is not None:
        condition += " AND state = {}"
        values.append(str(state))
    outcome = await database.execute(
        QueryString(
            f"SELECT {_COLUMNS} FROM mails WHERE {condition} ORDER BY id LIMIT {{}}",  # noqa: S608
            *values,
            limit,
        )
    )
    return [StoredMail(**row) for row in outcome.rows]


async def has_later(database: Database, subject: str, revision: int) -> bool:
    """Whether a subject has a mail of a later revision."""
    outcome = await database.execute(
        QueryString(
            "SELECT 1 FROM mails WHERE subject = {} AND revision > {} LIMIT 1", subject, revision
        )
    )
    return bool(outcome.rows)


async def queue_state(database: Database) -> QueueState:
    outcome = await database.execute(
        QueryString(
            "SELECT state, COUNT(*) AS n FROM mails WHERE state IN ({}, {}) GROUP BY state",
            str(State.WAITING),
            str(State.PUT_ASIDE),
        )
    )
    counts = {row["state"]: row["n"] for row in outcome.rows}
    oldest = await database.execute(
        MailRow.select(MailRow.created_at)
        .where(MailRow.state == State.WAITING)
        .order_by(MailRow.id)
        .limit(1)
    )
    return QueueState(
        counts.get(State.WAITING, 0),
        oldest.rows[0]["created_at"] if oldest.rows else None,
        counts.get(State.PUT_ASIDE, 0),
    )


async def preferences_of(database: Database, user_id: int) -> Preferences:
    outcome = await database.execute(
        QueryString(
            "SELECT delivery_updates, review_requests FROM subscribers WHERE user_id = {}", user_id
        )
    )
    if not outcome.rows:
        return Preferences()
    row = outcome.rows[0]
    return Preferences(bool(row["delivery_updates"]), bool(row["review_requests"]))


class KnownOrder(NamedTuple):
    books: list[Book]
    refunded: bool


async def known_order(database: Database, purchase_id: int) -> KnownOrder | None:
    """An order that was paid or refunded, with its books."""
    outcome = await database.execute(
        QueryString("SELECT books, refunded FROM orders WHERE purchase_id = {}", purchase_id)
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return KnownOrder(msgspec.json.decode(row["books"], type=list[Book]), bool(row["refunded"]))


async def token_of(database: Database, user_id: int) -> str | None:
    outcome = await database.execute(
        QueryString("SELECT token FROM subscribers WHERE user_id = {}", user_id)
    )
    return str(outcome.rows[0]["token"]) if outcome.rows else None

"""What is known of orders: their books, for the mail that asks for reviews, and refunds.

A request for reviews becomes a mail only when it is due: until then a release that does not know
this kind of mail may run again, after a rollback.
"""

from datetime import datetime

import msgspec
from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, transactional
from functions.notifications.commands.mails import insert_mail
from functions.notifications.domain import KNOWN_ORDERS, MAX_AGE, Kind
from functions.notifications.facts import Book, ReviewRequest

BATCH = 100
"""Orders that are looked for at once."""
_CAUSE = "/bookstore/notifications"
"""No event causes these mails, but a time."""


@transactional
async def record_books(
    database: Database, purchase_id: int, user_id: int, books: list[Book], now: datetime
) -> None:
    """Remember the books of an order that is paid. Idempotent; a refund that is known stays."""
    await _insert(database, purchase_id, user_id, now)
    await database.execute(
        QueryString(
            "UPDATE orders SET books = {} WHERE purchase_id = {}",
            *(msgspec.json.encode(books).decode(), purchase_id),
        )
    )


@transactional
async def record_refund(database: Database, purchase_id: int, user_id: int, now: datetime) -> None:
    """Remember that money of an order went back. Its event may arrive before any other."""
    await _insert(database, purchase_id, user_id, now)
    await database.execute(
        QueryString("UPDATE orders SET refunded = {} WHERE purchase_id = {}", *(True, purchase_id))
    )


@transactional
async def plan_request(
    database: Database, purchase_id: int, user_id: int, *, ask_at: datetime, now: datetime
) -> None:
    """Ask for reviews of a delivered order at a time. Once an order has one, it keeps it."""
    await _insert(database, purchase_id, user_id, now)
    await database.execute(
        QueryString(
            "UPDATE orders SET ask_at = {} WHERE purchase_id = {} AND ask_at IS NULL",
            *(ask_at, purchase_id),
        )
    )


async def write_due_requests(database: Database, now: datetime) -> None:
    """Write the mails that ask for reviews of the orders whose time has come.

    What was due long ago is not asked any more.
    """
    while True:
        due = await database.execute(
            QueryString(
                "SELECT purchase_id, user_id, ask_at FROM orders"
                " WHERE asked = {} AND ask_at <= {} ORDER BY ask_at LIMIT {}",
                *(False, now, BATCH),
            )
        )
        for row in due.rows:
            await _ask(database, row, now)
        if len(due.rows) < BATCH:
            return


@transactional
async def _ask(database: Database, row: Row, now: datetime) -> None:
    purchase_id, end = row["purchase_id"], row["ask_at"] + MAX_AGE[Kind.REVIEW_REQUEST]
    written = await database.execute(
        QueryString(
            "UPDATE orders SET asked = {} WHERE purchase_id = {} AND asked = {}",
            *(True, purchase_id, False),
        )
    )
    if not written.rowcount or end <= now:
        return
    cause, about = (_CAUSE, f"review-request/{purchase_id}"), (f"purchase/{purchase_id}", 0)
    facts = msgspec.json.encode(ReviewRequest(purchase_id=purchase_id))
    await insert_mail(
        *(database, cause, Kind.REVIEW_REQUEST, row["user_id"], about, facts, now),
        expires_at=end,
    )


async def _insert(database: Database, purchase_id: int, user_id: int, now: datetime) -> None:
    await database.execute(
        QueryString(
            "INSERT INTO orders (purchase_id, user_id, books, refunded, asked, known_at)"
            " VALUES ({}, {}, {}, {}, {}, {}) ON CONFLICT (purchase_id) DO NOTHING",
            *(purchase_id, user_id, "[]", False, False, now),
        )
    )


@transactional
async def purge_orders(database: Database, now: datetime) -> None:
    """Delete what is known of orders that were paid long ago, delivered or not."""
    await database.execute(
        QueryString("DELETE FROM orders WHERE known_at < {}", now - KNOWN_ORDERS)
    )

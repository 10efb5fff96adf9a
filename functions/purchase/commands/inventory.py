"""Stock: every change is one guarded UPDATE, with its revision and its event.

Callers that change several books do so by ascending id, so that two of them never wait for each
other in a circle.
"""

from datetime import datetime
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.database import Database, Row, transactional
from functions.kit.outbox import Message, Outbox
from functions.purchase import events
from functions.purchase.errors import BookNotFound, InsufficientStock, StockWouldBeNegative
from functions.purchase.tables import Adjustment


class Stock(NamedTuple):
    """Copies of a book after a change."""

    book_id: int
    on_hand: int
    reserved: int
    available: int
    revision: int


async def reserve(
    database: Database, book_id: int, quantity: int, *, now: datetime
) -> tuple[Stock, Message]:
    """Set copies aside for a purchase; the event is the caller's to write, in one with others.

    Raises `InsufficientStock` with what there is.
    """
    taken = await database.execute(
        QueryString(
            "UPDATE inventory SET available = available - {}, reserved = reserved + {},"
            " revision = revision + 1, changed_at = {} WHERE book_id = {} AND available >= {}",
            quantity,
            quantity,
            now,
            book_id,
            quantity,
        )
    )
    if not taken.rowcount:
        row = await _row(database, book_id)
        raise InsufficientStock(
            f"Of book {book_id} there are {row['available']} copies, not {quantity}.",
            stock_actual=row["available"],
            book_id=book_id,
        )
    row = await _row(database, book_id)
    return _stock(row), events.inventory_changed(row)


async def release(
    database: Database, book_id: int, quantity: int, *, outbox: Outbox, now: datetime
) -> None:
    """Give copies that were set aside back to the shelf."""
    await _must_change(
        database,
        QueryString(
            "UPDATE inventory SET available = available + {}, reserved = reserved - {},"
            " revision = revision + 1, changed_at = {} WHERE book_id = {} AND reserved >= {}",
            quantity,
            quantity,
            now,
            book_id,
            quantity,
        ),
    )
    await _tell(database, book_id, outbox)


async def fulfil(
    database: Database, book_id: int, quantity: int, *, outbox: Outbox, now: datetime
) -> None:
    """Copies that were set aside have reached their buyer."""
    await _must_change(
        database,
        QueryString(
            "UPDATE inventory SET on_hand = on_hand - {}, reserved = reserved - {},"
            " fulfilled = fulfilled + {}, revision = revision + 1, changed_at = {}"
            " WHERE book_id = {} AND reserved >= {}",
            quantity,
            quantity,
            quantity,
            now,
            book_id,
            quantity,
        ),
    )
    await _tell(database, book_id, outbox)


@transactional
async def open_inventory(
    database: Database, book_id: int, initial_stock: int, *, outbox: Outbox, now: datetime
) -> None:
    """Begin to keep stock of a book; nothing where it is kept already."""
    try:
        await database.execute(
            QueryString(
                "INSERT INTO inventory"
                " (book_id, on_hand, reserved, available, fulfilled, revision, changed_at)"
                " VALUES ({}, {}, 0, {}, 0, 1, {})",
                book_id,
                initial_stock,
                initial_stock,
                now,
            )
        )
    except Exception as error:
        if database.is_duplicate(error):
            return
        raise
    await _note(database, book_id, initial_stock, "initial stock", None, now)
    await _tell(database, book_id, outbox)


@transactional
async def adjust_stock(
    database: Database,
    book_id: int,
    delta: int,
    reason: str,
    *,
    user_id: int,
    outbox: Outbox,
    now: datetime,
) -> Stock:
    """More or fewer copies: a delivery from the publisher, a count, a loss.

    Raises `BookNotFound`, or `StockWouldBeNegative` when fewer than that are free.
    """
    changed = await database.execute(
        QueryString(
            "UPDATE inventory SET on_hand = on_hand + {}, available = available + {},"
            " revision = revision + 1, changed_at = {} WHERE book_id = {} AND available + {} >= 0",
            delta,
            delta,
            now,
            book_id,
            delta,
        )
    )
    if not changed.rowcount:
        row = await _row(database, book_id)
        raise StockWouldBeNegative(
            f"Of book {book_id}, {row['available']} copies are free, {row['reserved']} reserved.",
            stock_actual=row["available"],
        )
    await _note(database, book_id, delta, reason, user_id, now)
    return await _tell(database, book_id, outbox)


async def _note(
    database: Database,
    book_id: int,
    delta: int,
    reason: str,
    user_id: int | None,
    now: datetime,
) -> None:
    await database.execute(
        Adjustment.insert(
            Adjustment(book_id=book_id, delta=delta, reason=reason, user_id=user_id, created_at=now)
        )
    )


async def _must_change(database: Database, update: QueryString) -> None:
    if not (await database.execute(update)).rowcount:
        # The checks of the schema would refuse it too: this is a bug, and nothing is half done.
        raise AssertionError("fewer copies are reserved than a purchase holds")


async def _row(database: Database, book_id: int) -> Row:
    rows = await database.execute(
        QueryString("SELECT * FROM inventory WHERE book_id = {}", book_id)
    )
    if not rows.rows:
        raise BookNotFound(f"No stock is kept of book {book_id}.")
    row: Row = rows.rows[0]
    return row


async def _tell(database: Database, book_id: int, outbox: Outbox) -> Stock:
    row = await _row(database, book_id)
    await outbox.add(database, events.inventory_changed(row))
    return _stock(row)


def _stock(row: Row) -> Stock:
    return Stock(row["book_id"], row["on_hand"], row["reserved"], row["available"], row["revision"])

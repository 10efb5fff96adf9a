"""Rows of the inventory, and the offers of books."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in
from functions.purchase.domain.holdings import Holdings
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import Offer, Status
from functions.purchase.domain.stock import Stock
from functions.purchase.errors import BookNotFound


class OnSale(NamedTuple):
    """Present offers of books, their stock, and the unpaid holdings of a buyer."""

    offers: dict[int, Offer]
    stock: dict[int, Stock]
    held: Holdings


async def on_sale(
    database: Database, book_ids: Sequence[int], user_id: int, *, counted: bool
) -> OnSale:
    """Reads the books that exist, in one statement; with the buyer's holdings if `counted`."""
    held = unpaid = QueryString("0")
    if counted:
        pending = ("p.user_id = {} AND p.status = {}", user_id, str(Status.PENDING))
        unpaid = QueryString(
            f"(SELECT COUNT(*) FROM purchases p WHERE {pending[0]})",  # noqa: S608
            *pending[1:],
        )
        held = QueryString(
            "(SELECT COALESCE(SUM(t.quantity), 0) FROM purchases p JOIN purchase_items t"  # noqa: S608
            f" ON t.purchase_id = p.id AND t.book_id = b.book_id WHERE {pending[0]})",
            *pending[1:],
        )
    outcome = await database.execute(
        QueryString(
            "SELECT b.book_id, b.title, b.price_minor, b.currency, b.retired, b.seller_id,"
            " i.on_hand, i.reserved, i.available, i.fulfilled, i.revision, i.changed_at,"
            " {} AS held, {} AS unpaid FROM books b JOIN inventory i ON i.book_id = b.book_id"
            " WHERE {}",
            held,
            unpaid,
            is_in("b.book_id", book_ids),
        )
    )
    offers, stock, copies = {}, {}, {}
    for row in outcome.rows:
        book_id = row["book_id"]
        offers[book_id] = Offer(
            book_id,
            row["title"],
            row["price_minor"],
            row["currency"],
            bool(row["retired"]),
            row["seller_id"],
        )
        stock[book_id] = to_stock(row)
        copies[book_id] = int(row["held"])
    count = int(outcome.rows[0]["unpaid"]) if outcome.rows else 0
    return OnSale(offers, stock, Holdings(count, copies))


async def holdings(
    database: Database, user_id: int, book_ids: Sequence[int], now: datetime
) -> Holdings:
    """What a customer holds unpaid: purchases, and copies of these books.

    Overdue purchases are left out, as a purchase that meets a limit expires them first. One with an
    open payment counts until the payment has an outcome.
    """
    unpaid = QueryString(
        "p.user_id = {} AND p.status = {} AND (p.expires_at > {} OR EXISTS"
        " (SELECT 1 FROM payments y WHERE y.purchase_id = p.id AND y.status = {}))",
        *(user_id, str(Status.PENDING), now, str(PaymentStatus.PROCESSING)),
    )
    counted = await database.execute(
        QueryString("SELECT COUNT(*) AS purchases FROM purchases p WHERE {}", unpaid)
    )
    purchases = int(counted.rows[0]["purchases"])
    if not purchases or not book_ids:
        return Holdings(purchases, {})
    outcome = await database.execute(
        QueryString(
            "SELECT t.book_id, SUM(t.quantity) AS copies FROM purchases p"
            " JOIN purchase_items t ON t.purchase_id = p.id WHERE {} AND {} GROUP BY t.book_id",
            unpaid,
            is_in("t.book_id", book_ids),
        )
    )
    return Holdings(purchases, {row["book_id"]: int(row["copies"]) for row in outcome.rows})


def to_stock(row: Row) -> Stock:
    """Converts a row of `inventory`."""
    return Stock(
        book_id=row["book_id"],
        on_hand=row["on_hand"],
        reserved=row["reserved"],
        available=row["available"],
        fulfilled=row["fulfilled"],
        revision=row["revision"],
        changed_at=row["changed_at"],
    )


async def lock_stock(database: Database, book_id: int) -> Stock:
    """The stock of a book, locked until the transaction ends.

    Raises `BookNotFound`.
    """
    rows = await database.locked(QueryString("SELECT * FROM inventory WHERE book_id = {}", book_id))
    if not rows:
        raise BookNotFound.without_stock(book_id)
    return to_stock(rows[0])


async def update_stock(database: Database, stock: Stock) -> bool:
    """Store the next revision of a stock; False where another transaction has stored it."""
    changed = await database.execute(
        QueryString(
            "UPDATE inventory SET on_hand = {}, reserved = {}, available = {}, fulfilled = {},"
            " revision = {}, changed_at = {} WHERE book_id = {} AND revision = {}",
            stock.on_hand,
            stock.reserved,
            stock.available,
            stock.fulfilled,
            stock.revision,
            stock.changed_at,
            stock.book_id,
            stock.revision - 1,
        )
    )
    return bool(changed.rowcount)

"""Sell: decided here alone, in one transaction; no other service has to be awake.

The hot row comes last: the purchase is written first, then the guarded decrement, and all events
in one statement, so that many buyers of one book wait for each other as briefly as can be.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit import inbox
from functions.kit.database import Database, Row, is_in, transactional
from functions.kit.outbox import Outbox
from functions.purchase import domain, events
from functions.purchase.commands import inventory
from functions.purchase.commands.inventory import Stock
from functions.purchase.commands.lifecycle import note
from functions.purchase.domain import Line, Status
from functions.purchase.errors import (
    BookNotFound,
    BookNotReady,
    BookRetired,
    PriceChanged,
    ProviderNotFound,
)

BOOKS = "/bookstore/catalog/books"
"""Source of the events that tell which books there are."""


class Wanted(NamedTuple):
    """What a buyer asks for; `expected_unit_price_minor` is what was shown to them."""

    book_id: int
    quantity: int
    expected_unit_price_minor: int | None = None


class Placed(NamedTuple):
    """A purchase that was made, and what is left of each book."""

    purchase_id: int
    status: Status
    total_minor: int
    currency: str
    expires_at: datetime
    lines: Sequence[Line]
    stock: Sequence[Stock]


@transactional
async def place_purchase(
    database: Database,
    user_id: int,
    wanted: Sequence[Wanted],
    *,
    provider_id: int | None = None,
    time_to_pay: timedelta = domain.TIME_TO_PAY,
    outbox: Outbox,
    now: datetime,
) -> Placed:
    """Reserve copies, to be paid for within a time.

    Raises `BookNotFound`, `BookNotReady`, `BookRetired`, `PriceChanged`, `ProviderNotFound` or
    `InsufficientStock`; then nothing has happened.
    """
    wanted = sorted(wanted, key=lambda each: each.book_id)
    books = await _books(database, [each.book_id for each in wanted])
    lines = [_line(each, books[each.book_id]) for each in wanted]
    currency = books[wanted[0].book_id]["currency"]
    fee_minor = await _delivery_fee(database, provider_id)
    total_minor = domain.total_minor(lines, fee_minor)
    expires_at = now + time_to_pay
    created = await database.execute(
        QueryString(
            "INSERT INTO purchases (user_id, status, total_minor, delivery_fee_minor, currency,"
            " provider_id, revision, created_at, expires_at)"
            " VALUES ({}, {}, {}, {}, {}, {}, 1, {}, {})",
            user_id,
            str(Status.PENDING),
            total_minor,
            fee_minor,
            currency,
            provider_id,
            now,
            expires_at,
        )
    )
    purchase_id = created.lastrowid
    await database.execute(
        QueryString(
            "INSERT INTO purchase_items (purchase_id, book_id, quantity, title, unit_price_minor)"  # noqa: S608
            f" VALUES {', '.join(['({}, {}, {}, {}, {})'] * len(lines))}",
            *[value for line in lines for value in (purchase_id, *line)],
        )
    )
    await note(database, purchase_id, Status.PENDING, user_id=user_id, now=now)
    placed = {
        "id": purchase_id,
        "user_id": user_id,
        "status": str(Status.PENDING),
        "total_minor": total_minor,
        "delivery_fee_minor": fee_minor,
        "currency": currency,
        "revision": 1,
        "created_at": now,
        "expires_at": expires_at,
    }
    stock, changes = [], []
    for line in lines:
        left, change = await inventory.reserve(database, line.book_id, line.quantity, now=now)
        stock.append(left)
        changes.append(change)
    await outbox.add(database, events.purchase_moved(placed, lines), *changes)
    return Placed(purchase_id, Status.PENDING, total_minor, currency, expires_at, lines, stock)


async def _books(database: Database, book_ids: Sequence[int]) -> dict[int, Row]:
    outcome = await database.execute(
        QueryString(
            "SELECT b.book_id, b.title, b.price_minor, b.currency, b.retired FROM books b"
            " JOIN inventory i ON i.book_id = b.book_id WHERE {}",
            is_in("b.book_id", book_ids),
        )
    )
    books = {row["book_id"]: row for row in outcome.rows}
    missing = [book_id for book_id in book_ids if book_id not in books]
    if missing:
        if await inbox.position(database, BOOKS) == 0:
            raise BookNotReady(
                "The catalogue's books have not arrived here yet. Try again.", retry_after=2
            )
        raise BookNotFound(f"There is no book {missing[0]}.", book_id=missing[0])
    return books


def _line(wanted: Wanted, book: Row) -> Line:
    if book["retired"]:
        raise BookRetired(f"Book {wanted.book_id} is not sold any more.", book_id=wanted.book_id)
    expected = wanted.expected_unit_price_minor
    if expected is not None and expected != book["price_minor"]:
        raise PriceChanged(
            f"Book {wanted.book_id} costs {book['price_minor']} minor units now.",
            book_id=wanted.book_id,
            price_minor_actual=book["price_minor"],
        )
    return Line(wanted.book_id, wanted.quantity, book["title"], book["price_minor"])


async def _delivery_fee(database: Database, provider_id: int | None) -> int:
    if provider_id is None:
        return 0
    outcome = await database.execute(
        QueryString("SELECT fee_minor FROM providers WHERE id = {}", provider_id)
    )
    if not outcome.rows:
        raise ProviderNotFound(f"There is no delivery provider {provider_id}.")
    fee_minor: int = outcome.rows[0]["fee_minor"]
    return fee_minor

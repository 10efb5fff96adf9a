"""Sell: reserve copies for a buyer, for as long as there are any."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.kit.events import inbox
from functions.kit.events.outbox import Outbox
from functions.purchase import events, storage
from functions.purchase.commands.lifecycle import free_overdue
from functions.purchase.domain.holdings import HoldingLimits
from functions.purchase.domain.moves import Fact
from functions.purchase.domain.purchases import TIME_TO_PAY, Purchase
from functions.purchase.domain.stock import Stock
from functions.purchase.errors import (
    BookNotFound,
    BookNotReady,
    InsufficientStock,
    StockWouldBeNegative,
    TooManyReservedCopies,
    TooManyUnpaidPurchases,
)

T = TypeVar("T")

BOOKS = "/bookstore/catalog/books"
"""Source of the events that tell which books there are."""


class Wanted(NamedTuple):
    """What a buyer asks for; `expected_unit_price_minor` is what was shown to them."""

    book_id: int
    quantity: int
    expected_unit_price_minor: int | None = None


class Placed(NamedTuple):
    """A purchase that was made, and what is left of each book."""

    purchase: Purchase
    stock: Sequence[Stock]


@transactional
async def place_purchase(
    database: Database,
    user_id: int,
    wanted: Sequence[Wanted],
    *,
    limits: HoldingLimits,
    provider_id: int | None = None,
    time_to_pay: timedelta = TIME_TO_PAY,
    outbox: Outbox,
    now: datetime,
) -> Placed:
    """Reserve copies, to be paid for within a time.

    Raises `BookNotFound`, `BookNotReady`, `BookRetired`, `PriceChanged`, `ProviderNotFound`,
    `ProviderRetired`, `InsufficientStock`, `TooManyUnpaidPurchases` or `TooManyReservedCopies`;
    then nothing has happened. `freeing_overdue` is put around it.
    """
    wanted = sorted(wanted, key=lambda each: each.book_id)
    if limits.any:
        await storage.lock_customer(database, user_id)
    book_ids = [each.book_id for each in wanted]
    offers, stock, held = await storage.on_sale(database, book_ids, user_id, counted=limits.any)
    await _check_known(database, [book_id for book_id in book_ids if book_id not in offers])
    lines = [
        offers[each.book_id].line(each.quantity, each.expected_unit_price_minor) for each in wanted
    ]
    reserved = [stock[line.book_id].reserve(line.quantity, now) for line in lines]
    limits.check(held, lines)
    fee_minor = 0
    if provider_id is not None:
        fee_minor = (await storage.offered_provider(database, provider_id)).fee_minor
    purchase = await storage.insert_purchase(
        database,
        Purchase.place(
            user_id,
            lines,
            currency=offers[book_ids[0]].currency,
            delivery_fee_minor=fee_minor,
            provider_id=provider_id,
            time_to_pay=time_to_pay,
            now=now,
        ),
    )
    # Last, since other sales of the same book wait for it until this transaction ends.
    for number, line in enumerate(lines):
        if not await storage.update_stock(database, reserved[number]):
            current = await storage.lock_stock(database, line.book_id)
            reserved[number] = current.reserve(line.quantity, now)
            await storage.update_stock(database, reserved[number])
    placed = events.of(Fact(purchase, purchase.revision))
    await outbox.add(database, placed, *map(events.inventory_changed, reserved))
    return Placed(purchase, reserved)


async def _check_known(database: Database, missing: Sequence[int]) -> None:
    if not missing:
        return
    if await inbox.position(database, BOOKS) == 0:
        raise BookNotReady(
            Text(
                "Los libros del catálogo aún no han llegado aquí. Inténtelo de nuevo.",
                "The catalogue's books have not arrived here yet. Try again.",
            ),
            retry_after=2,
        )
    raise BookNotFound(
        Text(f"No hay libro {missing[0]}.", f"There is no book {missing[0]}."), book_id=missing[0]
    )


async def freeing_overdue(
    database: Database,
    attempt: Callable[[], Awaitable[T]],
    *,
    book_ids: Sequence[int],
    user_id: int | None = None,
    outbox: Outbox,
    clock: Clock,
) -> T:
    """Make an attempt; where copies are lacking, once more after overdue purchases were ended.

    Purchases expire in the background, and not while the service sleeps. So whoever wants copies
    ends the overdue purchases of those books first, and those of the buyer (`user_id`). The
    second attempt is made also where none was found: another request may have ended them by then.
    """
    try:
        return await attempt()
    except (
        InsufficientStock,
        StockWouldBeNegative,
        TooManyUnpaidPurchases,
        TooManyReservedCopies,
    ):
        await free_overdue(database, book_ids=book_ids, user_id=user_id, outbox=outbox, now=clock())
    return await attempt()

"""Place purchases: reserve copies for a buyer until they are paid or the time to pay is over."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.kit.events import inbox
from functions.kit.events.outbox import Outbox
from functions.purchase import events, storage
from functions.purchase.commands.lifecycle import expire_overdue
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
from functions.purchase.streams import BOOKS

T = TypeVar("T")


class RequestedLine(NamedTuple):
    """Copies that a buyer requests; `expected_unit_price_minor` is the price that they saw."""

    book_id: int
    quantity: int
    expected_unit_price_minor: int | None = None


class PlacedPurchase(NamedTuple):
    """A new purchase, and the stock of each of its books."""

    purchase: Purchase
    stock: Sequence[Stock]


@transactional
async def place_purchase(
    database: Database,
    user_id: int,
    requested: Sequence[RequestedLine],
    *,
    limits: HoldingLimits,
    provider_id: int | None = None,
    time_to_pay: timedelta = TIME_TO_PAY,
    outbox: Outbox,
    now: datetime,
) -> PlacedPurchase:
    """Reserve copies, to be paid within `time_to_pay`. Callers wrap it in `retry_after_expiry`.

    Raises `BookNotFound`, `BookNotReady`, `BookRetired`, `PriceChanged`, `ProviderNotFound`,
    `ProviderRetired`, `InsufficientStock`, `TooManyUnpaidPurchases` or `TooManyReservedCopies`.
    """
    requested = sorted(requested, key=lambda each: each.book_id)
    if limits.any:
        await storage.lock_customer(database, user_id)
    book_ids = [each.book_id for each in requested]
    offers, stock, held = await storage.on_sale(database, book_ids, user_id, counted=limits.any)
    await _check_known(database, [book_id for book_id in book_ids if book_id not in offers])
    lines = [
        offers[each.book_id].line(each.quantity, each.expected_unit_price_minor)
        for each in requested
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
    # Last: it locks the stock row, and other sales of the book wait until this transaction ends.
    for number, line in enumerate(lines):
        if not await storage.update_stock(database, reserved[number]):
            current = await storage.lock_stock(database, line.book_id)
            reserved[number] = current.reserve(line.quantity, now)
            await storage.update_stock(database, reserved[number])
    placed = events.of(Fact(purchase, purchase.revision))
    await outbox.add(database, placed, *map(events.inventory_changed, reserved))
    return PlacedPurchase(purchase, reserved)


async def _check_known(database: Database, missing: Sequence[int]) -> None:
    if not missing:
        return
    if await inbox.position(database, BOOKS.source) == 0:
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


async def retry_after_expiry(
    database: Database,
    attempt: Callable[[], Awaitable[T]],
    *,
    book_ids: Sequence[int],
    user_id: int | None = None,
    outbox: Outbox,
    clock: Clock,
) -> T:
    """Run `attempt`; where copies are lacking, expire overdue purchases and run it again.

    A background task expires purchases, but not while the service is scaled to zero. A lack of
    copies therefore expires the overdue purchases of these books and of the buyer (`user_id`). The
    second attempt is made even if none was found, because another request may have expired them.
    """
    try:
        return await attempt()
    except (
        InsufficientStock,
        StockWouldBeNegative,
        TooManyUnpaidPurchases,
        TooManyReservedCopies,
    ):
        await expire_overdue(
            database, book_ids=book_ids, user_id=user_id, outbox=outbox, now=clock()
        )
    return await attempt()

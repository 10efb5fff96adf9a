"""Place purchases: reserve copies for a buyer until they are paid or the time to pay is over."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Text
from functions.kit.data.database import Database, transactional
from functions.kit.events import inbox
from functions.kit.events.outbox import Outbox
from functions.purchase import events, storage, storage_customers
from functions.purchase.commands.lifecycle import expire_overdue
from functions.purchase.domain.addresses import Address
from functions.purchase.domain.carts import Cart
from functions.purchase.domain.checkout import cheapest, check_expected_total, does_not_deliver
from functions.purchase.domain.countries import covers
from functions.purchase.domain.holdings import HoldingLimits
from functions.purchase.domain.purchases import TIME_TO_PAY, Purchase
from functions.purchase.domain.stock import Stock
from functions.purchase.domain.transitions import Fact
from functions.purchase.errors import (
    BookNotFound,
    BookNotReady,
    CartEmpty,
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


class Checkout(NamedTuple):
    """The delivery of a purchase, and the total that its buyer expects."""

    provider_id: int | None = None
    address_id: int | None = None
    """One of the buyer's addresses; the purchase keeps a copy of it."""
    expected_total_minor: int | None = None


NOTHING_CHOSEN = Checkout()


class PlacedPurchase(NamedTuple):
    """A new purchase, and the stock of each of its books."""

    purchase: Purchase
    stock: Sequence[Stock]


@transactional
async def place_purchase(
    database: Database,
    user_id: int,
    requested: Sequence[RequestedLine] | None,
    *,
    limits: HoldingLimits,
    checkout: Checkout = NOTHING_CHOSEN,
    time_to_pay: timedelta = TIME_TO_PAY,
    outbox: Outbox,
    now: datetime,
) -> PlacedPurchase:
    """Reserve copies, to be paid within `time_to_pay`. Callers wrap it in `retry_after_expiry`.

    If `requested` is None it buys the buyer's cart, and removes the lines from it.
    Raises `BookNotFound`, `BookNotReady`, `BookRetired`, `PriceChanged`, `ProviderNotFound`,
    `ProviderRetired`, `InsufficientStock`, `TooManyUnpaidPurchases`, `TooManyReservedCopies`,
    `CartEmpty`, `OrderTooLarge`, `AddressNotFound`, `ProviderDoesNotDeliver` or `TokenRevoked`.
    """
    if limits.are_set or requested is None or checkout.address_id is not None:
        await storage.lock_customer(database, user_id)
    cart, address = await _prepared(database, user_id, requested, checkout)
    if requested is None:
        requested = [RequestedLine(line.book_id, line.quantity) for line in cart.values()]
    requested = sorted(requested, key=lambda each: each.book_id)
    book_ids = [each.book_id for each in requested]
    offers, stock, held = await storage.on_sale(database, book_ids, user_id, counted=limits.are_set)
    await check_known(database, [book_id for book_id in book_ids if book_id not in offers])
    lines = [
        offers[each.book_id].line(each.quantity, each.expected_unit_price_minor)
        for each in requested
    ]
    reserved = [stock[line.book_id].reserve(line.quantity, now) for line in lines]
    limits.check(held, lines)
    purchase = Purchase.place(
        user_id,
        lines,
        currency=offers[book_ids[0]].currency,
        delivery_fee_minor=await _delivery_fee(database, checkout.provider_id, address),
        provider_id=checkout.provider_id,
        time_to_pay=time_to_pay,
        now=now,
    )
    if checkout.expected_total_minor is not None:
        seen = _seen_prices(requested, cart)
        check_expected_total(purchase, checkout.expected_total_minor, seen)
    purchase = await storage.insert_purchase(database, purchase)
    if address is not None:
        await storage_customers.insert_purchase_address(database, purchase.id, address)
    if cart:
        await storage_customers.delete_lines(database, user_id, book_ids)
    # Last: it locks the stock row, and other sales of the book wait until this transaction ends.
    for number, line in enumerate(lines):
        if not await storage.update_stock(database, reserved[number]):
            current = await storage.lock_stock(database, line.book_id)
            reserved[number] = current.reserve(line.quantity, now)
            await storage.update_stock(database, reserved[number])
    placed = events.of(Fact(purchase, purchase.revision))
    await outbox.add(database, placed, *map(events.inventory_changed, reserved))
    return PlacedPurchase(purchase, reserved)


async def _prepared(
    database: Database, user_id: int, requested: Sequence[RequestedLine] | None, checkout: Checkout
) -> tuple[Cart, Address | None]:
    """The cart to buy, empty if books were requested, and the address. The customer is locked."""
    cart: Cart = {}
    address: Address | None = None
    if requested is None or checkout.address_id is not None:
        await storage_customers.check_open(database, user_id)
    if requested is None:
        cart = await storage_customers.cart(database, user_id)
        if not cart:
            raise CartEmpty(
                Text(
                    "No hay nada en el carrito: quizás ya lo compró.",
                    "There is nothing in the cart: perhaps you have bought it already.",
                )
            )
    if checkout.address_id is not None:
        address = (await storage_customers.address(database, user_id, checkout.address_id)).address
    return cart, address


async def _delivery_fee(
    database: Database, provider_id: int | None, address: Address | None
) -> int:
    if provider_id is None:
        return 0
    provider = await storage.offered_provider(database, provider_id)
    if address is not None and not covers(provider.countries, address.country):
        offered = await storage_customers.delivery_offers(database)
        raise does_not_deliver(provider.name, address.country, cheapest(offered, address.country))
    return provider.fee_minor


def _seen_prices(requested: Sequence[RequestedLine], cart: Cart) -> dict[int, int]:
    """Unit prices that the buyer has seen, as far as the shop knows them."""
    if cart:
        return {line.book_id: line.price_when_added_minor for line in cart.values()}
    return {
        each.book_id: each.expected_unit_price_minor
        for each in requested
        if each.expected_unit_price_minor is not None
    }


async def check_known(database: Database, missing: Sequence[int]) -> None:
    """Raises `BookNotReady` or `BookNotFound` if books are missing."""
    if not missing:
        return
    await check_ready(database)
    raise BookNotFound.of(missing[0])


async def check_ready(database: Database) -> None:
    """Raises `BookNotReady` if no event of catalog has been consumed yet."""
    if await inbox.position(database, BOOKS.source) == 0:
        raise BookNotReady(
            Text(
                "Los libros del catálogo aún no han llegado aquí. Inténtelo de nuevo.",
                "The catalogue's books have not arrived here yet. Try again.",
            ),
            retry_after=2,
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

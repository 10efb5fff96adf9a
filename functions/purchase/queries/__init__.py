"""Reads: rows rather than domain objects, pages by key, a fixed number of statements per list."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import id_in
from functions.kit.events.outbox import as_state
from functions.purchase import events, storage, storage_customers
from functions.purchase.domain.addresses import Address
from functions.purchase.domain.carts import CartLine
from functions.purchase.domain.checkout import DeliveryOffer
from functions.purchase.domain.holdings import Holdings
from functions.purchase.domain.payments import Refund
from functions.purchase.domain.purchases import Line, Offer
from functions.purchase.errors import (
    AssignmentNotFound,
    BookNotFound,
    PaymentNotFound,
    ProviderNotFound,
    PurchaseNotFound,
)
from functions.purchase.storage_customers import StoredAddress

SNAPSHOT_PAGE = 500


async def purchase(
    database: Database, purchase_id: int, *, user_id: int | None
) -> tuple[Row, list[Row], list[Row]]:
    """A purchase, its items and its timeline; `user_id` is its owner, or None for any.

    Raises `PurchaseNotFound`, also for another's purchase.
    """
    row = await _one(database, "purchases", purchase_id)
    if row is None or (user_id is not None and row["user_id"] != user_id):
        raise PurchaseNotFound.of(purchase_id)
    items = await items_of(database, [purchase_id])
    timeline = await database.execute(
        QueryString(
            "SELECT status, at, user_id FROM purchase_timeline WHERE purchase_id = {} ORDER BY id",
            purchase_id,
        )
    )
    return row, items[purchase_id], timeline.rows


async def payment(database: Database, payment_id: int, *, user_id: int | None) -> Row:
    """A payment; `user_id` is its owner, or None for any.

    Raises `PaymentNotFound`, also for another's payment.
    """
    row = await _one(database, "payments", payment_id)
    if row is None or (user_id is not None and row["user_id"] != user_id):
        raise PaymentNotFound.of(payment_id)
    return row


async def refunds(database: Database, payment_id: int, *, user_id: int | None) -> list[Refund]:
    """The refunds of a payment, oldest first.

    Raises `PaymentNotFound`, also for another's payment.
    """
    await payment(database, payment_id, user_id=user_id)
    outcome = await database.execute(
        QueryString("SELECT * FROM refunds WHERE payment_id = {} ORDER BY id", payment_id)
    )
    return [storage.to_refund(row) for row in outcome.rows]


async def providers(
    database: Database, *, retired: bool | None = False, after: int | None, limit: int
) -> list[Row]:
    """Delivery providers that are offered, retired ones, or both (None), oldest first, after the id
    `after`."""
    conditions: list[str] = []
    values: list[Any] = []
    if retired is not None:
        conditions, values = ["retired = {}"], [retired]
    if after is not None:
        conditions, values = [*conditions, "id > {}"], [*values, after]
    return await _page(database, "providers", conditions, values, limit, descending=False)


async def provider(database: Database, provider_id: int) -> Row:
    """Raises `ProviderNotFound`."""
    row = await _one(database, "providers", provider_id)
    if row is None:
        raise ProviderNotFound.of(provider_id)
    return row


async def adjustments(
    database: Database, book_id: int, *, after: int | None, limit: int
) -> list[Row]:
    """Adjustments of the stock of a book, newest first, older than the id `after`.

    Raises `BookNotFound`.
    """
    await inventory(database, book_id)
    conditions, values = ["book_id = {}"], [book_id]
    if after is not None:
        conditions, values = [*conditions, "id < {}"], [*values, after]
    return await _page(database, "adjustments", conditions, values, limit, descending=True)


async def assignment(database: Database, assignment_id: int, *, user_id: int | None) -> Row:
    """Raises `AssignmentNotFound`, also for another's purchase."""
    row = await _one(database, "assignments", assignment_id)
    if row is not None and user_id is not None:
        owner = await _one(database, "purchases", row["purchase_id"])
        if owner is None or owner["user_id"] != user_id:
            row = None
    if row is None:
        raise AssignmentNotFound.of(assignment_id)
    return row


async def inventory(database: Database, book_id: int) -> Row:
    """Raises `BookNotFound`."""
    outcome = await database.execute(
        QueryString("SELECT * FROM inventory WHERE book_id = {}", book_id)
    )
    if not outcome.rows:
        raise BookNotFound.without_stock(book_id)
    row: Row = outcome.rows[0]
    return row


async def inventory_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    """The stock of every book after a subject, for a snapshot."""
    after = id_in(subject, "book")
    while True:
        outcome = await database.execute(
            QueryString(
                "SELECT * FROM inventory WHERE book_id > {} ORDER BY book_id LIMIT {}",
                after,
                SNAPSHOT_PAGE,
            )
        )
        for row in outcome.rows:
            after = row["book_id"]
            yield as_state(events.inventory_changed(storage.to_stock(row)))
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return


async def order_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    """The present state of every purchase after a subject, for a snapshot."""
    after = id_in(subject, "purchase")
    while True:
        rows = await _page(
            database, "purchases", ["id > {}"], [after], SNAPSHOT_PAGE, descending=False
        )
        items = await items_of(database, [row["id"] for row in rows])
        for row in rows:
            after = row["id"]
            yield as_state(events.snapshot(storage.to_purchase(row, items[after])))
        if len(rows) < SNAPSHOT_PAGE:
            return


async def _page(
    database: Database,
    table: str,
    conditions: Sequence[str],
    values: Sequence[Any],
    limit: int,
    *,
    descending: bool,
) -> list[Row]:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "DESC" if descending else "ASC"
    outcome = await database.execute(
        QueryString(
            f"SELECT * FROM {table}{where} ORDER BY id {order} LIMIT {{}}",  # noqa: S608
            *values,
            limit,
        )
    )
    rows: list[Row] = outcome.rows
    return rows


async def _one(database: Database, table: str, row_id: int) -> Row | None:
    rows = await _page(database, table, ["id = {}"], [row_id], 1, descending=False)
    return rows[0] if rows else None


async def items_of(database: Database, purchase_ids: Sequence[int]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {purchase_id: [] for purchase_id in purchase_ids}
    if not purchase_ids:
        return found
    outcome = await database.execute(
        QueryString(
            "SELECT purchase_id, book_id, title, quantity, unit_price_minor, seller_id"
            " FROM purchase_items"
            " WHERE {} ORDER BY purchase_id, book_id",
            is_in("purchase_id", purchase_ids),
        )
    )
    for row in outcome.rows:
        found[row["purchase_id"]].append(row)
    return found


class CartRow(NamedTuple):
    """A line of a cart, with the present offer of its book."""

    line: CartLine
    offer: Offer
    available: int

    @property
    def can_be_bought(self) -> bool:
        """Whether the copies are there; the limits of what is unpaid are the customer's."""
        return not self.offer.retired and self.line.quantity <= self.available


async def cart(database: Database, user_id: int, now: datetime) -> tuple[list[CartRow], Holdings]:
    """A customer's cart, in the order in which its books were added, and what they hold unpaid."""
    outcome = await database.execute(
        QueryString(
            "SELECT c.book_id, c.quantity, c.price_when_added_minor, b.title, b.price_minor,"
            " b.currency, b.retired, i.available FROM cart_items c"
            " JOIN books b ON b.book_id = c.book_id JOIN inventory i ON i.book_id = c.book_id"
            " WHERE c.user_id = {} ORDER BY c.added_at, c.book_id",
            user_id,
        )
    )
    rows = [
        CartRow(
            CartLine(row["book_id"], row["quantity"], row["price_when_added_minor"]),
            Offer(
                row["book_id"],
                row["title"],
                row["price_minor"],
                row["currency"],
                bool(row["retired"]),
            ),
            row["available"],
        )
        for row in outcome.rows
    ]
    book_ids = [row.line.book_id for row in rows]
    return rows, await storage.holdings(database, user_id, book_ids, now)


async def books_in_cart(database: Database, user_id: int) -> list[int]:
    """The ids of the books in a customer's cart."""
    return list(await storage_customers.cart(database, user_id))


async def addresses(database: Database, user_id: int) -> list[StoredAddress]:
    """A customer's addresses, oldest first."""
    return await storage_customers.addresses(database, user_id)


async def address(database: Database, user_id: int, address_id: int) -> StoredAddress:
    """Raises `AddressNotFound`, also for another customer's address."""
    return await storage_customers.address(database, user_id, address_id)


async def purchase_address(database: Database, purchase_id: int) -> Address | None:
    """The delivery address of a purchase. The caller has checked who may see the purchase."""
    outcome = await database.execute(
        QueryString("SELECT * FROM purchase_addresses WHERE purchase_id = {}", purchase_id)
    )
    return storage_customers.to_address(outcome.rows[0]) if outcome.rows else None


async def quoted_books(database: Database, items: Mapping[int, int]) -> tuple[list[Line], str]:
    """Lines at today's prices for quantities by book, and their currency.

    Raises `BookNotFound` or `BookRetired`.
    """
    offers = await storage_customers.offers(database, list(items))
    for book_id in items:
        if book_id not in offers:
            raise BookNotFound.of(book_id)
    lines = [offers[book_id].line(quantity, None) for book_id, quantity in items.items()]
    return lines, offers[next(iter(items))].currency


async def delivery_offers(database: Database) -> list[DeliveryOffer]:
    """The delivery providers that are offered."""
    return await storage_customers.delivery_offers(database)

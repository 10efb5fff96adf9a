"""Rows of the services' tables, written many at a time."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from piccolo.querystring import QueryString
from uuid_utils import uuid7

from functions.adoption.domain.books import Book
from functions.adoption.domain.deliveries import Provider
from functions.adoption.domain.users import User
from functions.adoption.mapping import MappedBook, MappedPurchase, MappedUser
from functions.adoption.survey import Copies
from functions.auth.domain import Role
from functions.catalog import events as catalog_events
from functions.catalog.domain.books import Book as CatalogBook
from functions.catalog.tables import columns_of
from functions.kit.data.database import Database, is_in
from functions.kit.events.outbox import Outbox
from functions.purchase import events as purchase_events
from functions.purchase.domain.payments import PaymentOutcome, PaymentStatus
from functions.purchase.domain.stock import Stock
from functions.purchase.payment_provider import Charge, EntryKind
from functions.purchase.storage import encode_countries

__all__ = ["MappedBook", "MappedPurchase", "MappedUser"]

VALUES = 20_000
"""Of one statement; SQLite allows 32,766 and MySQL 65,535."""
MAX_INITIAL_STOCK = 1_000_000
LANGUAGE = "es"
"""Of the payments: the original answered in Spanish."""


async def insert(database: Database, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that have the same columns."""
    if not rows:
        return
    columns = tuple(rows[0])
    places = f"({', '.join(['{}'] * len(columns))})"
    size = VALUES // len(columns)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        await database.execute(
            QueryString(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES"  # noqa: S608 - our columns
                f" {', '.join([places] * len(some))}",
                *[_plain(row[name]) for row in some for name in columns],
            )
        )


def _plain(value: object) -> object:
    """Converts a `StrEnum` to `str`: drivers bind no subclasses."""
    return str(value) if isinstance(value, str) else value


async def insert_users(database: Database, users: Sequence[User], moved_at: datetime) -> None:
    await insert(
        database,
        "users",
        [
            {
                "id": user.id,
                "email": user.email,
                "email_key": user.email_key,
                "name": user.name,
                "password_hash": user.password_hash,
                "disabled": False,
                "access_revision": 0,
                "created_at": moved_at,
                "deleted_at": moved_at if user.is_closed else None,
            }
            for user in users
        ],
    )
    await insert(
        database,
        "user_roles",
        [{"user_id": user.id, "role": Role.CUSTOMER} for user in users if not user.is_closed],
    )


def stock_of(book: Book, copies: Copies, moved_at: datetime) -> Stock:
    return Stock(
        book_id=book.id,
        on_hand=book.available + copies.reserved,
        reserved=copies.reserved,
        available=book.available,
        fulfilled=copies.fulfilled,
        revision=1,
        changed_at=moved_at,
    )


async def insert_stock(database: Database, stocks: Sequence[Stock], outbox: Outbox) -> None:
    """The stock of books, explained by one adjustment each."""
    await insert(
        database,
        "inventory",
        [
            {
                "book_id": stock.book_id,
                "on_hand": stock.on_hand,
                "reserved": stock.reserved,
                "available": stock.available,
                "fulfilled": stock.fulfilled,
                "revision": stock.revision,
                "changed_at": stock.changed_at,
            }
            for stock in stocks
        ],
    )
    await insert(
        database,
        "adjustments",
        [
            {
                "book_id": stock.book_id,
                "delta": stock.on_hand + stock.fulfilled,
                "reason": f"moved from the original: {stock.available} free, {stock.reserved}"
                f" reserved, {stock.fulfilled} delivered",
                "user_id": None,
                "created_at": stock.changed_at,
            }
            for stock in stocks
        ],
    )
    await outbox.add(database, *map(purchase_events.inventory_changed, stocks))


async def insert_providers(database: Database, providers: Sequence[Provider]) -> None:
    await insert(
        database,
        "providers",
        [
            {
                "id": provider.id,
                "name": provider.name,
                "contact": provider.contact,
                "coverage": None,
                "countries": encode_countries(()),
                "fee_minor": 0,
                "retired": provider.retired,
            }
            for provider in providers
        ],
    )


async def insert_purchases(
    database: Database,
    batch: Sequence[MappedPurchase],
    *,
    currency: str,
    moved_at: datetime,
    expires_at: datetime,
    added_provider: int,
) -> None:
    """Purchases with their items, timelines, payments and deliveries."""
    purchases = [(each, each.purchase) for each in batch if each.purchase is not None]
    await insert(
        database,
        "purchases",
        [
            {
                "id": purchase.id,
                "user_id": purchase.user_id,
                "status": purchase.status,
                "total_minor": purchase.total_minor,
                "delivery_fee_minor": purchase.fee_minor,
                "currency": currency,
                "provider_id": None,
                "revision": 1,
                "created_at": moved_at,
                "expires_at": expires_at,
            }
            for _, purchase in purchases
        ],
    )
    await insert(
        database,
        "purchase_items",
        [
            {
                "purchase_id": purchase.id,
                "book_id": purchase.book_id,
                "title": each.title,
                "quantity": purchase.quantity,
                "unit_price_minor": purchase.unit_minor,
                "seller_id": None,
                "sold_at": moved_at,
            }
            for each, purchase in purchases
        ],
    )
    await insert(
        database,
        "purchase_timeline",
        [
            {"purchase_id": purchase.id, "status": purchase.status, "at": moved_at, "user_id": None}
            for _, purchase in purchases
        ],
    )
    await _insert_payments(database, purchases, currency, moved_at)
    assignments: list[dict[str, object]] = [
        {
            "id": each.assignment.id,
            "purchase_id": purchase.id,
            "provider_id": each.assignment.provider_id or added_provider,
            "status": each.assignment.status,
            "created_at": moved_at,
            "updated_at": moved_at,
        }
        for each, purchase in purchases
        if each.assignment is not None
    ]
    await _insert_with_ids(database, "assignments", assignments)
    if assignments:
        await _begin_delivery_timelines(database, [purchase.id for _, purchase in purchases])


async def _begin_delivery_timelines(database: Database, purchase_ids: Sequence[int]) -> None:
    """The first entry of each delivery of these purchases, in the status in which it was moved."""
    await database.execute(
        QueryString(
            "INSERT INTO assignment_timeline (assignment_id, status, at, user_id)"
            " SELECT id, status, created_at, NULL FROM assignments WHERE {} ORDER BY id",
            is_in("purchase_id", purchase_ids),
        )
    )


async def begin_orders(database: Database) -> None:
    """Let the stream of orders begin after the moved purchases, of which it has no events.

    Its readers find that it does not reach back to its beginning, and take its snapshot: catalog
    learns who bought which book, and notifications writes no mail about what is long past.
    """
    await database.execute(
        QueryString(
            "INSERT INTO outbox_streams (source, head, floor) VALUES ({}, 1, 1)"
            " ON CONFLICT (source) DO NOTHING",
            purchase_events.ORDERS,
        )
    )


async def _insert_payments(
    database: Database,
    purchases: Sequence[tuple[MappedPurchase, object]],
    currency: str,
    moved_at: datetime,
) -> None:
    """Captured payments, and their charges in the ledger of the simulated provider.

    The original had no payment provider: its money came by other ways. In the ledger, a payment of
    it can be refunded and audited like any other.
    """
    payments: list[dict[str, object]] = []
    charges: list[dict[str, object]] = []
    for each, _ in purchases:
        purchase = each.purchase
        if purchase is None or purchase.payment is None:
            continue
        reference = str(uuid.uuid4())
        payment = purchase.payment
        payments.append(
            {
                "id": payment.id,
                "purchase_id": purchase.id,
                "user_id": purchase.user_id,
                "amount_minor": payment.amount_minor,
                "refunded_minor": 0,
                "currency": currency,
                "method": payment.method,
                "status": PaymentStatus.COMPLETED,
                "reference": reference,
                "created_at": moved_at,
                "outcome": PaymentOutcome.PAID,
                "requested_by": purchase.user_id,
                "language": LANGUAGE,
                "checks": 0,
            }
        )
        if payment.amount_minor:
            charges.append(
                {
                    "reference": reference,
                    "kind": EntryKind.CHARGE,
                    "charge_reference": None,
                    "method": payment.method,
                    "amount_minor": payment.amount_minor,
                    "currency": currency,
                    "outcome": Charge.CAPTURED,
                    "effective_at": moved_at,
                }
            )
    await _insert_with_ids(database, "payments", payments)
    await insert(database, "simulated_ledger", charges)


async def _insert_with_ids(
    database: Database, table: str, rows: Sequence[dict[str, object]]
) -> None:
    """Rows without an id get a new one, above those of the original."""
    await insert(database, table, [row for row in rows if row["id"] is not None])
    new = [row for row in rows if row["id"] is None]
    await insert(
        database,
        table,
        [{name: value for name, value in row.items() if name != "id"} for row in new],
    )


async def insert_books(
    database: Database,
    books: Sequence[tuple[Book, Copies]],
    *,
    currency: str,
    moved_at: datetime,
    outbox: Outbox,
) -> None:
    """Books of the catalogue, with the events that tell purchase about them."""
    rows: list[dict[str, object]] = []
    published = []
    for book, copies in books:
        uid = uuid7().hex
        initial = min(book.available + copies.reserved, MAX_INITIAL_STOCK)
        made = CatalogBook(
            id=book.id,
            details=book.details,
            currency=currency,
            initial_stock=initial,
            revision=1,
            retired=book.retired,
            created_at=moved_at,
            uid=uid,
        )
        rows.append(
            {
                "id": book.id,
                **columns_of(book.details, uid),
                "uid": uid,
                "currency": currency,
                "initial_stock": initial,
                "revision": made.revision,
                "retired": made.retired,
                "created_at": moved_at,
                "updated_at": moved_at,
            }
        )
        event = catalog_events.book_retired if book.retired else catalog_events.book_created
        published.append(event(made))
    await insert(database, "books", rows)
    await outbox.add(database, *published)

"""Maps domain objects to rows and back; no other module knows which column holds which field.

Objects are loaded for a change under the lock of their purchase. A change of a purchase, or of a
payment, a refund or a delivery of it, holds that lock until the transaction ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row, is_in
from functions.kit.events.outbox import NewEvent, Outbox
from functions.purchase import events
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.holdings import Holdings
from functions.purchase.domain.payments import Payment, PaymentOutcome, PaymentStatus, Refund
from functions.purchase.domain.purchases import Line, Offer, Purchase, Status, StockEffect
from functions.purchase.domain.stock import Stock
from functions.purchase.domain.transitions import Transition
from functions.purchase.errors import (
    AssignmentNotFound,
    BookNotFound,
    PaymentNotFound,
    ProviderNotFound,
    ProviderRetired,
    PurchaseNotFound,
)

_BEFORE_REQUESTS = timedelta(seconds=30)
"""How long a payment without `in_flight_until`, which an older release stored, is in flight."""


# Purchases


async def lock_purchase(database: Database, purchase_id: int) -> Purchase:
    """A purchase, locked until the transaction ends.

    Raises `PurchaseNotFound`.
    """
    rows = await database.locked(QueryString("SELECT * FROM purchases WHERE id = {}", purchase_id))
    if not rows:
        raise PurchaseNotFound.of(purchase_id)
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, quantity, title, unit_price_minor FROM purchase_items"
            " WHERE purchase_id = {} ORDER BY book_id",
            purchase_id,
        )
    )
    return to_purchase(rows[0], outcome.rows)


def to_purchase(row: Row, items: Sequence[Row]) -> Purchase:
    """Converts a row of `purchases` and its items, which are ordered by book."""
    return Purchase(
        id=row["id"],
        user_id=row["user_id"],
        status=Status(row["status"]),
        lines=tuple(
            Line(item["book_id"], item["quantity"], item["title"], item["unit_price_minor"])
            for item in items
        ),
        delivery_fee_minor=row["delivery_fee_minor"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        provider_id=row["provider_id"],
        revision=row["revision"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def insert_purchase(database: Database, purchase: Purchase) -> Purchase:
    """Insert a purchase, its items and its first timeline entry. Returns it with its id."""
    columns = {
        "user_id": purchase.user_id,
        "status": purchase.status,
        "total_minor": purchase.total_minor,
        "delivery_fee_minor": purchase.delivery_fee_minor,
        "currency": purchase.currency,
        "provider_id": purchase.provider_id,
        "revision": purchase.revision,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
    }
    purchase = replace(purchase, id=await _insert(database, "purchases", columns))
    places = ", ".join(["({}, {}, {}, {}, {})"] * len(purchase.lines))
    await database.execute(
        QueryString(
            "INSERT INTO purchase_items (purchase_id, book_id, quantity, title, unit_price_minor)"  # noqa: S608
            f" VALUES {places}",
            *[value for line in purchase.lines for value in (purchase.id, *line)],
        )
    )
    await _add_timeline_entry(database, purchase, by=purchase.user_id, now=purchase.created_at)
    return purchase


async def store(
    database: Database,
    before: Purchase,
    transition: Transition,
    *,
    by: int | None,
    outbox: Outbox,
    now: datetime,
) -> Transition:
    """Store the result of a transition and add its events. Returns it with the ids of new rows.

    `before` is the purchase as loaded under its lock; `by` is the user id of the timeline entry.
    """
    purchase = transition.purchase
    if purchase != before:
        changes = {"status": purchase.status, "revision": purchase.revision}
        await _update(database, "purchases", purchase.id, changes)
    if purchase.status is not before.status:
        await _add_timeline_entry(database, purchase, by=by, now=now)
        if purchase.has_ended:
            await _erase_address(database, purchase.id)
    if transition.payment is not None:
        await update_payment(database, transition.payment)
    if transition.refund is not None:
        transition = transition._replace(refund=await _insert_refund(database, transition.refund))
    if transition.delivery is not None:
        transition = await _store_delivery(database, transition, transition.delivery)
    effect = purchase.stock_effect(before.status)
    stock_events = await _settle_stock(database, purchase, effect, now)
    await outbox.add(database, *[events.of(fact) for fact in transition.facts], *stock_events)
    return transition


async def _add_timeline_entry(
    database: Database, purchase: Purchase, *, by: int | None, now: datetime
) -> None:
    columns = {"purchase_id": purchase.id, "status": purchase.status, "at": now, "user_id": by}
    await _insert(database, "purchase_timeline", columns)


async def _erase_address(database: Database, purchase_id: int) -> None:
    """Erase the address of a purchase that has ended, if its account is closed."""
    await database.execute(
        QueryString(
            "DELETE FROM purchase_addresses WHERE purchase_id = {} AND erase_at_end = {}",
            purchase_id,
            True,
        )
    )


async def _settle_stock(
    database: Database, purchase: Purchase, effect: StockEffect | None, now: datetime
) -> list[NewEvent]:
    stock_events = []
    for line in purchase.lines if effect is not None else ():
        stock = await lock_stock(database, line.book_id)
        change = stock.fulfil if effect is StockEffect.FULFIL else stock.release
        stock = change(line.quantity, now)
        await update_stock(database, stock)
        stock_events.append(events.inventory_changed(stock))
    return stock_events


# Customers


async def lock_customer(database: Database, user_id: int) -> None:
    """Serialize the purchases of one customer, so that what they hold can be counted."""
    await database.execute(
        QueryString(
            "INSERT INTO customers (user_id, purchases_placed) VALUES ({}, 1)"
            " ON CONFLICT (user_id) DO UPDATE"
            " SET purchases_placed = customers.purchases_placed + 1",
            user_id,
        )
    )


# Stock and offers


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
            "SELECT b.book_id, b.title, b.price_minor, b.currency, b.retired, i.on_hand,"
            " i.reserved, i.available, i.fulfilled, i.revision, i.changed_at, {} AS held,"
            " {} AS unpaid FROM books b JOIN inventory i ON i.book_id = b.book_id WHERE {}",
            held,
            unpaid,
            is_in("b.book_id", book_ids),
        )
    )
    offers, stock, copies = {}, {}, {}
    for row in outcome.rows:
        book_id = row["book_id"]
        offers[book_id] = Offer(
            book_id, row["title"], row["price_minor"], row["currency"], bool(row["retired"])
        )
        stock[book_id] = to_stock(row)
        copies[book_id] = int(row["held"])
    count = int(outcome.rows[0]["unpaid"]) if outcome.rows else 0
    return OnSale(offers, stock, Holdings(count, copies))


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


# Payments and refunds

_PAYMENT_FIELDS = (
    "purchase_id", "user_id", "amount_minor", "refunded_minor", "currency", "method", "status",
    "reference", "created_at", "outcome", "outcome_status", "requested_by", "request_key",
    "language", "in_flight_until", "checks", "check_at",
)  # fmt: skip


async def payment(database: Database, payment_id: int) -> Payment:
    """Raises `PaymentNotFound`."""
    found = await _payment_where(database, "id = {}", payment_id)
    if found is None:
        raise PaymentNotFound.of(payment_id)
    return found


async def payment_of_reference(database: Database, reference: str) -> Payment | None:
    """The payment that was sent to the provider under this reference."""
    return await _payment_where(database, "reference = {}", reference)


async def payment_of_request(database: Database, user_id: int, key: str) -> Payment | None:
    """The payment that a request with this Idempotency-Key created."""
    return await _payment_where(database, "requested_by = {} AND request_key = {}", user_id, key)


async def open_payment(database: Database, purchase_id: int) -> Payment | None:
    """The payment of a purchase that has no outcome yet; None where there is none."""
    condition = "purchase_id = {} AND status = {}"
    return await _payment_where(database, condition, purchase_id, str(PaymentStatus.PROCESSING))


async def _payment_where(database: Database, condition: str, *values: object) -> Payment | None:
    outcome = await database.execute(
        QueryString(
            f"SELECT * FROM payments WHERE {condition} ORDER BY id DESC LIMIT 1",  # noqa: S608
            *values,
        )
    )
    return to_payment(outcome.rows[0]) if outcome.rows else None


def to_payment(row: Row) -> Payment:
    """Converts a row of `payments`, including rows that an older release stored."""
    in_flight_until = row["in_flight_until"] or row["created_at"] + _BEFORE_REQUESTS
    outcome, status = row["outcome"], row["outcome_status"]
    return Payment(
        id=row["id"],
        purchase_id=row["purchase_id"],
        user_id=row["user_id"],
        amount_minor=row["amount_minor"],
        refunded_minor=row["refunded_minor"],
        currency=row["currency"],
        method=row["method"],
        status=PaymentStatus(row["status"]),
        reference=row["reference"],
        created_at=row["created_at"],
        outcome=None if outcome is None else PaymentOutcome(outcome),
        outcome_status=None if status is None else Status(status),
        requested_by=row["user_id"] if row["requested_by"] is None else row["requested_by"],
        request_key=row["request_key"],
        language=row["language"],
        in_flight_until=in_flight_until,
        checks=row["checks"],
        check_at=row["check_at"] or in_flight_until,
    )


async def insert_payment(database: Database, payment: Payment) -> Payment:
    """Insert a payment. Returns it with its id."""
    return replace(payment, id=await _insert(database, "payments", _payment_columns(payment)))


async def update_payment(database: Database, payment: Payment) -> None:
    """Store a payment. The caller holds the lock of its purchase."""
    await _update(database, "payments", payment.id, _payment_columns(payment))


def _payment_columns(payment: Payment) -> dict[str, object]:
    return {name: getattr(payment, name) for name in _PAYMENT_FIELDS}


async def due_payments(database: Database, now: datetime, limit: int) -> list[Payment]:
    """Open payments whose next check is due, the longest due first."""
    outcome = await database.execute(
        QueryString(
            "SELECT * FROM payments WHERE status = {} AND (check_at <= {} OR check_at IS NULL)"
            " ORDER BY check_at, id LIMIT {}",
            str(PaymentStatus.PROCESSING),
            now,
            limit,
        )
    )
    return [each for each in map(to_payment, outcome.rows) if each.check_at <= now]


def to_refund(row: Row) -> Refund:
    """Converts a row of `refunds`, including rows that an older release stored."""
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        amount_minor=row["amount_minor"],
        reason=row["reason"],
        reference=row["reference"],
        settled=bool(row["settled"]),
        refused=bool(row["refused"]),
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"] or row["created_at"],
        created_at=row["created_at"],
    )


async def _insert_refund(database: Database, refund: Refund) -> Refund:
    columns = {
        "payment_id": refund.payment_id,
        "amount_minor": refund.amount_minor,
        "reason": refund.reason,
        "reference": refund.reference,
        "settled": refund.settled,
        "refused": refund.refused,
        "attempts": refund.attempts,
        "next_attempt_at": refund.next_attempt_at,
        "created_at": refund.created_at,
    }
    return replace(refund, id=await _insert(database, "refunds", columns))


async def update_refund(database: Database, refund: Refund) -> None:
    """Store the progress of a refund. A settled refund is never changed."""
    await database.execute(
        QueryString(
            "UPDATE refunds SET settled = {}, refused = {}, attempts = {}, next_attempt_at = {}"
            " WHERE id = {} AND settled = {}",
            refund.settled,
            refund.refused,
            refund.attempts,
            refund.next_attempt_at,
            refund.id,
            False,
        )
    )


class OwedRefund(NamedTuple):
    """A refund and the provider's charge that it refunds."""

    refund: Refund
    charge_reference: str
    currency: str


async def due_refunds(database: Database, now: datetime, limit: int) -> list[OwedRefund]:
    """Unsettled refunds whose next attempt is due, the longest due first."""
    outcome = await database.execute(
        QueryString(
            "SELECT r.*, p.reference AS charge_reference, p.currency FROM refunds r"
            " JOIN payments p ON p.id = r.payment_id WHERE r.settled = {}"
            " AND (r.next_attempt_at <= {} OR r.next_attempt_at IS NULL)"
            " ORDER BY r.next_attempt_at, r.id LIMIT {}",
            False,
            now,
            limit,
        )
    )
    return [
        OwedRefund(to_refund(row), row["charge_reference"], row["currency"]) for row in outcome.rows
    ]


# Deliveries


async def delivery(database: Database, assignment_id: int) -> Delivery:
    """Raises `AssignmentNotFound`."""
    found = await _delivery_where(database, "a.id = {}", assignment_id)
    if found is None:
        raise AssignmentNotFound.of(assignment_id)
    return found


async def delivery_under_way(database: Database, purchase_id: int) -> Delivery:
    """Raises `AssignmentNotFound`."""
    found = await _delivery_where(
        database,
        "a.purchase_id = {} AND a.status IN ({}, {})",
        purchase_id,
        str(DeliveryStatus.ASSIGNED),
        str(DeliveryStatus.IN_TRANSIT),
    )
    if found is None:
        raise AssignmentNotFound(
            Text(
                f"La compra {purchase_id} no tiene una entrega en curso.",
                f"Purchase {purchase_id} has no delivery under way.",
            )
        )
    return found


async def _delivery_where(database: Database, condition: str, *values: object) -> Delivery | None:
    outcome = await database.execute(
        QueryString(
            "SELECT a.*, p.name AS provider_name FROM assignments a"  # noqa: S608
            f" JOIN providers p ON p.id = a.provider_id WHERE {condition}"
            " ORDER BY a.id DESC LIMIT 1",
            *values,
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return Delivery(
        id=row["id"],
        purchase_id=row["purchase_id"],
        provider_id=row["provider_id"],
        provider_name=row["provider_name"],
        status=DeliveryStatus(row["status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def _store_delivery(
    database: Database, transition: Transition, delivery: Delivery
) -> Transition:
    if delivery.id:
        changes = {"status": delivery.status, "updated_at": delivery.updated_at}
        await _update(database, "assignments", delivery.id, changes)
        return transition
    columns = {
        "purchase_id": delivery.purchase_id,
        "provider_id": delivery.provider_id,
        "status": delivery.status,
        "created_at": delivery.created_at,
        "updated_at": delivery.updated_at,
    }
    stored = replace(delivery, id=await _insert(database, "assignments", columns))
    facts = tuple(
        fact._replace(state=stored) if isinstance(fact.state, Delivery) else fact
        for fact in transition.facts
    )
    return transition._replace(delivery=stored, facts=facts)


class DeliveryProvider(NamedTuple):
    id: int
    name: str
    fee_minor: int
    retired: bool
    countries: Sequence[str] = ()
    """Empty where it is not said; `*` for everywhere."""


async def delivery_provider(database: Database, provider_id: int) -> DeliveryProvider:
    """Raises `ProviderNotFound`."""
    outcome = await database.execute(
        QueryString(
            "SELECT name, fee_minor, retired, countries FROM providers WHERE id = {}", provider_id
        )
    )
    if not outcome.rows:
        raise ProviderNotFound.of(provider_id)
    row = outcome.rows[0]
    return DeliveryProvider(
        provider_id,
        row["name"],
        row["fee_minor"],
        bool(row["retired"]),
        decode_countries(row["countries"]),
    )


async def offered_provider(database: Database, provider_id: int) -> DeliveryProvider:
    """A provider that new purchases and deliveries may use.

    Raises `ProviderNotFound` or `ProviderRetired`.
    """
    provider = await delivery_provider(database, provider_id)
    if provider.retired:
        raise ProviderRetired(
            Text(
                f"{provider.name} ya no se ofrece: elija otro.",
                f"{provider.name} is not offered any more: choose another one.",
            )
        )
    return provider


def encode_countries(codes: Sequence[str]) -> str:
    """The value of a column: each code between spaces, so that LIKE '% CO %' finds it."""
    return f" {' '.join(codes)} " if codes else ""


def decode_countries(column: str) -> list[str]:
    """The codes in the value of a column."""
    return column.split()


# Statements


async def _insert(database: Database, table: str, columns: Mapping[str, object]) -> int:
    """Insert a row. Returns its id."""
    places = ", ".join(["{}"] * len(columns))
    created = await database.execute(
        QueryString(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
            *map(_plain, columns.values()),
        )
    )
    return int(created.lastrowid)


async def _update(
    database: Database, table: str, row_id: int, columns: Mapping[str, object]
) -> None:
    assignments = ", ".join(f"{name} = {{}}" for name in columns)
    await database.execute(
        QueryString(
            f"UPDATE {table} SET {assignments} WHERE id = {{}}",  # noqa: S608
            *map(_plain, columns.values()),
            row_id,
        )
    )


def _plain(value: object) -> object:
    """Converts a `StrEnum` to `str`: drivers bind no subclasses."""
    return str(value) if isinstance(value, str) else value

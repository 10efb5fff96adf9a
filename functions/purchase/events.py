"""What purchase publishes: two streams, inventory and orders. See `eventing/contracts`.

Each event carries the full state of its subject. The structs are the producer's side of the
contracts; fields are only ever added.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from functions.kit.clock import isoformat
from functions.kit.database import Row
from functions.kit.outbox import Message
from functions.purchase.domain import Line, Status

INVENTORY = "/bookstore/purchase/inventory"
ORDERS = "/bookstore/purchase/orders"

INVENTORY_CHANGED = "bookstore.inventory.changed.v1"
PURCHASE_TYPES = {
    Status.PENDING: "bookstore.purchase.placed.v1",
    Status.PAID: "bookstore.purchase.paid.v1",
    Status.CANCELLED: "bookstore.purchase.cancelled.v1",
    Status.EXPIRED: "bookstore.purchase.expired.v1",
    Status.REFUNDED: "bookstore.purchase.refunded.v1",
}
PAYMENT_SUCCEEDED = "bookstore.payment.succeeded.v1"
PAYMENT_FAILED = "bookstore.payment.failed.v1"
PAYMENT_REFUNDED = "bookstore.payment.refunded.v1"
DELIVERY_ASSIGNED = "bookstore.delivery.assigned.v1"
DELIVERY_UPDATED = "bookstore.delivery.updated.v1"


class InventoryState(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    on_hand: int
    reserved: int
    available: int
    as_of: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    title: str
    quantity: int
    unit_price_minor: int


class PurchaseState(msgspec.Struct, frozen=True, kw_only=True):
    purchase_id: int
    user_id: int
    status: str
    items: list[Item]
    delivery_fee_minor: int
    total_minor: int
    currency: str
    created_at: str
    expires_at: str


class PaymentState(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: int
    purchase_id: int
    user_id: int
    amount_minor: int
    refunded_minor: int
    currency: str
    status: str


class DeliveryState(msgspec.Struct, frozen=True, kw_only=True):
    assignment_id: int
    purchase_id: int
    provider_id: int
    provider_name: str
    status: str


def inventory_changed(row: Row) -> Message:
    """From a row of `inventory`, as it stands after the change."""
    return Message(
        source=INVENTORY,
        type=INVENTORY_CHANGED,
        subject=f"book/{row['book_id']}",
        revision=row["revision"],
        data=InventoryState(
            book_id=row["book_id"],
            on_hand=row["on_hand"],
            reserved=row["reserved"],
            available=row["available"],
            as_of=isoformat(row["changed_at"]),
        ),
    )


def purchase_state(row: Row, lines: Sequence[Line]) -> PurchaseState:
    """From a row of `purchases` and its items."""
    created_at: datetime = row["created_at"]
    return PurchaseState(
        purchase_id=row["id"],
        user_id=row["user_id"],
        status=row["status"],
        items=[
            Item(
                book_id=line.book_id,
                title=line.title,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
            )
            for line in lines
        ],
        delivery_fee_minor=row["delivery_fee_minor"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        created_at=isoformat(created_at),
        expires_at=isoformat(row["expires_at"]),
    )


def purchase_moved(row: Row, lines: Sequence[Line]) -> Message:
    """A purchase came into the state that its row shows."""
    event_type = PURCHASE_TYPES[Status(row["status"])]
    return order(event_type, row["id"], row["revision"], purchase_state(row, lines))


def payment(event_type: str, row: Row, revision: int) -> Message:
    """From a row of `payments`; the revision is the purchase's, which is the subject."""
    state = PaymentState(
        payment_id=row["id"],
        purchase_id=row["purchase_id"],
        user_id=row["user_id"],
        amount_minor=row["amount_minor"],
        refunded_minor=row["refunded_minor"],
        currency=row["currency"],
        status=row["status"],
    )
    return order(event_type, row["purchase_id"], revision, state)


def delivery(event_type: str, row: Row, provider_name: str, revision: int) -> Message:
    """From a row of `assignments`; the revision is the purchase's, which is the subject."""
    state = DeliveryState(
        assignment_id=row["id"],
        purchase_id=row["purchase_id"],
        provider_id=row["provider_id"],
        provider_name=provider_name,
        status=row["status"],
    )
    return order(event_type, row["purchase_id"], revision, state)


def order(event_type: str, purchase_id: int, revision: int, data: msgspec.Struct) -> Message:
    """An event whose subject is a purchase."""
    return Message(
        source=ORDERS,
        type=event_type,
        subject=f"purchase/{purchase_id}",
        revision=revision,
        data=data,
    )

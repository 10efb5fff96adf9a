"""The events that purchase publishes, in two streams: inventory and orders.

Each event carries the full state of its subject. The structs are the producer's side of
`eventing/contracts/`; fields are only ever added.
"""

import msgspec

from functions.kit.base.clock import isoformat
from functions.kit.events.outbox import NewEvent
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.payments import Payment, PaymentStatus
from functions.purchase.domain.purchases import Purchase, Status
from functions.purchase.domain.stock import Stock
from functions.purchase.domain.transitions import Fact

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
    seller_id: int | None = None
    """Of the book when it was sold; null for the shop's own."""


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
    user_id: int
    """Of the purchase's buyer."""


def inventory_changed(stock: Stock) -> NewEvent:
    """The stock of a book after a change."""
    return NewEvent(
        source=INVENTORY,
        type=INVENTORY_CHANGED,
        subject=f"book/{stock.book_id}",
        revision=stock.revision,
        data=InventoryState(
            book_id=stock.book_id,
            on_hand=stock.on_hand,
            reserved=stock.reserved,
            available=stock.available,
            as_of=isoformat(stock.changed_at),
        ),
    )


def of(fact: Fact) -> NewEvent:
    """The event of a fact; its subject is the purchase."""
    state, revision, user_id = fact
    if isinstance(state, Purchase):
        return _order(PURCHASE_TYPES[state.status], state.id, revision, _purchase_state(state))
    if isinstance(state, Payment):
        return _order(_payment_type(state), state.purchase_id, revision, _payment_state(state))
    event_type = DELIVERY_ASSIGNED if state.status is DeliveryStatus.ASSIGNED else DELIVERY_UPDATED
    return _order(event_type, state.purchase_id, revision, _delivery_state(state, user_id))


def snapshot(purchase: Purchase) -> NewEvent:
    """The event of a purchase in a snapshot. Deliveries have the type of `paid`; see `status`."""
    event_type = PURCHASE_TYPES.get(purchase.status, PURCHASE_TYPES[Status.PAID])
    return _order(event_type, purchase.id, purchase.revision, _purchase_state(purchase))


def _payment_type(payment: Payment) -> str:
    if payment.status is PaymentStatus.FAILED:
        return PAYMENT_FAILED
    if payment.refunded_minor or payment.status is PaymentStatus.REFUNDED:
        return PAYMENT_REFUNDED
    return PAYMENT_SUCCEEDED


def _purchase_state(purchase: Purchase) -> PurchaseState:
    return PurchaseState(
        purchase_id=purchase.id,
        user_id=purchase.user_id,
        status=str(purchase.status),
        items=[
            Item(
                book_id=line.book_id,
                title=line.title,
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                seller_id=line.seller_id,
            )
            for line in purchase.lines
        ],
        delivery_fee_minor=purchase.delivery_fee_minor,
        total_minor=purchase.total_minor,
        currency=purchase.currency,
        created_at=isoformat(purchase.created_at),
        expires_at=isoformat(purchase.expires_at),
    )


def _payment_state(payment: Payment) -> PaymentState:
    return PaymentState(
        payment_id=payment.id,
        purchase_id=payment.purchase_id,
        user_id=payment.user_id,
        amount_minor=payment.amount_minor,
        refunded_minor=payment.refunded_minor,
        currency=payment.currency,
        status=str(payment.status),
    )


def _delivery_state(delivery: Delivery, user_id: int) -> DeliveryState:
    return DeliveryState(
        assignment_id=delivery.id,
        purchase_id=delivery.purchase_id,
        provider_id=delivery.provider_id,
        provider_name=delivery.provider_name,
        status=str(delivery.status),
        user_id=user_id,
    )


def _order(event_type: str, purchase_id: int, revision: int, data: msgspec.Struct) -> NewEvent:
    return NewEvent(
        source=ORDERS,
        type=event_type,
        subject=f"purchase/{purchase_id}",
        revision=revision,
        data=data,
    )

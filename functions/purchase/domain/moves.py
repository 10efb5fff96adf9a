"""What can be done next with a purchase, for a page that offers exactly that.

The commands decide by the same rules; between a page and its form the purchase may have changed.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from functions.kit.base.errors import DomainError
from functions.purchase.domain.deliveries import DELIVERY_TRANSITIONS, Delivery, DeliveryStatus
from functions.purchase.domain.payments import Payment
from functions.purchase.domain.purchases import Purchase, Status


class Move(StrEnum):
    PAY = "pay"
    """`POST /payment`"""
    CANCEL = "cancel"
    """`DELETE /purchase/{id}`; an overdue purchase expires by it."""
    ASSIGN = "assign"
    """`POST /assignments`"""
    IN_TRANSIT = "in_transit"
    """`PATCH /assignments/{id}`, of the last delivery; the next two as well."""
    DELIVERED = "delivered"
    FAILED = "failed"
    REFUND = "refund"
    """`POST /payments/{id}/refunds`, of a payment that has something left."""


OF_CUSTOMERS = frozenset({Move.PAY, Move.CANCEL})

_REPORTS = {
    Move.IN_TRANSIT: DeliveryStatus.IN_TRANSIT,
    Move.DELIVERED: DeliveryStatus.DELIVERED,
    Move.FAILED: DeliveryStatus.FAILED,
}


def moves(
    purchase: Purchase,
    payments: Iterable[Payment],
    last_delivery: Delivery | None,
    *,
    staff: bool,
    now: datetime,
) -> list[Move]:
    """What staff, or the buyer, can do with a purchase, in the order of its life."""
    payments = list(payments)
    found: set[Move] = set()
    if purchase.awaits_payment and not any(payment.is_open for payment in payments):
        found |= {Move.CANCEL} if purchase.is_overdue(now) else {Move.PAY, Move.CANCEL}
    if purchase.status is Status.PAID:
        found.add(Move.ASSIGN)
    if purchase.status is Status.ON_DELIVERY and last_delivery is not None:
        found.update(delivery_moves(last_delivery))
    if any(_is_refundable(payment, purchase.status) for payment in payments):
        found.add(Move.REFUND)
    return [move for move in Move if move in found and (staff or move in OF_CUSTOMERS)]


def delivery_moves(delivery: Delivery) -> list[Move]:
    """What staff can report of a delivery."""
    permitted = DELIVERY_TRANSITIONS[delivery.status]
    return [move for move, status in _REPORTS.items() if status in permitted]


def _is_refundable(payment: Payment, status: Status) -> bool:
    try:
        payment.check_refundable(status)
    except DomainError:
        return False
    return True

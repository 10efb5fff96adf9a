"""The rules of a sale: what follows what, what a purchase costs. No I/O, no framework.

Pending Payment ─┬─► Paid ─┬─► On Delivery ───► Delivered
                 │    ▲    │        │
                 │    └────┼────────┘ delivery failed
                 │         └─► Refunded
                 ├─► Cancelled
                 └─► Expired
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from functions.purchase.errors import CardNumberRefused, IllegalMove

TIME_TO_PAY = timedelta(minutes=15)
MAX_QUANTITY = 1000
MAX_LINES = 50


class Status(StrEnum):
    """Of a purchase; the first three are the original's labels."""

    PENDING = "Pending Payment"
    PAID = "Paid"
    ON_DELIVERY = "On Delivery"
    DELIVERED = "Delivered"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    REFUNDED = "Refunded"


MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.CANCELLED, Status.EXPIRED}),
    Status.PAID: frozenset({Status.ON_DELIVERY, Status.REFUNDED}),
    Status.ON_DELIVERY: frozenset({Status.DELIVERED, Status.PAID}),
    Status.DELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REFUNDED: frozenset(),
}

HOLDS_STOCK = frozenset({Status.PENDING, Status.PAID, Status.ON_DELIVERY})
"""While a purchase is there, its copies are reserved; afterwards they are free again, or gone."""


class PaymentStatus(StrEnum):
    PROCESSING = "Processing"
    """Sent to the provider, whose answer is not known."""
    COMPLETED = "Completed"
    FAILED = "Failed"
    REFUNDED = "Refunded"
    """All of it was given back."""


class DeliveryStatus(StrEnum):
    ASSIGNED = "Assigned"
    IN_TRANSIT = "In Transit"
    DELIVERED = "Delivered"
    FAILED = "Failed"


DELIVERY_MOVES: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.ASSIGNED: frozenset(
        {DeliveryStatus.IN_TRANSIT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}
    ),
    DeliveryStatus.IN_TRANSIT: frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}),
    DeliveryStatus.DELIVERED: frozenset(),
    DeliveryStatus.FAILED: frozenset(),
}


def check_move(current: Status, target: Status) -> None:
    """Raises `IllegalMove`, which says where one can go from here."""
    if target not in MOVES[current]:
        raise IllegalMove(_explain(current, MOVES[current]), status_actual=str(current))


def check_delivery_move(current: DeliveryStatus, target: DeliveryStatus) -> None:
    """Raises `IllegalMove`, which says where one can go from here."""
    if target not in DELIVERY_MOVES[current]:
        raise IllegalMove(_explain(current, DELIVERY_MOVES[current]), status_actual=str(current))


def _explain(current: StrEnum, targets: Iterable[StrEnum]) -> str:
    choices = ", ".join(sorted(targets))
    return f"It is {current}; from there " + (
        f"it can go to: {choices}." if choices else "it ends."
    )


class Line(NamedTuple):
    """Some copies of one book, at the price and under the title of the moment of the sale."""

    book_id: int
    quantity: int
    title: str
    unit_price_minor: int


def total_minor(lines: Iterable[Line], delivery_fee_minor: int) -> int:
    """What a purchase costs, in minor units."""
    return sum(line.quantity * line.unit_price_minor for line in lines) + delivery_fee_minor


CARD_NUMBER = "(?:[0-9][ -]?){12}"
_CARD_NUMBER = re.compile(CARD_NUMBER)


def check_payment_method(method: str) -> str:
    """Refuse what looks like a card number: it must not reach a log or a table of this shop.

    Raises `CardNumberRefused`.
    """
    if _CARD_NUMBER.search(method):
        raise CardNumberRefused(
            "Send the token that the payment provider gave for the card, never its number."
        )
    return method

"""A purchase and its transitions.

Pending Payment ─┬─► Paid ─┬─► On Delivery ───► Delivered
                 │    ▲    │        │
                 │    └────┼────────┘ delivery failed
                 │         └─► Refunded
                 ├─► Cancelled
                 └─► Expired
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.kit.base.money import money
from functions.kit.base.orders import MAX_TOTAL_MINOR
from functions.purchase.errors import (
    AlreadyPaid,
    BookRetired,
    IllegalMove,
    OrderTooLarge,
    PriceChanged,
    PurchaseCancelled,
    PurchaseExpired,
    PurchaseRefunded,
)

TIME_TO_PAY = timedelta(minutes=15)


class Status(StrEnum):
    """Of a purchase; the first three are the original's labels."""

    PENDING = "Pending Payment"
    PAID = "Paid"
    ON_DELIVERY = "On Delivery"
    DELIVERED = "Delivered"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    REFUNDED = "Refunded"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PAID, Status.CANCELLED, Status.EXPIRED}),
    Status.PAID: frozenset({Status.ON_DELIVERY, Status.REFUNDED}),
    Status.ON_DELIVERY: frozenset({Status.DELIVERED, Status.PAID}),
    Status.DELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.REFUNDED: frozenset(),
}

HOLDS_STOCK = frozenset({Status.PENDING, Status.PAID, Status.ON_DELIVERY})
"""The statuses in which the copies of a purchase are reserved."""


class StockEffect(StrEnum):
    """The effect of a change of status on the reserved copies of a purchase."""

    RELEASE = "release"
    """The copies become available."""
    FULFIL = "fulfil"
    """The copies have left the shop."""


class Line(NamedTuple):
    """Copies of one book, with its price and title at the time of the purchase."""

    book_id: int
    quantity: int
    title: str
    unit_price_minor: int
    seller_id: int | None = None
    """Of the book at that time; None for the shop's own."""


class Offer(NamedTuple):
    """The present offer of a book."""

    book_id: int
    title: str
    price_minor: int
    currency: str
    retired: bool
    seller_id: int | None = None

    def line(self, quantity: int, expected_unit_price_minor: int | None) -> Line:
        """A line at the present price.

        Raises `BookRetired`, or `PriceChanged` when the buyer expects another price.
        """
        if self.retired:
            raise BookRetired(
                Text(
                    f"El libro {self.book_id} ya no está a la venta.",
                    f"Book {self.book_id} is not sold any more.",
                ),
                book_id=self.book_id,
            )
        if expected_unit_price_minor not in (None, self.price_minor):
            price = money(self.price_minor, self.currency)
            raise PriceChanged(
                Text(
                    f"El libro {self.book_id} cuesta ahora {price}.",
                    f"Book {self.book_id} costs {price} now.",
                ),
                book_id=self.book_id,
                price_minor_actual=self.price_minor,
            )
        return Line(self.book_id, quantity, self.title, self.price_minor, self.seller_id)


def total_minor(lines: Iterable[Line], delivery_fee_minor: int) -> int:
    """The total of a purchase, in minor units."""
    return sum(line.quantity * line.unit_price_minor for line in lines) + delivery_fee_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A purchase at one moment. `id` is 0 until it is stored; `lines` are ordered by book."""

    id: int = 0
    user_id: int
    status: Status
    lines: tuple[Line, ...]
    delivery_fee_minor: int
    total_minor: int
    currency: str
    provider_id: int | None
    revision: int
    """Grows by one with each event about this purchase."""
    created_at: datetime
    expires_at: datetime

    @classmethod
    def place(
        cls,
        user_id: int,
        lines: Sequence[Line],
        *,
        currency: str,
        delivery_fee_minor: int,
        provider_id: int | None,
        time_to_pay: timedelta = TIME_TO_PAY,
        now: datetime,
    ) -> "Purchase":
        """A new purchase, whose copies are reserved until its time to pay is over.

        Raises `OrderTooLarge`.
        """
        total = total_minor(lines, delivery_fee_minor)
        if total > MAX_TOTAL_MINOR:
            raise OrderTooLarge.of(MAX_TOTAL_MINOR, currency)
        return cls(
            user_id=user_id,
            status=Status.PENDING,
            lines=tuple(sorted(lines)),
            delivery_fee_minor=delivery_fee_minor,
            total_minor=total,
            currency=currency,
            provider_id=provider_id,
            revision=1,
            created_at=now,
            expires_at=now + time_to_pay,
        )

    @property
    def has_ended(self) -> bool:
        """Whether no other status can follow."""
        return not TRANSITIONS[self.status]

    @property
    def awaits_payment(self) -> bool:
        """Whether a capture pays it, even after its time to pay."""
        return self.status is Status.PENDING

    def is_overdue(self, now: datetime) -> bool:
        """Whether its time to pay is over and its status does not say so yet."""
        return self.status is Status.PENDING and self.expires_at <= now

    def check_payable(self, now: datetime) -> None:
        """Raises the refusal for its status where a payment cannot begin."""
        match self.status:
            case Status.PENDING:
                if self.is_overdue(now):
                    raise PurchaseExpired(
                        Text(
                            "Compre de nuevo; los ejemplares están libres.",
                            "Buy again; the copies are free.",
                        )
                    )
            case Status.EXPIRED:
                raise PurchaseExpired(
                    Text(
                        "Compre de nuevo; los ejemplares están libres.",
                        "Buy again; the copies are free.",
                    )
                )
            case Status.CANCELLED:
                raise PurchaseCancelled(
                    Text(
                        "Compre de nuevo; esta compra fue cancelada.",
                        "Buy again; this purchase was cancelled.",
                    )
                )
            case Status.REFUNDED:
                raise PurchaseRefunded(
                    Text(
                        "Compre de nuevo; el dinero de esta compra fue devuelto.",
                        "Buy again; this purchase was refunded.",
                    )
                )
            case Status.PAID | Status.ON_DELIVERY | Status.DELIVERED:
                raise AlreadyPaid(
                    Text(f"Está en {self.status}.", f"It is {self.status}."),
                    status_actual=str(self.status),
                )

    def check_transition(self, target: Status) -> None:
        """Raises `IllegalMove`, which lists the permitted statuses."""
        if target not in TRANSITIONS[self.status]:
            raise IllegalMove(
                explain_transitions(self.status, TRANSITIONS[self.status]),
                status_actual=str(self.status),
            )

    def to(self, target: Status) -> "Purchase":
        """The purchase in another status, one revision later.

        Raises `IllegalMove`.
        """
        self.check_transition(target)
        return replace(self, status=target, revision=self.revision + 1)

    def revised(self) -> "Purchase":
        """The purchase one revision later, for an event about one of its parts."""
        return replace(self, revision=self.revision + 1)

    def stock_effect(self, before: Status) -> StockEffect | None:
        """The effect on its reserved copies when its status changes from `before`."""
        if before not in HOLDS_STOCK or self.status in HOLDS_STOCK:
            return None
        return StockEffect.FULFIL if self.status is Status.DELIVERED else StockEffect.RELEASE


def explain_transitions(current: StrEnum, targets: Iterable[StrEnum]) -> Text:
    """A sentence that lists the permitted statuses."""
    choices = ", ".join(sorted(targets))
    if not choices:
        return Text(f"Está en {current}, y es definitivo.", f"It is {current}; that is final.")
    return Text(
        f"Está en {current}; puede pasar a: {choices}.",
        f"It is {current}; it can become: {choices}.",
    )

"""The delivery of a purchase by a provider."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from functions.purchase.domain.purchases import Status, explain_transitions
from functions.purchase.errors import IllegalMove


class DeliveryStatus(StrEnum):
    ASSIGNED = "Assigned"
    IN_TRANSIT = "In Transit"
    DELIVERED = "Delivered"
    FAILED = "Failed"


DELIVERY_TRANSITIONS: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.ASSIGNED: frozenset(
        {DeliveryStatus.IN_TRANSIT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}
    ),
    DeliveryStatus.IN_TRANSIT: frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED}),
    DeliveryStatus.DELIVERED: frozenset(),
    DeliveryStatus.FAILED: frozenset(),
}

PURCHASE_STATUS = {
    DeliveryStatus.DELIVERED: Status.DELIVERED,
    DeliveryStatus.FAILED: Status.PAID,
}
"""The status of a purchase after its delivery has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery at one moment. `id` is 0 until it is stored."""

    id: int = 0
    purchase_id: int
    provider_id: int
    provider_name: str
    status: DeliveryStatus
    created_at: datetime
    updated_at: datetime

    def to(self, target: DeliveryStatus, now: datetime) -> "Delivery":
        """The delivery in another status.

        Raises `IllegalMove`, which lists the permitted statuses.
        """
        if target not in DELIVERY_TRANSITIONS[self.status]:
            raise IllegalMove(
                explain_transitions(self.status, DELIVERY_TRANSITIONS[self.status]),
                status_actual=str(self.status),
            )
        return replace(self, status=target, updated_at=now)

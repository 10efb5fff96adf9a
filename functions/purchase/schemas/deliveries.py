"""Bodies of deliveries, and of quotes for them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec

from functions.kit.base.fields import Id, Strict, line
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.moves import Move
from functions.purchase.schemas.shared import Currency

_LABELS = [str(status) for status in DeliveryStatus if status is not DeliveryStatus.ASSIGNED]
_REPORTED = [label.lower().replace(" ", "_") for label in _LABELS]


class NewAssignment(Strict, frozen=True, kw_only=True):
    purchase_id: Id
    provider_id: Id

    example: ClassVar[dict[str, Any]] = {"purchase_id": 1, "provider_id": 1}


class AssignmentCreated(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    assignment_id: int
    status: str


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True):
    """Where it goes is null without an address, and after the address was erased."""

    id: int
    purchase_id: int
    provider_id: int
    provider_name: str
    status: DeliveryStatus
    moves: list[Move]
    """What staff can report of it now; empty for its buyer."""
    recipient: str | None
    city: str | None
    country: str | None
    created_at: datetime
    updated_at: datetime


class DeliveryEntry(msgspec.Struct, frozen=True, kw_only=True):
    status: DeliveryStatus
    at: datetime
    user_id: int | None
    """The member of staff, for staff to read."""


class AssignmentDetail(AssignmentView, frozen=True, kw_only=True):
    timeline: list[DeliveryEntry]


class DeliveryChange(Strict, frozen=True, kw_only=True):
    """`in_transit`, `delivered` or `failed`; the label that `GET` shows is accepted too."""

    status: Annotated[str, line(20)]

    described: ClassVar[dict[str, Any]] = {"properties": {"status": {"enum": _REPORTED}}}
    example: ClassVar[dict[str, Any]] = {"status": "in_transit"}


class AssignmentChanged(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    assignment_id: int
    status: str
    purchase_status: str


class DeliveryQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The price of the books, delivered by this provider."""

    provider_id: int
    provider_name: str
    fee: Decimal
    fee_minor: int
    subtotal: Decimal
    """The price of the books, without delivery."""
    subtotal_minor: int
    total: Decimal
    total_minor: int
    currency: Currency

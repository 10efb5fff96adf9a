"""Query parameters of the lists of purchases, payments and deliveries."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from litestar.params import QueryParameter

from functions.kit.base.money import MAX_ID
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.listing import (
    IDS,
    MAX_IDS,
    DeliverySort,
    PaymentSort,
    PurchaseSort,
    labels_pattern,
)
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import Status

UserId = Annotated[
    int | None,
    QueryParameter(
        name="user_id", ge=1, le=MAX_ID, description="Only of this buyer; for staff to set"
    ),
]


def _labels(kind: type[StrEnum], example: str) -> QueryParameter:
    return QueryParameter(
        name="status",
        description="One label, or several with commas between",
        schema_extra={"pattern": labels_pattern(kind), "examples": [example]},
    )


PurchaseStatuses = Annotated[str | None, _labels(Status, "Paid,On Delivery")]
PaymentStatuses = Annotated[str | None, _labels(PaymentStatus, "Completed")]
DeliveryStatuses = Annotated[str | None, _labels(DeliveryStatus, "In Transit")]
Ids = Annotated[
    str | None,
    QueryParameter(
        description=f"Only these purchases: up to {MAX_IDS} ids with commas between",
        schema_extra={"pattern": f"^{IDS}$"},
    ),
]
BookId = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only those with this book")
]
PurchaseId = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only of this purchase")
]
ProviderId = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only of this delivery provider")
]
Refunded = Annotated[
    bool | None, QueryParameter(description="Whether a part or all of it was refunded")
]
_DAY = {"format": "date", "examples": ["2026-11-30"]}
CreatedFrom = Annotated[
    str | None,
    QueryParameter(description="First day, in UTC, of what is listed", schema_extra=_DAY),
]
CreatedTo = Annotated[
    str | None,
    QueryParameter(description="Last day, in UTC, which is included", schema_extra=_DAY),
]
AmountBound = Annotated[Decimal | None, QueryParameter(description="An amount, such as 12.50")]
_SORTED = "What the list is sorted by; a minus means descending"
SortedPurchases = Annotated[PurchaseSort, QueryParameter(name="sort", description=_SORTED)]
SortedPayments = Annotated[PaymentSort, QueryParameter(name="sort", description=_SORTED)]
SortedDeliveries = Annotated[DeliverySort, QueryParameter(name="sort", description=_SORTED)]

Position = Annotated[
    str | None,
    QueryParameter(
        name="after",
        max_length=600,
        description="Cursor from the `Link` of the previous page, in the same order",
        schema_extra={"format": "position"},
    ),
]

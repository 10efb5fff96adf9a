"""Bodies of answers about purchases, payments and deliveries, from rows and domain objects."""

from collections.abc import Sequence
from typing import Any

import msgspec

from functions.kit.base.money import from_minor
from functions.kit.data.database import Row
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.moves import delivery_moves
from functions.purchase.domain.payments import Payment, Refund
from functions.purchase.domain.purchases import Status
from functions.purchase.queries.details import Destination
from functions.purchase.schemas.deliveries import AssignmentDetail, AssignmentView, DeliveryEntry
from functions.purchase.schemas.payments import PaymentDetail, PaymentView, RefundView
from functions.purchase.schemas.purchases import ItemView, TimelineView

NOWHERE = {"recipient": None, "city": None, "country": None}


def _destination(destination: Destination | None) -> dict[str, Any]:
    return NOWHERE if destination is None else destination._asdict()


def purchase_members(
    row: Row, items: Sequence[Row], destination: Destination | None
) -> dict[str, Any]:
    """The members of `PurchaseView`."""
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "book_id": items[0]["book_id"] if len(items) == 1 else None,
        "book_name": items[0]["title"] if len(items) == 1 else None,
        "quantity": sum(item["quantity"] for item in items),
        "total_price": from_minor(row["total_minor"]),
        "total_price_minor": row["total_minor"],
        "delivery_fee": from_minor(row["delivery_fee_minor"]),
        "currency": row["currency"],
        "status": Status(row["status"]),
        "provider_id": row["provider_id"],
        **_destination(destination),
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "items": [
            ItemView(
                book_id=item["book_id"],
                book_name=item["title"],
                quantity=item["quantity"],
                unit_price=from_minor(item["unit_price_minor"]),
                unit_price_minor=item["unit_price_minor"],
            )
            for item in items
        ],
    }


def timeline_view(entry: Row, *, owner: int, to_staff: bool) -> TimelineView:
    user_id = entry["user_id"]
    by = "shop" if user_id is None else ("customer" if user_id == owner else "staff")
    return msgspec.convert(
        {
            "status": entry["status"],
            "at": entry["at"],
            "by": by,
            "user_id": user_id if to_staff else None,
        },
        TimelineView,
    )


def _payment_members(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "purchase_id": payment.purchase_id,
        "user_id": payment.user_id,
        "amount": from_minor(payment.amount_minor),
        "amount_minor": payment.amount_minor,
        "refunded": from_minor(payment.refunded_minor),
        "refunded_minor": payment.refunded_minor,
        "refundable": from_minor(payment.refundable_minor),
        "refundable_minor": payment.refundable_minor,
        "currency": payment.currency,
        "method": payment.method,
        "status": str(payment.status),
        "created_at": payment.created_at,
    }


def payment_view(payment: Payment) -> PaymentView:
    return PaymentView(**_payment_members(payment))


def payment_detail(payment: Payment, refunds: Sequence[Refund], *, to_staff: bool) -> PaymentDetail:
    views = [refund_view(refund, to_staff=to_staff) for refund in refunds]
    return PaymentDetail(**_payment_members(payment), refunds=views)


def refund_view(refund: Refund, *, to_staff: bool) -> RefundView:
    return RefundView(
        id=refund.id,
        payment_id=refund.payment_id,
        amount=from_minor(refund.amount_minor),
        amount_minor=refund.amount_minor,
        reason=refund.reason,
        status=_refund_status(refund),
        created_at=refund.created_at,
        requested_by=refund.requested_by if to_staff else None,
    )


def _refund_status(refund: Refund) -> str:
    if refund.settled:
        return "Paid"
    return "Refused" if refund.refused else "Owed"


def _assignment_members(
    delivery: Delivery, destination: Destination | None, *, to_staff: bool
) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "purchase_id": delivery.purchase_id,
        "provider_id": delivery.provider_id,
        "provider_name": delivery.provider_name,
        "status": delivery.status,
        "moves": delivery_moves(delivery) if to_staff else [],
        **_destination(destination),
        "created_at": delivery.created_at,
        "updated_at": delivery.updated_at,
    }


def assignment_view(
    delivery: Delivery, destination: Destination | None, *, to_staff: bool
) -> AssignmentView:
    return AssignmentView(**_assignment_members(delivery, destination, to_staff=to_staff))


def assignment_detail(
    delivery: Delivery, timeline: Sequence[Row], destination: Destination | None, *, to_staff: bool
) -> AssignmentDetail:
    entries = [
        DeliveryEntry(
            status=DeliveryStatus(entry["status"]),
            at=entry["at"],
            user_id=entry["user_id"] if to_staff else None,
        )
        for entry in timeline
    ]
    members = _assignment_members(delivery, destination, to_staff=to_staff)
    return AssignmentDetail(**members, timeline=entries)

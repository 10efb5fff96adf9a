"""Rows of payments and refunds."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row
from functions.purchase.domain.payments import Payment, PaymentOutcome, PaymentStatus, Refund
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import PaymentNotFound
from functions.purchase.storage.statements import insert, update

_BEFORE_REQUESTS = timedelta(seconds=30)
"""How long a payment without `in_flight_until`, which an older release stored, is in flight."""

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
    return replace(payment, id=await insert(database, "payments", _payment_columns(payment)))


async def update_payment(database: Database, payment: Payment) -> None:
    """Store a payment. The caller holds the lock of its purchase."""
    await update(database, "payments", payment.id, _payment_columns(payment))


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
        requested_by=row["requested_by"],
        created_at=row["created_at"],
    )


async def insert_refund(database: Database, refund: Refund) -> Refund:
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
        "requested_by": refund.requested_by,
    }
    return replace(refund, id=await insert(database, "refunds", columns))


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

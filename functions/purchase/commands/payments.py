"""Pay and give back: the tables say what is known, before and after each call to the provider.

No transaction is open while the provider is asked. A payment that was sent and not answered stays
`Processing`; `reconcile_payments` asks what became of it. Money that arrives for a purchase that
has ended meanwhile is given back, so none is ever both paid and expired.
"""

import uuid
from datetime import datetime, timedelta

from piccolo.querystring import QueryString

from functions.kit.database import Database, Row, transactional
from functions.kit.outbox import Outbox
from functions.purchase import events
from functions.purchase.commands.lifecycle import bump, lock_purchase, move
from functions.purchase.domain import PaymentStatus, Status, check_payment_method
from functions.purchase.errors import (
    AlreadyPaid,
    AmountMismatch,
    IllegalMove,
    NotRefundable,
    OverRefund,
    PaymentInProgress,
    PaymentNotFound,
    PurchaseExpired,
    PurchaseNotFound,
)
from functions.purchase.payment_provider import Charge, PaymentProvider, ProviderUnreachable
from functions.purchase.tables import Payment, Refund

RECONCILE_AFTER = timedelta(seconds=30)
"""How long a payment may be without an answer before the provider is asked."""
GIVE_UP_AFTER = timedelta(minutes=2)
"""How long the provider may not know a payment before it counts as never made."""
BATCH = 100


@transactional
async def begin_payment(
    database: Database,
    purchase_id: int,
    method: str,
    amount_minor: int | None,
    *,
    user_id: int,
    staff: bool,
    now: datetime,
) -> Row:
    """A payment that is about to be sent; the one under way, where the same is sent again.

    Raises `PurchaseNotFound`, `AlreadyPaid`, `PurchaseExpired`, `IllegalMove`, `AmountMismatch`,
    `CardNumberRefused` or `PaymentInProgress`.
    """
    check_payment_method(method)
    purchase = await lock_purchase(database, purchase_id)
    if not staff and purchase["user_id"] != user_id:
        raise PurchaseNotFound(f"There is no purchase {purchase_id}.")
    _check_payable(purchase, now)
    if amount_minor is not None and amount_minor != purchase["total_minor"]:
        raise AmountMismatch(
            f"Purchase {purchase_id} costs {purchase['total_minor']} minor units.",
            total_minor=purchase["total_minor"],
        )
    under_way = await database.execute(
        QueryString(
            "SELECT * FROM payments WHERE purchase_id = {} AND status = {} ORDER BY id",
            purchase_id,
            str(PaymentStatus.PROCESSING),
        )
    )
    for row in under_way.rows:
        if row["method"] == method:
            found: Row = row
            return found
        raise PaymentInProgress("Wait for its outcome.", retry_after=30, payment_id=row["id"])
    created = await database.execute(
        Payment.insert(
            Payment(
                purchase_id=purchase_id,
                user_id=purchase["user_id"],
                amount_minor=purchase["total_minor"],
                refunded_minor=0,
                currency=purchase["currency"],
                method=method,
                status=str(PaymentStatus.PROCESSING),
                reference=str(uuid.uuid4()),
                created_at=now,
            )
        )
    )
    return await _payment(database, created.rows[0]["id"])


def _check_payable(purchase: Row, now: datetime) -> None:
    status = Status(purchase["status"])
    if status is Status.PENDING:
        if purchase["expires_at"] <= now:
            raise PurchaseExpired("Buy again; the copies are free.")
    elif status is Status.EXPIRED:
        raise PurchaseExpired("Buy again; the copies are free.")
    elif status is Status.CANCELLED:
        raise IllegalMove("It was cancelled.", status_actual=str(status))
    else:
        raise AlreadyPaid(f"It is {status}.", status_actual=str(status))


@transactional
async def record_charge(
    database: Database, payment_id: int, charge: Charge, *, outbox: Outbox, now: datetime
) -> Row:
    """Write down what became of a payment; the row as it stands then. Once only has an effect."""
    purchase = await lock_purchase(database, (await _payment(database, payment_id))["purchase_id"])
    payment = await _payment(database, payment_id)
    if payment["status"] != PaymentStatus.PROCESSING:
        return payment
    if charge is not Charge.CAPTURED:
        await _set_status(database, payment, PaymentStatus.FAILED)
        revision = await bump(database, purchase)
        await outbox.add(database, events.payment(events.PAYMENT_FAILED, payment, revision))
        return payment
    await _set_status(database, payment, PaymentStatus.COMPLETED)
    revision = await bump(database, purchase)
    await outbox.add(database, events.payment(events.PAYMENT_SUCCEEDED, payment, revision))
    if purchase["status"] == Status.PENDING:
        await move(
            database, purchase, Status.PAID, user_id=payment["user_id"], outbox=outbox, now=now
        )
    else:
        reason = f"the purchase was {purchase['status']} when the money came"
        await _give_back(
            database, purchase, payment, payment["amount_minor"], reason, outbox=outbox, now=now
        )
    return payment


@transactional
async def refund_payment(
    database: Database,
    payment_id: int,
    amount_minor: int | None,
    reason: str,
    *,
    user_id: int,
    outbox: Outbox,
    now: datetime,
) -> Row:
    """Give money back, all that is left where no amount is said; the refund's row.

    All of it, while the purchase is only paid, ends the purchase and frees its copies.
    Raises `PaymentNotFound`, `NotRefundable` or `OverRefund`.
    """
    purchase = await lock_purchase(database, (await _payment(database, payment_id))["purchase_id"])
    payment = await _payment(database, payment_id)
    if payment["status"] == PaymentStatus.REFUNDED:
        raise OverRefund("All of it has been given back.", refundable_minor=0)
    if payment["status"] != PaymentStatus.COMPLETED or purchase["status"] == Status.ON_DELIVERY:
        raise NotRefundable(
            f"The payment is {payment['status']}, the purchase {purchase['status']}."
        )
    left = payment["amount_minor"] - payment["refunded_minor"]
    amount = left if amount_minor is None else amount_minor
    if amount > left or amount == 0:
        raise OverRefund(f"{left} minor units are left to give back.", refundable_minor=left)
    refund = await _give_back(database, purchase, payment, amount, reason, outbox=outbox, now=now)
    if payment["status"] == PaymentStatus.REFUNDED and purchase["status"] == Status.PAID:
        await move(database, purchase, Status.REFUNDED, user_id=user_id, outbox=outbox, now=now)
    return refund


async def _give_back(
    database: Database,
    purchase: Row,
    payment: Row,
    amount_minor: int,
    reason: str,
    *,
    outbox: Outbox,
    now: datetime,
) -> Row:
    """Owe the money back; `settle_refunds` makes the provider pay it."""
    created = await database.execute(
        Refund.insert(
            Refund(
                payment_id=payment["id"],
                amount_minor=amount_minor,
                reason=reason[:200],
                reference=str(uuid.uuid4()),
                settled=False,
                created_at=now,
            )
        )
    )
    payment["refunded_minor"] += amount_minor
    status = (
        PaymentStatus.REFUNDED
        if payment["refunded_minor"] == payment["amount_minor"]
        else PaymentStatus.COMPLETED
    )
    await _set_status(database, payment, status)
    revision = await bump(database, purchase)
    await outbox.add(database, events.payment(events.PAYMENT_REFUNDED, payment, revision))
    return {"id": created.rows[0]["id"], "amount_minor": amount_minor, "settled": False}


async def reconcile_payments(
    database: Database, provider: PaymentProvider, *, outbox: Outbox, now: datetime
) -> int:
    """Ask the provider about payments that were never answered; answers how many are known now."""
    outcome = await database.execute(
        QueryString(
            "SELECT id, reference, method, created_at FROM payments"
            " WHERE status = {} AND created_at <= {} ORDER BY id LIMIT {}",
            str(PaymentStatus.PROCESSING),
            now - RECONCILE_AFTER,
            BATCH,
        )
    )
    known = 0
    for row in outcome.rows:
        try:
            charge = await provider.find(row["reference"], row["method"])
        except ProviderUnreachable:
            continue
        if charge is Charge.UNKNOWN and row["created_at"] > now - GIVE_UP_AFTER:
            continue
        await record_charge(database, row["id"], charge, outbox=outbox, now=now)
        known += 1
    return known


async def settle_refunds(database: Database, provider: PaymentProvider) -> int:
    """Make the provider pay what is owed back; answers how many refunds are paid now."""
    outcome = await database.execute(
        QueryString(
            "SELECT r.id, r.reference, r.amount_minor, p.reference AS charge, p.currency"
            " FROM refunds r JOIN payments p ON p.id = r.payment_id"
            " WHERE r.settled = {} ORDER BY r.id LIMIT {}",
            False,
            BATCH,
        )
    )
    settled = 0
    for row in outcome.rows:
        try:
            await provider.refund(
                row["reference"], row["charge"], row["amount_minor"], row["currency"]
            )
        except ProviderUnreachable:
            continue
        await database.execute(
            QueryString("UPDATE refunds SET settled = {} WHERE id = {}", True, row["id"])
        )
        settled += 1
    return settled


async def _payment(database: Database, payment_id: int) -> Row:
    outcome = await database.execute(
        QueryString("SELECT * FROM payments WHERE id = {}", payment_id)
    )
    if not outcome.rows:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    row: Row = outcome.rows[0]
    return row


async def _set_status(database: Database, payment: Row, status: PaymentStatus) -> None:
    payment["status"] = str(status)
    await database.execute(
        QueryString(
            "UPDATE payments SET status = {}, refunded_minor = {} WHERE id = {}",
            payment["status"],
            payment["refunded_minor"],
            payment["id"],
        )
    )

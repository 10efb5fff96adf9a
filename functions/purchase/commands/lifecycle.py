"""Cancel and expire unpaid purchases."""

from collections.abc import Sequence
from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, is_in, transactional
from functions.kit.events.outbox import Outbox
from functions.purchase import storage
from functions.purchase.domain import transitions
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import PurchaseNotFound

EXPIRY_BATCH = 100

_OVERDUE = (
    "SELECT p.id FROM purchases p WHERE p.status = {} AND p.expires_at <= {} AND {}"
    " AND NOT EXISTS (SELECT 1 FROM payments y WHERE y.purchase_id = p.id AND y.status = {})"
    " ORDER BY p.expires_at LIMIT {}"
)
"""Overdue purchases, except those with an open payment."""


@transactional
async def cancel_purchase(
    database: Database,
    purchase_id: int,
    *,
    user_id: int,
    staff: bool,
    outbox: Outbox,
    now: datetime,
) -> Status:
    """Cancel an unpaid purchase and release its copies. Returns the resulting status.

    Raises `PurchaseNotFound` (also for another's purchase), `PaymentInProgress` or `IllegalMove`.
    """
    purchase = await storage.lock_purchase(database, purchase_id)
    if not staff and purchase.user_id != user_id:
        raise PurchaseNotFound.of(purchase_id)
    open_payment = await storage.open_payment(database, purchase_id)
    transition = transitions.cancel(purchase, open_payment=open_payment, now=now)
    if transition is None:
        return purchase.status
    by = user_id if transition.purchase.status is Status.CANCELLED else None
    await storage.store(database, purchase, transition, by=by, outbox=outbox, now=now)
    return transition.purchase.status


async def expire_purchases(database: Database, *, outbox: Outbox, now: datetime) -> int:
    """Expire every overdue purchase. Returns how many. A background task calls it."""
    return await _expire(database, QueryString("1 = 1"), outbox=outbox, now=now)


async def expire_overdue(
    database: Database,
    *,
    book_ids: Sequence[int],
    user_id: int | None,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Expire the overdue purchases of some books and of one user.

    Afterwards no overdue purchase of them holds copies, except those with an open payment.
    """
    condition = QueryString(
        "(p.user_id = {} OR EXISTS (SELECT 1 FROM purchase_items i WHERE i.purchase_id = p.id"
        " AND {}))",
        -1 if user_id is None else user_id,
        is_in("i.book_id", book_ids) if book_ids else QueryString("1 = 0"),
    )
    await _expire(database, condition, outbox=outbox, now=now)


async def _expire(
    database: Database, condition: QueryString, *, outbox: Outbox, now: datetime
) -> int:
    expired = 0
    while True:
        outcome = await database.execute(
            QueryString(
                _OVERDUE,
                str(Status.PENDING),
                now,
                condition,
                str(PaymentStatus.PROCESSING),
                EXPIRY_BATCH,
            )
        )
        ended = [
            await expire_purchase(database, row["id"], outbox=outbox, now=now)
            for row in outcome.rows
        ]
        expired += sum(ended)
        if len(ended) < EXPIRY_BATCH or not any(ended):
            return expired


@transactional
async def expire_purchase(
    database: Database, purchase_id: int, *, outbox: Outbox, now: datetime
) -> bool:
    """Expire a purchase that is overdue and has no open payment. Returns whether it did."""
    purchase = await storage.lock_purchase(database, purchase_id)
    open_payment = await storage.open_payment(database, purchase_id)
    transition = transitions.expire(purchase, open_payment=open_payment, now=now)
    if transition is None:
        return False
    await storage.store(database, purchase, transition, by=None, outbox=outbox, now=now)
    return True

"""Pay and give back: the tables say what is known, before and after each call to the provider.

A payment takes three steps. (a) One transaction binds the request's Idempotency-Key to a new
payment, which holds its purchase. (b) The provider is asked, outside any transaction. (c) One
transaction records the answer and completes the key. A process may end between any two of them:
`reconciliation.py` asks the provider again, and does (c).
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import NamedTuple, TypeVar

from functions.kit.base.clock import Clock
from functions.kit.base.errors import RequestInProgress, Text
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.kit.http import idempotency
from functions.kit.http.idempotency import Scope
from functions.purchase import payment_answers, storage
from functions.purchase.commands.lifecycle import expire_purchase
from functions.purchase.domain import moves
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.moves import Moved, NewPayment
from functions.purchase.domain.payments import Payment, PaymentOutcome, Refund
from functions.purchase.domain.purchases import Purchase
from functions.purchase.errors import PurchaseExpired, PurchaseNotFound
from functions.purchase.payment_provider import (
    Charge,
    PaymentProvider,
    ProviderUnreachable,
    RefundRefused,
    Report,
)
from functions.purchase.storage import OwedRefund

T = TypeVar("T")

logger = logging.getLogger(__name__)

ROUTE = "POST /payment"
"""Of the idempotency keys of payments."""


class Begun(NamedTuple):
    """The payment of a request; `new` where this request has made it."""

    payment: Payment
    new: bool


async def pay_purchase(
    database: Database,
    provider: PaymentProvider,
    purchase_id: int,
    wanted: NewPayment,
    *,
    scope: Scope | None,
    staff: bool,
    outbox: Outbox,
    clock: Clock,
) -> Begun:
    """Pay a purchase in full; the payment as far as it has come when the answer is due.

    A request that is sent again under its key is answered with what became of the first, and
    charges nothing. Raises what `begin_payment` raises; then nothing was charged.
    """
    try:
        begun = await begin_payment(
            database, provider, purchase_id, wanted,
            scope=scope, staff=staff, outbox=outbox, clock=clock,
        )  # fmt: skip
    except PurchaseExpired:
        # It may be overdue only. Its copies are free when the caller reads that they are.
        await expire_purchase(database, purchase_id, outbox=outbox, now=clock())
        raise
    payment = begun.payment
    if begun.new and payment.is_open:
        payment = await _charge(database, provider, payment, outbox=outbox, clock=clock)
    elif payment.is_in_flight(clock()):
        raise RequestInProgress(
            Text(
                "Envíe la misma solicitud de nuevo; se responde lo que resultó de la primera.",
                "Send the same request again; it is answered with what became of the first.",
            ),
            retry_after=1,
        )
    elif payment.is_open:
        payment = await _resume(database, provider, payment, outbox=outbox, clock=clock)
    return begun._replace(payment=payment)


@transactional
async def begin_payment(
    database: Database,
    provider: PaymentProvider,
    purchase_id: int,
    wanted: NewPayment,
    *,
    scope: Scope | None,
    staff: bool,
    outbox: Outbox,
    clock: Clock,
) -> Begun:
    """Step (a): a new payment that holds its purchase, or the one that this key has made.

    Nobody is asked to charge nothing: a free purchase is paid here. Raises `PurchaseNotFound`
    (also for another's purchase), `IdempotencyKeyReused`, and what `moves.begin_payment` raises.
    """
    if scope is not None and not await idempotency.claim(database, scope, clock=clock):
        known = await storage.payment_of_request(database, scope.user_id, scope.key)
        if known is not None:
            return Begun(known, new=False)
    now = clock()
    purchase = await storage.lock_purchase(database, purchase_id)
    if not staff and purchase.user_id != wanted.requested_by:
        raise PurchaseNotFound(
            Text(f"No hay compra {purchase_id}.", f"There is no purchase {purchase_id}.")
        )
    payment = moves.begin_payment(
        purchase,
        wanted,
        open_payment=await storage.open_payment(database, purchase_id),
        reference=str(uuid.uuid4()),
        answers_within=provider.answers_within,
        now=now,
    )
    payment = await storage.insert_payment(database, payment)
    if not payment.needs_provider:
        moved = moves.record_capture(purchase, payment, refund_reference="", now=now)
        assert moved is not None and moved.payment is not None  # noqa: PT018, S101 - it is new
        await storage.store(
            database, purchase, moved, by=payment.requested_by, outbox=outbox, now=now
        )
        payment = moved.payment
        await _complete_key(database, payment)
    return Begun(payment, new=True)


async def _charge(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Step (b), and (c) with the answer; where none comes, the payment stays open."""
    try:
        if not payment.is_in_flight(clock()):  # this process stood still; others may have begun
            raise ProviderUnreachable("the time to ask was over before it began")
        charge = await ask(
            provider.capture(
                payment.reference, payment.method, payment.amount_minor, payment.currency
            ),
            provider.answers_within,
        )
    except ProviderUnreachable as error:
        logger.warning("payment %d has no answer from %s: %s", payment.id, provider.name, error)
        return await _leave_open(database, payment, clock=clock)
    return await record(database, provider, payment, charge, outbox=outbox, clock=clock)


async def _resume(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Go on with an open payment whose request is sent again; the payment then.

    The provider is asked what became of it. Where it never heard of it, because the first process
    ended before it asked, the charge is sent once more, under the same reference.
    """
    payment = await ask_again(database, provider, payment, outbox=outbox, clock=clock)
    if not payment.may_be_resumed(clock(), provider.final_after):
        return payment
    resumed = await _take_over(database, provider, payment, clock=clock)
    if resumed is None:
        return payment
    return await _charge(database, provider, resumed, outbox=outbox, clock=clock)


@transactional
async def _take_over(
    database: Database, provider: PaymentProvider, payment: Payment, *, clock: Clock
) -> Payment | None:
    """The payment in flight once more; None where somebody else was faster."""
    await _lock(database, payment)
    current = await storage.payment(database, payment.id)
    if not current.may_be_resumed(clock(), provider.final_after):
        return None
    current = current.resumed(clock(), provider.answers_within)
    await storage.update_payment(database, current)
    return current


async def ask(call: Awaitable[T], limit: timedelta) -> T:
    """A provider's answer, waited for no longer than the limit.

    Raises `RefundRefused`, or `ProviderUnreachable` for whatever else goes wrong: after an error
    nobody knows whether money was moved.
    """
    try:
        async with asyncio.timeout(limit.total_seconds()):
            return await call
    except (RefundRefused, ProviderUnreachable):
        raise
    except TimeoutError as error:
        raise ProviderUnreachable(f"no answer within {limit.total_seconds():g} s") from error
    except Exception as error:
        raise ProviderUnreachable(f"{type(error).__name__}: {error}") from error


async def ask_again(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Ask the provider what became of an open payment, and record it; the payment then."""
    try:
        charge = await ask(provider.find(payment.reference), provider.answers_within)
    except ProviderUnreachable as error:
        logger.warning("payment %d: %s does not answer: %s", payment.id, provider.name, error)
        charge = Charge.PENDING
    return await record(database, provider, payment, charge, outbox=outbox, clock=clock)


@transactional
async def _leave_open(database: Database, payment: Payment, *, clock: Clock) -> Payment:
    await _lock(database, payment)
    current = await storage.payment(database, payment.id)
    if current.is_open:
        current = current.left_open(clock())
        await storage.update_payment(database, current)
    return current


async def _lock(database: Database, payment: Payment) -> Purchase:
    return await storage.lock_purchase(database, payment.purchase_id)


@transactional
async def record(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    charge: Charge,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Step (c): write down what the provider says, and complete the key; the payment then.

    What is known already changes nothing, so it may be said any number of times.
    """
    now = clock()
    purchase = await _lock(database, payment)
    payment = await storage.payment(database, payment.id)
    moved: Moved | None = None
    if charge is Charge.CAPTURED:
        moved = moves.record_capture(purchase, payment, refund_reference=str(uuid.uuid4()), now=now)
    elif charge is Charge.DECLINED:
        moved = moves.record_failure(purchase, payment, PaymentOutcome.DECLINED)
    elif charge is Charge.UNKNOWN and now >= payment.may_charge_until(provider.final_after):
        moved = moves.record_failure(purchase, payment, PaymentOutcome.NOT_CHARGED)
    if moved is not None and moved.payment is not None:
        await storage.store(
            database, purchase, moved, by=payment.requested_by, outbox=outbox, now=now
        )
        await _complete_key(database, moved.payment)
        return moved.payment
    if payment.is_open:
        payment = payment.checked(now)
        await storage.update_payment(database, payment)
    return payment


async def _complete_key(database: Database, payment: Payment) -> None:
    if payment.request_key is None:
        return
    try:
        answer = payment_answers.final(payment)
    except Exception:  # an answer that cannot be written down must not undo the fact
        logger.exception("the answer of payment %d is left to its next request", payment.id)
        return
    await idempotency.complete(
        database, payment.requested_by, ROUTE, payment.request_key, answer.status, answer.body
    )


async def record_report(
    database: Database,
    provider: PaymentProvider,
    report: Report,
    *,
    outbox: Outbox,
    clock: Clock,
) -> None:
    """Write down what a webhook says, or look where it says nothing final."""
    payment = await storage.payment_of_reference(database, report.reference)
    if payment is None:
        logger.error("%s reports the unknown charge %r", provider.name, report.reference[:100])
    elif report.charge in {Charge.CAPTURED, Charge.DECLINED}:
        await record(database, provider, payment, report.charge, outbox=outbox, clock=clock)
    elif payment.is_open and not payment.is_in_flight(clock()):
        await ask_again(database, provider, payment, outbox=outbox, clock=clock)


@transactional
async def refund_payment(
    database: Database,
    payment_id: int,
    amount_minor: int | None,
    reason: str,
    *,
    user_id: int,
    outbox: Outbox,
    clock: Clock,
) -> Moved:
    """Owe money back to the buyer, all that is left where no amount is said.

    Raises `PaymentNotFound`, `NotRefundable`, `OverRefund` or `CardNumberRefused`.
    """
    check_no_card_number("reason", reason)
    now = clock()
    purchase = await _lock(database, await storage.payment(database, payment_id))
    moved = moves.refund(
        purchase,
        await storage.payment(database, payment_id),
        amount_minor,
        reason,
        reference=str(uuid.uuid4()),
        now=now,
    )
    return await storage.store(database, purchase, moved, by=user_id, outbox=outbox, now=now)


async def settle_refund(
    database: Database, provider: PaymentProvider, owed: OwedRefund, *, clock: Clock
) -> bool:
    """Make the provider give back what is owed; whether it did. A failure is tried again later."""
    refund: Refund = owed.refund
    try:
        await ask(
            provider.refund(
                refund.reference, owed.charge_reference, refund.amount_minor, owed.currency
            ),
            provider.answers_within,
        )
    except RefundRefused as error:
        logger.error("%s refuses refund %d: %s", provider.name, refund.id, error)  # noqa: TRY400
        after = refund.postponed(clock(), refused=True)
    except ProviderUnreachable as error:
        logger.warning("refund %d is not confirmed: %s", refund.id, error)
        after = refund.postponed(clock(), refused=False)
    else:
        after = refund.paid()
    await storage.update_refund(database, after)
    return after.settled

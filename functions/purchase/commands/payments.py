"""Pay and refund. The tables record what is known before and after each call to the provider.

A payment takes three steps. (a) A transaction binds the request's Idempotency-Key to a new payment,
which locks its purchase against changes. (b) The provider is called, outside any transaction. (c) A
transaction records the answer and completes the key. If a process ends between two steps,
`reconciliation.py` queries the provider and runs (c).
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import NamedTuple, TypeVar

from functions.kit.base.clock import Clock
from functions.kit.base.errors import RequestInProgress, Text
from functions.kit.data import idempotency_keys
from functions.kit.data.database import Database, transactional
from functions.kit.data.idempotency_keys import Scope
from functions.kit.events.outbox import Outbox
from functions.purchase import payment_answers, storage
from functions.purchase.commands.lifecycle import expire_purchase
from functions.purchase.domain import transitions
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.payments import Payment, PaymentOutcome, Refund
from functions.purchase.domain.purchases import Purchase
from functions.purchase.domain.transitions import NewPayment, Transition
from functions.purchase.errors import PurchaseExpired, PurchaseNotFound
from functions.purchase.metrics import count_money
from functions.purchase.payment_provider import (
    Charge,
    ChargeReport,
    PaymentProvider,
    ProviderUnreachable,
    RefundRefused,
)
from functions.purchase.storage import OwedRefund

T = TypeVar("T")

logger = logging.getLogger(__name__)

ROUTE = "POST /payment"
"""The route of the idempotency keys of payments."""


class StartedPayment(NamedTuple):
    """The payment of a request; `new` if this request created it."""

    payment: Payment
    new: bool


async def pay_purchase(
    database: Database,
    provider: PaymentProvider,
    purchase_id: int,
    new_payment: NewPayment,
    *,
    scope: Scope | None,
    staff: bool,
    outbox: Outbox,
    clock: Clock,
) -> StartedPayment:
    """Pay a purchase in full. Returns the payment, which may still be open.

    A request that is repeated under its key gets the outcome of the first and charges nothing.
    Raises what `begin_payment` raises; nothing was charged then.
    """
    try:
        started = await begin_payment(
            database, provider, purchase_id, new_payment,
            scope=scope, staff=staff, outbox=outbox, clock=clock,
        )  # fmt: skip
    except PurchaseExpired:
        # It may still be stored as pending, and the refusal says that its copies are available.
        await expire_purchase(database, purchase_id, outbox=outbox, now=clock())
        raise
    payment = started.payment
    if started.new and payment.is_open:
        payment = await _charge(database, provider, payment, outbox=outbox, clock=clock)
    elif payment.is_in_flight(clock()):
        raise RequestInProgress(
            Text(
                "Envíe la misma solicitud de nuevo: recibirá el resultado de la primera.",
                "Send the same request again: the response has the outcome of the first.",
            ),
            retry_after=1,
        )
    elif payment.is_open:
        payment = await _resume(database, provider, payment, outbox=outbox, clock=clock)
    return started._replace(payment=payment)


@transactional
async def begin_payment(
    database: Database,
    provider: PaymentProvider,
    purchase_id: int,
    new_payment: NewPayment,
    *,
    scope: Scope | None,
    staff: bool,
    outbox: Outbox,
    clock: Clock,
) -> StartedPayment:
    """Step (a): create an open payment, or return the one that this key created before.

    A free purchase is paid here, without the provider. Raises `PurchaseNotFound` (also for
    another's purchase), `IdempotencyKeyReused`, and what `transitions.begin_payment` raises.
    """
    if scope is not None and not await idempotency_keys.claim(database, scope, clock=clock):
        known = await storage.payment_of_request(database, scope.user_id, scope.key)
        if known is not None:
            return StartedPayment(known, new=False)
    now = clock()
    purchase = await storage.lock_purchase(database, purchase_id)
    if not staff and purchase.user_id != new_payment.requested_by:
        raise PurchaseNotFound.of(purchase_id)
    payment = transitions.begin_payment(
        purchase,
        new_payment,
        open_payment=await storage.open_payment(database, purchase_id),
        reference=str(uuid.uuid4()),
        answers_within=provider.answers_within,
        now=now,
    )
    payment = await storage.insert_payment(database, payment)
    if not payment.needs_provider:
        transition = transitions.record_capture(purchase, payment, refund_reference="", now=now)
        assert transition is not None and transition.payment is not None  # noqa: PT018, S101 - new
        await storage.store(
            database, purchase, transition, by=payment.requested_by, outbox=outbox, now=now
        )
        payment = transition.payment
        count_money(outbox.metrics, transition, captured=True)
        await _complete_key(database, payment)
    return StartedPayment(payment, new=True)


async def _charge(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Steps (b) and (c). Without an answer the payment stays open."""
    try:
        # If this process was paused, another one may have resumed the payment.
        if not payment.is_in_flight(clock()):
            raise ProviderUnreachable("its time limit had passed before it was called")
        charge = await call_provider(
            provider.capture(
                payment.reference, payment.method, payment.amount_minor, payment.currency
            ),
            provider.answers_within,
        )
    except ProviderUnreachable as error:
        logger.warning("payment %d: no answer from %s: %s", payment.id, provider.name, error)
        return await _leave_open(database, payment, clock=clock)
    return await record_charge(database, provider, payment, charge, outbox=outbox, clock=clock)


async def _resume(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Continue an open payment whose request was repeated. Returns its new state.

    If the provider does not know the charge, because the first process ended before it called, the
    charge is sent again under the same reference.
    """
    payment = await recheck_payment(database, provider, payment, outbox=outbox, clock=clock)
    if not payment.may_be_resumed(clock(), provider.final_after):
        return payment
    resumed = await _claim_resumption(database, provider, payment, clock=clock)
    if resumed is None:
        return payment
    return await _charge(database, provider, resumed, outbox=outbox, clock=clock)


@transactional
async def _claim_resumption(
    database: Database, provider: PaymentProvider, payment: Payment, *, clock: Clock
) -> Payment | None:
    """Mark the payment as in flight again; None where another process has done so."""
    await _lock_purchase_of(database, payment)
    current = await storage.payment(database, payment.id)
    if not current.may_be_resumed(clock(), provider.final_after):
        return None
    current = current.resumed(clock(), provider.answers_within)
    await storage.update_payment(database, current)
    return current


async def call_provider(call: Awaitable[T], limit: timedelta) -> T:
    """Await a call to the provider, at most for `limit`.

    Raises `RefundRefused`, or `ProviderUnreachable` for any other error: money may have been moved
    in spite of it.
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


async def recheck_payment(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Query the provider about an open payment and record the answer. Returns its new state."""
    try:
        charge = await call_provider(provider.find(payment.reference), provider.answers_within)
    except ProviderUnreachable as error:
        logger.warning("payment %d: no answer from %s: %s", payment.id, provider.name, error)
        charge = Charge.PENDING
    return await record_charge(database, provider, payment, charge, outbox=outbox, clock=clock)


@transactional
async def _leave_open(database: Database, payment: Payment, *, clock: Clock) -> Payment:
    await _lock_purchase_of(database, payment)
    current = await storage.payment(database, payment.id)
    if current.is_open:
        current = current.left_open(clock())
        await storage.update_payment(database, current)
    return current


async def _lock_purchase_of(database: Database, payment: Payment) -> Purchase:
    return await storage.lock_purchase(database, payment.purchase_id)


@transactional
async def record_charge(
    database: Database,
    provider: PaymentProvider,
    payment: Payment,
    charge: Charge,
    *,
    outbox: Outbox,
    clock: Clock,
) -> Payment:
    """Step (c): record the provider's answer and complete the key. Returns the new state.

    Idempotent: an answer that is recorded already changes nothing.
    """
    now = clock()
    purchase = await _lock_purchase_of(database, payment)
    payment = await storage.payment(database, payment.id)
    transition: Transition | None = None
    if charge is Charge.CAPTURED:
        transition = transitions.record_capture(
            purchase, payment, refund_reference=str(uuid.uuid4()), now=now
        )
    elif charge is Charge.DECLINED:
        transition = transitions.record_failure(purchase, payment, PaymentOutcome.DECLINED)
    elif charge is Charge.UNKNOWN and now >= payment.may_charge_until(provider.final_after):
        transition = transitions.record_failure(purchase, payment, PaymentOutcome.NOT_CHARGED)
    if transition is not None and transition.payment is not None:
        await storage.store(
            database, purchase, transition, by=payment.requested_by, outbox=outbox, now=now
        )
        count_money(outbox.metrics, transition, captured=charge is Charge.CAPTURED)
        await _complete_key(database, transition.payment)
        return transition.payment
    if payment.is_open:
        payment = payment.checked(now)
        await storage.update_payment(database, payment)
    return payment


async def _complete_key(database: Database, payment: Payment) -> None:
    if payment.request_key is None:
        return
    try:
        answer = payment_answers.final(payment)
    except Exception:  # a response that cannot be stored must not roll back the outcome
        logger.exception(
            "the response of payment %d was not stored; its next request renders it", payment.id
        )
        return
    await idempotency_keys.complete(
        database, payment.requested_by, ROUTE, payment.request_key, answer.status, answer.body
    )


async def record_report(
    database: Database,
    provider: PaymentProvider,
    report: ChargeReport,
    *,
    outbox: Outbox,
    clock: Clock,
) -> None:
    """Record a final outcome that a webhook reports; for any other report, query the provider."""
    payment = await storage.payment_of_reference(database, report.reference)
    if payment is None:
        logger.error("%s reported an unknown charge: %r", provider.name, report.reference[:100])
    elif report.charge in {Charge.CAPTURED, Charge.DECLINED}:
        await record_charge(database, provider, payment, report.charge, outbox=outbox, clock=clock)
    elif payment.is_open and not payment.is_in_flight(clock()):
        await recheck_payment(database, provider, payment, outbox=outbox, clock=clock)


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
) -> Transition:
    """Create a refund, of the whole refundable amount where `amount_minor` is None.

    Raises `PaymentNotFound`, `NotRefundable`, `OverRefund` or `CardNumberRefused`.
    """
    check_no_card_number("reason", reason)
    now = clock()
    purchase = await _lock_purchase_of(database, await storage.payment(database, payment_id))
    transition = transitions.refund(
        purchase,
        await storage.payment(database, payment_id),
        amount_minor,
        reason,
        reference=str(uuid.uuid4()),
        now=now,
        requested_by=user_id,
    )
    count_money(outbox.metrics, transition)
    return await storage.store(database, purchase, transition, by=user_id, outbox=outbox, now=now)


async def settle_refund(
    database: Database, provider: PaymentProvider, owed: OwedRefund, *, clock: Clock
) -> bool:
    """Have the provider pay a refund. Returns whether it did; failures are retried later."""
    refund: Refund = owed.refund
    try:
        await call_provider(
            provider.refund(
                refund.reference, owed.charge_reference, refund.amount_minor, owed.currency
            ),
            provider.answers_within,
        )
    except RefundRefused as error:
        logger.error("%s refused refund %d: %s", provider.name, refund.id, error)  # noqa: TRY400
        updated = refund.postponed(clock(), refused=True)
    except ProviderUnreachable as error:
        logger.warning("refund %d was not confirmed: %s", refund.id, error)
        updated = refund.postponed(clock(), refused=False)
    else:
        updated = refund.paid()
    await storage.update_refund(database, updated)
    return updated.settled

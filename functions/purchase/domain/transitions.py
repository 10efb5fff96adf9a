"""Transitions of a purchase together with its payments, deliveries and copies.

Each function takes loaded objects and returns the objects to store, without I/O. Commands load,
call one of these functions, and store its `Transition`.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.kit.base.money import money
from functions.purchase.domain.cards import check_no_card_number
from functions.purchase.domain.deliveries import PURCHASE_STATUS, Delivery, DeliveryStatus
from functions.purchase.domain.payments import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    Refund,
    check_unlocked,
)
from functions.purchase.domain.purchases import Purchase, Status
from functions.purchase.errors import AlreadyAssigned, AmountMismatch, IllegalMove, NotPaid


class Fact(NamedTuple):
    """A state to publish, of a purchase or a part of it, at a revision of the purchase."""

    state: Purchase | Payment | Delivery
    revision: int
    user_id: int = 0
    """The buyer, for a delivery, which does not name them."""


class Transition(NamedTuple):
    """A change that was decided: the objects to store and the facts to publish."""

    purchase: Purchase
    facts: tuple[Fact, ...] = ()
    payment: Payment | None = None
    refund: Refund | None = None
    delivery: Delivery | None = None


class NewPayment(NamedTuple):
    """A request to pay a purchase."""

    method: str
    amount_minor: int | None
    """None for the total of the purchase."""
    requested_by: int
    request_key: str | None
    language: str


def begin_payment(
    purchase: Purchase,
    requested: NewPayment,
    *,
    open_payment: Payment | None,
    reference: str,
    answers_within: timedelta,
    now: datetime,
) -> Payment:
    """A new open payment, before the provider is called. While open it blocks other changes.

    `answers_within` is how long the caller waits for the provider. Raises `AlreadyPaid`,
    `PurchaseExpired`, `PurchaseCancelled`, `PurchaseRefunded`, `PaymentInProgress`,
    `AmountMismatch` or `CardNumberRefused`.
    """
    check_no_card_number("payment_method", requested.method)
    if purchase.awaits_payment:
        check_unlocked(open_payment, now)
    purchase.check_payable(now)
    if requested.amount_minor not in (None, purchase.total_minor):
        raise AmountMismatch(
            Text(
                f"La compra {purchase.id} cuesta {money(purchase.total_minor, purchase.currency)}.",
                f"Purchase {purchase.id} costs {money(purchase.total_minor, purchase.currency)}.",
            ),
            total_minor=purchase.total_minor,
        )
    return Payment(
        purchase_id=purchase.id,
        user_id=purchase.user_id,
        amount_minor=purchase.total_minor,
        currency=purchase.currency,
        method=requested.method,
        reference=reference,
        created_at=now,
        requested_by=requested.requested_by,
        request_key=requested.request_key,
        language=requested.language,
        in_flight_until=now + answers_within,
        check_at=now + answers_within,
    )


def record_capture(
    purchase: Purchase, payment: Payment, *, refund_reference: str, now: datetime
) -> Transition | None:
    """The provider has charged the payment: it pays the purchase, or is refunded at once.

    None if the capture is recorded already. The payment's status and age do not matter.
    """
    if payment.is_charged:
        return None
    payment = payment.captured()
    purchase = purchase.revised()
    facts = [Fact(payment, purchase.revision)]
    if purchase.awaits_payment:
        payment = payment.concluded(PaymentOutcome.PAID)
        purchase = purchase.to(Status.PAID)
        return Transition(purchase, (*facts, Fact(purchase, purchase.revision)), payment)
    payment = payment.concluded(PaymentOutcome.RETURNED, purchase.status)
    if not payment.needs_provider:
        return Transition(purchase, tuple(facts), payment.end_free())
    reason = f"the purchase was {purchase.status} when the money came"
    payment, refund = payment.with_refund(
        payment.amount_minor, reason, reference=refund_reference, now=now
    )
    purchase = purchase.revised()
    return Transition(purchase, (*facts, Fact(payment, purchase.revision)), payment, refund)


def record_failure(
    purchase: Purchase, payment: Payment, outcome: PaymentOutcome
) -> Transition | None:
    """The provider will never charge the payment. None where the payment is not open."""
    if not payment.is_open:
        return None
    payment = payment.failed(outcome)
    purchase = purchase.revised()
    return Transition(purchase, (Fact(payment, purchase.revision),), payment)


def refund(
    purchase: Purchase,
    payment: Payment,
    amount_minor: int | None,
    reason: str,
    *,
    reference: str,
    now: datetime,
    requested_by: int | None = None,
) -> Transition:
    """Create a refund, of the whole refundable amount where `amount_minor` is None.

    A full refund ends a purchase that is paid and not assigned, and releases its copies. A free
    purchase ends the same way, without a refund. Raises `NotRefundable` or `OverRefund`.
    """
    payment.check_refundable(purchase.status)
    made: Refund | None = None
    if payment.needs_provider or amount_minor:
        amount = payment.refundable_minor if amount_minor is None else amount_minor
        payment, made = payment.with_refund(
            amount, reason, reference=reference, now=now, requested_by=requested_by
        )
    else:
        payment = payment.end_free()
    purchase = purchase.revised()
    facts = [Fact(payment, purchase.revision)]
    if payment.status is PaymentStatus.REFUNDED and purchase.status is Status.PAID:
        purchase = purchase.to(Status.REFUNDED)
        facts.append(Fact(purchase, purchase.revision))
    return Transition(purchase, tuple(facts), payment, made)


def cancel(purchase: Purchase, *, open_payment: Payment | None, now: datetime) -> Transition | None:
    """Cancel an unpaid purchase; an overdue one expires instead. None if it was cancelled before.

    Raises `PaymentInProgress`, or `IllegalMove` for a purchase that is paid or has ended.
    """
    if purchase.status is Status.CANCELLED:
        return None
    if purchase.awaits_payment:
        check_unlocked(open_payment, now)
    return _ended(purchase, Status.EXPIRED if purchase.is_overdue(now) else Status.CANCELLED)


def expire(purchase: Purchase, *, open_payment: Payment | None, now: datetime) -> Transition | None:
    """Expire an overdue purchase. None if it is not overdue, or a payment of it is open."""
    if not purchase.is_overdue(now) or open_payment is not None:
        return None
    return _ended(purchase, Status.EXPIRED)


def _ended(purchase: Purchase, status: Status) -> Transition:
    purchase = purchase.to(status)
    return Transition(purchase, (Fact(purchase, purchase.revision),))


def assign(
    purchase: Purchase, *, provider_id: int, provider_name: str, now: datetime
) -> Transition:
    """Assign a paid purchase to a delivery provider.

    Raises `AlreadyAssigned` or `NotPaid`.
    """
    status = purchase.status
    if status in {Status.ON_DELIVERY, Status.DELIVERED}:
        raise AlreadyAssigned(
            Text(f"Está en {status}.", f"It is {status}."), status_actual=str(status)
        )
    if status is not Status.PAID:
        raise NotPaid(Text(f"Está en {status}.", f"It is {status}."), status_actual=str(status))
    delivery = Delivery(
        purchase_id=purchase.id,
        provider_id=provider_id,
        provider_name=provider_name,
        status=DeliveryStatus.ASSIGNED,
        created_at=now,
        updated_at=now,
    )
    purchase = purchase.to(Status.ON_DELIVERY)
    fact = Fact(delivery, purchase.revision, purchase.user_id)
    return Transition(purchase, (fact,), delivery=delivery)


def report_delivery(
    purchase: Purchase, delivery: Delivery, target: DeliveryStatus, now: datetime
) -> Transition:
    """Record the progress of a delivery. Its end changes the status of the purchase.

    Raises `IllegalMove`.
    """
    delivery = delivery.to(target, now)
    if target in PURCHASE_STATUS:
        purchase = purchase.to(PURCHASE_STATUS[target])
    else:
        purchase = purchase.revised()
    fact = Fact(delivery, purchase.revision, purchase.user_id)
    return Transition(purchase, (fact,), delivery=delivery)


_ROUTES = {
    Status.PAID: Text("POST /payment la paga", "POST /payment pays it"),
    Status.ON_DELIVERY: Text(
        "POST /assignments la asigna a un proveedor", "POST /assignments assigns it to a provider"
    ),
    Status.REFUNDED: Text(
        "POST /payments/{id}/refunds devuelve el dinero",
        "POST /payments/{id}/refunds refunds it",
    ),
    Status.EXPIRED: Text("expira por sí sola", "it expires by itself"),
}


def check_settable(purchase: Purchase, target: Status) -> DeliveryStatus | None:
    """Check a status that `PUT /purchase/{id}` sets. Returns the end of the delivery that it means.

    None means `Cancelled`. Raises `IllegalMove`, which names the route for any other status.
    """
    purchase.check_transition(target)
    if target is Status.CANCELLED:
        return None
    if purchase.status is Status.ON_DELIVERY:
        if target is Status.DELIVERED:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.FAILED
    raise IllegalMove(
        Text(
            f"No se cambia por aquí: {_ROUTES[target].es}.",
            f"It is not set here: {_ROUTES[target]}.",
        ),
        status_actual=str(purchase.status),
    )

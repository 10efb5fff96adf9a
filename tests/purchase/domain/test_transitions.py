"""The rules of selling, on the objects alone: whatever comes, in whatever order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.kit.base.errors import DomainError
from functions.purchase.domain import transitions
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.payments import Payment, PaymentOutcome, PaymentStatus, Refund
from functions.purchase.domain.purchases import (
    HOLDS_STOCK,
    TRANSITIONS,
    Status,
    StockEffect,
)
from functions.purchase.domain.transitions import Fact, NewPayment, Transition
from functions.purchase.errors import (
    AlreadyAssigned,
    AlreadyPaid,
    AmountMismatch,
    CardNumberRefused,
    IllegalMove,
    NotPaid,
    NotRefundable,
    OverRefund,
    PaymentInProgress,
    PurchaseCancelled,
    PurchaseExpired,
    PurchaseRefunded,
)
from tests.purchase.domain.examples import (
    LIMIT,
    NOW,
    PAYMENT,
    TOTAL_MINOR,
    begin,
    capture,
    purchase,
)
from tests.purchase.domain.refusals import refused

DELIVERY = Delivery(
    purchase_id=1,
    provider_id=4,
    provider_name="Lento",
    status=DeliveryStatus.ASSIGNED,
    created_at=NOW,
    updated_at=NOW,
)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (Status.PAID, AlreadyPaid),
        (Status.ON_DELIVERY, AlreadyPaid),
        (Status.DELIVERED, AlreadyPaid),
        (Status.CANCELLED, PurchaseCancelled),
        (Status.EXPIRED, PurchaseExpired),
        (Status.REFUNDED, PurchaseRefunded),
    ],
)
def test_a_payment_of_an_unpayable_purchase_is_refused_by_its_status(
    status: Status, refusal: type[DomainError]
) -> None:
    """Each status has a code of its own."""
    with pytest.raises(refusal):
        begin(purchase(status))


def test_a_payment_has_the_total_and_no_card_number() -> None:
    """Another amount and a card number as the method are refused."""
    assert begin(purchase(), amount_minor=3090).amount_minor == 3090
    for wrong in (3089, 3091, 0):
        with pytest.raises(AmountMismatch):
            begin(purchase(), amount_minor=wrong)
    with pytest.raises(CardNumberRefused) as caught:
        begin(purchase(), method="4111 1111 1111 1111")
    assert [error.field for error in caught.value.errors] == ["payment_method"]


def test_an_open_payment_locks_its_purchase() -> None:
    """It is neither paid again, nor cancelled, nor expired until the payment has an outcome."""
    waiting = purchase()
    payment = begin(waiting)
    late = NOW + timedelta(hours=1)
    with pytest.raises(PaymentInProgress):
        begin(waiting, payment)
    with pytest.raises(PaymentInProgress):
        transitions.cancel(waiting, open_payment=payment, now=NOW)

    assert transitions.expire(waiting, open_payment=payment, now=late) is None
    assert transitions.expire(waiting, open_payment=None, now=late) is not None


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(
    "believed", [PaymentStatus.PROCESSING, PaymentStatus.FAILED], ids=["open", "failed"]
)
def test_a_capture_is_recorded_in_any_status(status: Status, believed: PaymentStatus) -> None:
    """It pays a pending purchase; any other purchase is refunded at once."""
    payment = replace(begin(purchase()), status=believed)
    transition = capture(purchase(status), payment)

    assert transition is not None
    assert transition.payment is not None
    if status is Status.PENDING:
        assert transition.purchase.status is Status.PAID
        assert transition.refund is None
        assert transition.payment.outcome is PaymentOutcome.PAID
    else:
        assert transition.purchase.status is status
        assert transition.refund is not None
        assert transition.refund.amount_minor == payment.amount_minor
        assert transition.payment.status is PaymentStatus.REFUNDED
        assert transition.payment.outcome_status is status
    assert capture(transition.purchase, transition.payment) is None


def test_a_recorded_outcome_never_changes() -> None:
    """A failed payment that is charged later pays the purchase, but keeps its outcome."""
    failed = transitions.record_failure(purchase(), begin(purchase()), PaymentOutcome.NOT_CHARGED)

    assert failed is not None
    assert failed.payment is not None
    transition = capture(failed.purchase, failed.payment)
    assert transition is not None
    assert transition.payment is not None
    assert transition.payment.status is PaymentStatus.COMPLETED
    assert transition.payment.outcome is PaymentOutcome.NOT_CHARGED


def test_a_free_purchase_is_refunded_without_a_refund() -> None:
    """No refund is created, and the copies are released."""
    paid = capture(purchase(free=True), begin(purchase(free=True)))

    assert paid is not None
    assert paid.payment is not None
    ended = transitions.refund(paid.purchase, paid.payment, None, "x", reference="r", now=NOW)
    assert ended.refund is None
    assert ended.payment is not None
    assert ended.purchase.status is Status.REFUNDED
    assert ended.purchase.stock_effect(Status.PAID) is StockEffect.RELEASE
    with pytest.raises(OverRefund):
        transitions.refund(ended.purchase, ended.payment, None, "x", reference="r", now=NOW)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_only_the_documented_transitions_are_possible(before: Status, after: Status) -> None:
    """Each transition increments the revision; the last one releases or fulfils the copies."""
    start = purchase(before)
    if after not in TRANSITIONS[before]:
        with pytest.raises(IllegalMove):
            start.to(after)
        return
    transition = start.to(after)

    assert (transition.status, transition.revision) == (after, start.revision + 1)
    if before in HOLDS_STOCK and after not in HOLDS_STOCK:
        expected = StockEffect.FULFIL if after is Status.DELIVERED else StockEffect.RELEASE
        assert transition.stock_effect(before) is expected
    else:
        assert transition.stock_effect(before) is None


def test_a_new_payment_has_what_was_requested() -> None:
    """Of the buyer, also where staff requests it; in flight for as long as the caller waits."""
    begun = transitions.begin_payment(
        purchase(),
        NewPayment("tok_success", TOTAL_MINOR, requested_by=1, request_key="key", language="en"),
        open_payment=None,
        reference="ref",
        answers_within=LIMIT,
        now=NOW,
    )

    assert begun == replace(
        PAYMENT, id=0, method="tok_success", requested_by=1, request_key="key", language="en"
    )


def test_another_amount_is_refused_with_the_right_one() -> None:
    """It is the total of the purchase."""
    with refused(
        AmountMismatch,
        "La compra 1 cuesta 30.90 USD.",
        "Purchase 1 costs 30.90 USD.",
        total_minor=TOTAL_MINOR,
    ):
        begin(purchase(), amount_minor=3089)


def test_a_capture_is_a_fact_and_so_is_the_paid_purchase() -> None:
    """The payment at one revision, the purchase at the next."""
    transition = capture(purchase(), PAYMENT)
    captured = replace(PAYMENT, status=PaymentStatus.COMPLETED)
    paid = replace(purchase(Status.PAID), revision=3)

    assert transition == Transition(
        paid,
        (Fact(captured, 2), Fact(paid, 3)),
        replace(captured, outcome=PaymentOutcome.PAID),
    )


def test_a_late_capture_is_returned() -> None:
    """The refund is of all of it, with the status of the purchase as its reason."""
    transition = capture(purchase(Status.CANCELLED), PAYMENT)
    assert transition is not None
    captured = replace(PAYMENT, status=PaymentStatus.COMPLETED)
    returned = replace(
        PAYMENT,
        status=PaymentStatus.REFUNDED,
        outcome=PaymentOutcome.RETURNED,
        outcome_status=Status.CANCELLED,
        refunded_minor=TOTAL_MINOR,
    )

    assert transition.purchase == replace(purchase(Status.CANCELLED), revision=3)
    assert transition.facts == (Fact(captured, 2), Fact(returned, 3))
    assert transition.payment == returned
    assert transition.refund == Refund(
        payment_id=5,
        amount_minor=TOTAL_MINOR,
        reason="the purchase was Cancelled when the money came",
        reference="r",
        next_attempt_at=NOW,
        created_at=NOW,
    )


def test_a_late_capture_of_a_free_purchase_is_returned_without_a_refund() -> None:
    """No money moved."""
    free = replace(PAYMENT, amount_minor=0)
    transition = capture(replace(purchase(free=True), status=Status.EXPIRED), free)
    assert transition is not None

    assert transition.payment == replace(
        free,
        status=PaymentStatus.REFUNDED,
        outcome=PaymentOutcome.RETURNED,
        outcome_status=Status.EXPIRED,
    )
    assert (transition.refund, transition.purchase.revision) == (None, 2)
    assert transition.facts == (Fact(replace(free, status=PaymentStatus.COMPLETED), 2),)


def test_a_failure_is_a_fact_once() -> None:
    """The purchase can be paid again."""
    transition = transitions.record_failure(purchase(), PAYMENT, PaymentOutcome.DECLINED)
    failed = replace(PAYMENT, status=PaymentStatus.FAILED, outcome=PaymentOutcome.DECLINED)

    assert transition == Transition(replace(purchase(), revision=2), (Fact(failed, 2),), failed)
    assert transitions.record_failure(purchase(), failed, PaymentOutcome.NOT_CHARGED) is None


def completed(**changes: Any) -> Payment:
    fields = {"status": PaymentStatus.COMPLETED, "outcome": PaymentOutcome.PAID} | changes
    return replace(PAYMENT, **fields)


def test_a_partial_refund_leaves_the_purchase_paid() -> None:
    """The rest ends it, and each step is a fact."""
    part = transitions.refund(
        purchase(Status.PAID), completed(), 90, "why", reference="one", now=NOW
    )
    assert part.payment is not None
    rest = transitions.refund(part.purchase, part.payment, None, "all", reference="two", now=NOW)
    refunded = completed(refunded_minor=TOTAL_MINOR, status=PaymentStatus.REFUNDED)
    ended = replace(purchase(Status.REFUNDED), revision=4)

    assert part.purchase == replace(purchase(Status.PAID), revision=2)
    assert part.facts == (Fact(completed(refunded_minor=90), 2),)
    assert part.refund == Refund(
        payment_id=5,
        amount_minor=90,
        reason="why",
        reference="one",
        next_attempt_at=NOW,
        created_at=NOW,
    )
    assert (rest.refund and rest.refund.amount_minor, rest.refund and rest.refund.reference) == (
        3000,
        "two",
    )
    assert (rest.purchase, rest.payment) == (ended, refunded)
    assert rest.facts == (Fact(refunded, 3), Fact(ended, 4))


def test_nothing_is_refunded_during_a_delivery() -> None:
    """The status of the purchase counts, not that of the payment alone."""
    with pytest.raises(NotRefundable):
        transitions.refund(
            purchase(Status.ON_DELIVERY), completed(), 90, "x", reference="r", now=NOW
        )


def test_a_refund_after_the_delivery_leaves_the_purchase_delivered() -> None:
    """The copies have left the shop."""
    transition = transitions.refund(
        purchase(Status.DELIVERED), completed(), None, "x", reference="r", now=NOW
    )

    assert transition.purchase == replace(purchase(Status.DELIVERED), revision=2)
    assert [fact.revision for fact in transition.facts] == [2]


@pytest.mark.parametrize("amount_minor", [0, 1])
def test_an_amount_of_a_free_purchase(amount_minor: int) -> None:
    """Nothing can be given back, so only 0 is accepted."""
    free = completed(amount_minor=0)
    if amount_minor:
        with pytest.raises(OverRefund):
            transitions.refund(
                purchase(Status.PAID, free=True), free, amount_minor, "x", reference="r", now=NOW
            )
        return
    transition = transitions.refund(
        purchase(Status.PAID, free=True), free, amount_minor, "x", reference="r", now=NOW
    )

    assert transition.purchase.status is Status.REFUNDED


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(0, Status.CANCELLED), (899, Status.CANCELLED), (900, Status.EXPIRED)],
)
def test_an_unpaid_purchase_is_cancelled_or_expires(seconds: int, status: Status) -> None:
    """Its time to pay decides which; an overdue one expires by itself as well."""
    now = NOW + timedelta(seconds=seconds)
    ended = replace(purchase(status), revision=2)
    expected = Transition(ended, (Fact(ended, 2),))

    assert transitions.cancel(purchase(), open_payment=None, now=now) == expected
    assert transitions.expire(purchase(), open_payment=None, now=now) == (
        expected if status is Status.EXPIRED else None
    )
    assert transitions.cancel(purchase(Status.CANCELLED), open_payment=None, now=now) is None


def test_an_assigned_purchase_is_on_its_way() -> None:
    """With a delivery of the provider's."""
    transition = transitions.assign(
        purchase(Status.PAID), provider_id=4, provider_name="Lento", now=NOW
    )

    assert transition == Transition(
        replace(purchase(Status.ON_DELIVERY), revision=2),
        (Fact(DELIVERY, 2, purchase().user_id),),
        delivery=DELIVERY,
    )


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PAID}))
def test_only_a_paid_purchase_is_assigned(status: Status) -> None:
    """One that is on its way already is refused as such."""
    on_its_way = status in {Status.ON_DELIVERY, Status.DELIVERED}
    kind = AlreadyAssigned if on_its_way else NotPaid

    with refused(kind, f"Está en {status}.", f"It is {status}.", status_actual=str(status)):
        transitions.assign(purchase(status), provider_id=4, provider_name="Lento", now=NOW)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (DeliveryStatus.IN_TRANSIT, Status.ON_DELIVERY),
        (DeliveryStatus.DELIVERED, Status.DELIVERED),
        (DeliveryStatus.FAILED, Status.PAID),
    ],
)
def test_the_end_of_a_delivery_moves_its_purchase(target: DeliveryStatus, status: Status) -> None:
    """A failed one can be assigned again; each report is one revision."""
    later = NOW + timedelta(days=1)
    reported = replace(DELIVERY, status=target, updated_at=later)

    assert transitions.report_delivery(
        purchase(Status.ON_DELIVERY), DELIVERY, target, later
    ) == Transition(
        replace(purchase(status), revision=2),
        (Fact(reported, 2, purchase().user_id),),
        delivery=reported,
    )


@pytest.mark.parametrize(
    ("status", "target", "means"),
    [
        (Status.PENDING, Status.CANCELLED, None),
        (Status.ON_DELIVERY, Status.DELIVERED, DeliveryStatus.DELIVERED),
        (Status.ON_DELIVERY, Status.PAID, DeliveryStatus.FAILED),
    ],
)
def test_a_status_that_can_be_set(
    status: Status, target: Status, means: DeliveryStatus | None
) -> None:
    """It cancels the purchase, or ends its delivery."""
    assert transitions.check_settable(purchase(status), target) is means


@pytest.mark.parametrize(
    ("status", "target", "spanish", "english"),
    [
        (Status.PENDING, Status.PAID, "POST /payment la paga", "POST /payment pays it"),
        (Status.PENDING, Status.EXPIRED, "expira por sí sola", "it expires by itself"),
        (
            Status.PAID,
            Status.ON_DELIVERY,
            "POST /assignments la asigna a un proveedor",
            "POST /assignments assigns it to a provider",
        ),
        (
            Status.PAID,
            Status.REFUNDED,
            "POST /payments/{id}/refunds devuelve el dinero",
            "POST /payments/{id}/refunds refunds it",
        ),
    ],
)
def test_a_status_that_is_not_set_names_its_route(
    status: Status, target: Status, spanish: str, english: str
) -> None:
    """A status is the result of what happened."""
    with refused(
        IllegalMove,
        f"No se cambia por aquí: {spanish}.",
        f"It is not set here: {english}.",
        status_actual=str(status),
    ):
        transitions.check_settable(purchase(status), target)


def test_a_status_that_cannot_follow_is_not_set() -> None:
    """The refusal lists those that can."""
    with pytest.raises(IllegalMove, match="it can become: Delivered, Paid"):
        transitions.check_settable(purchase(Status.ON_DELIVERY), Status.CANCELLED)

"""The rules of a payment and its refunds, at their bounds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.purchase.domain.payments import (
    PaymentOutcome,
    PaymentStatus,
    Refund,
    check_unlocked,
)
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import NotRefundable, OverRefund, PaymentInProgress
from tests.purchase.domain.examples import LIMIT, NOW, PAYMENT, TOTAL_MINOR
from tests.purchase.domain.refusals import refused

SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
COMPLETED = replace(PAYMENT, status=PaymentStatus.COMPLETED, outcome=PaymentOutcome.PAID)
REFUND = Refund(
    id=3,
    payment_id=5,
    amount_minor=90,
    reason="damaged",
    reference="refund-ref",
    next_attempt_at=NOW,
    created_at=NOW,
)


@pytest.mark.parametrize(
    ("before", "seconds"),
    [(0, 5), (1, 10), (2, 20), (7, 640), (12, 20_480), (13, 21_600), (1000, 21_600)],
)
def test_retries_of_a_refund_are_further_and_further_apart(before: int, seconds: int) -> None:
    """The pause doubles from 5 seconds to 6 hours."""
    refund = replace(REFUND, attempts=before).postponed(NOW, refused=True)

    assert refund == replace(
        REFUND,
        attempts=before + 1,
        refused=True,
        next_attempt_at=NOW + timedelta(seconds=seconds),
    )


def test_a_refund_is_marked_as_paid_or_as_refused() -> None:
    """The last attempt decides whether an operator has to resolve it."""
    refund = REFUND.postponed(NOW, refused=True)

    assert refund.postponed(NOW, refused=False).refused is False
    assert refund.paid() == replace(refund, settled=True, refused=False)


@pytest.mark.parametrize(("before", "seconds"), [(0, 5), (1, 10), (6, 320), (7, 600), (1000, 600)])
def test_queries_of_a_payment_are_further_and_further_apart(before: int, seconds: int) -> None:
    """The pause doubles from 5 seconds to 10 minutes."""
    checked = replace(PAYMENT, checks=before).checked(NOW)

    assert checked == replace(PAYMENT, checks=before + 1, check_at=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_payment_is_in_flight_until_its_limit(status: PaymentStatus) -> None:
    """Only while it is open, and no longer at the limit itself."""
    payment = replace(PAYMENT, status=status)

    assert payment.is_in_flight(NOW + LIMIT - MICROSECOND) == payment.is_open
    assert not payment.is_in_flight(NOW + LIMIT)


def test_a_payment_can_be_resumed_after_its_flight_and_before_the_end() -> None:
    """The request that created it is over, and the provider still knows the reference."""
    final = timedelta(seconds=60)

    assert not PAYMENT.may_be_resumed(NOW + LIMIT - MICROSECOND, final)
    assert PAYMENT.may_be_resumed(NOW + LIMIT, final)
    assert PAYMENT.may_be_resumed(NOW + final - MICROSECOND, final)
    assert not PAYMENT.may_be_resumed(NOW + final, final)
    assert not COMPLETED.may_be_resumed(NOW + LIMIT, final)
    assert PAYMENT.may_charge_until(final) == NOW + LIMIT + final


def test_a_resumed_payment_is_in_flight_again() -> None:
    """For as long as a new one would be."""
    later = NOW + timedelta(minutes=1)

    assert PAYMENT.resumed(later, LIMIT) == replace(
        PAYMENT, in_flight_until=later + LIMIT, check_at=later + LIMIT
    )


@pytest.mark.parametrize("seconds", [0, 10, 20])
def test_an_unanswered_payment_is_no_longer_in_flight(seconds: int) -> None:
    """It is queried 5 seconds later; a flight that was over keeps its end."""
    later = NOW + timedelta(seconds=seconds)

    assert PAYMENT.left_open(later) == replace(
        PAYMENT, in_flight_until=min(later, NOW + LIMIT), check_at=later + 5 * SECOND
    )


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_captured_payment_is_completed(status: PaymentStatus) -> None:
    """From every status; its outcome is left."""
    payment = replace(PAYMENT, status=status, outcome=PaymentOutcome.NOT_CHARGED)

    assert payment.captured() == replace(payment, status=PaymentStatus.COMPLETED)


def test_the_first_outcome_of_a_payment_is_kept() -> None:
    """Callers got it already."""
    failed = PAYMENT.failed(PaymentOutcome.DECLINED)

    assert failed == replace(PAYMENT, status=PaymentStatus.FAILED, outcome=PaymentOutcome.DECLINED)
    assert failed.failed(PaymentOutcome.NOT_CHARGED) == failed
    assert failed.concluded(PaymentOutcome.RETURNED, Status.CANCELLED) == failed


def test_a_concluded_payment_has_its_outcome() -> None:
    """And the purchase's status where the money is returned."""
    assert PAYMENT.concluded(PaymentOutcome.PAID) == replace(PAYMENT, outcome=PaymentOutcome.PAID)
    assert PAYMENT.concluded(PaymentOutcome.RETURNED, Status.EXPIRED) == replace(
        PAYMENT, outcome=PaymentOutcome.RETURNED, outcome_status=Status.EXPIRED
    )


def test_a_part_and_the_rest_are_refunded() -> None:
    """The payment is refunded when nothing is left."""
    part, first = COMPLETED.with_refund(90, "x" * 201, reference="one", now=NOW)
    whole, second = part.with_refund(3000, "rest", reference="two", now=NOW + SECOND)

    assert part == replace(COMPLETED, refunded_minor=90)
    assert first == Refund(
        payment_id=5,
        amount_minor=90,
        reason="x" * 200,
        reference="one",
        next_attempt_at=NOW,
        created_at=NOW,
    )
    assert whole == replace(COMPLETED, refunded_minor=TOTAL_MINOR, status=PaymentStatus.REFUNDED)
    assert (second.amount_minor, second.reference) == (3000, "two")
    assert second.created_at == second.next_attempt_at == NOW + SECOND
    assert (part.refundable_minor, whole.refundable_minor) == (3000, 0)


@pytest.mark.parametrize("amount_minor", [-1, 0, 3001])
def test_no_more_than_what_is_left_is_refunded(amount_minor: int) -> None:
    """The refusal names what can still be refunded."""
    part, _ = COMPLETED.with_refund(90, "x", reference="one", now=NOW)

    with refused(
        OverRefund,
        "Aún se pueden devolver 30.00 USD.",
        "30.00 USD can still be refunded.",
        refundable_minor=3000,
    ):
        part.with_refund(amount_minor, "x", reference="two", now=NOW)


def test_the_smallest_refund_is_one_minor_unit() -> None:
    """A cent."""
    payment, refund = COMPLETED.with_refund(1, "x", reference="one", now=NOW)

    assert (payment.refunded_minor, refund.amount_minor) == (1, 1)


@pytest.mark.parametrize("status", [PaymentStatus.PROCESSING, PaymentStatus.FAILED])
def test_nothing_is_refunded_of_what_was_not_charged(status: PaymentStatus) -> None:
    """Neither before the outcome nor after a decline."""
    payment = replace(PAYMENT, status=status)

    assert payment.refundable_minor == 0
    with refused(
        NotRefundable,
        f"El pago está en {status}: no hay dinero que devolver.",
        f"The payment is {status}: there is no money to refund.",
    ):
        payment.check_refundable(Status.PAID)


def test_a_payment_is_refunded_in_full_once() -> None:
    """Of a purchase in any status."""
    with refused(
        OverRefund, "Ya fue devuelto todo.", "It was refunded in full.", refundable_minor=0
    ):
        replace(COMPLETED, status=PaymentStatus.REFUNDED).check_refundable(Status.REFUNDED)


def test_nothing_is_refunded_during_a_delivery() -> None:
    """Its end decides whether the copies come back."""
    with refused(
        NotRefundable,
        "La compra está en camino: espere el fin de su entrega.",
        "The purchase is on its way: wait for the end of its delivery.",
    ):
        COMPLETED.check_refundable(Status.ON_DELIVERY)
    for status in set(Status) - {Status.ON_DELIVERY}:
        COMPLETED.check_refundable(status)


def test_a_free_payment_is_ended_once() -> None:
    """Without a refund, since no money moved."""
    free = replace(COMPLETED, amount_minor=0)
    ended = free.end_free()

    assert ended == replace(free, status=PaymentStatus.REFUNDED)
    with refused(OverRefund, "Ya fue devuelto.", "It was refunded before.", refundable_minor=0):
        ended.end_free()


@pytest.mark.parametrize(("amount_minor", "needs"), [(0, False), (1, True)])
def test_an_amount_needs_the_provider(amount_minor: int, needs: bool) -> None:
    """A free purchase is paid without it."""
    assert replace(PAYMENT, amount_minor=amount_minor).needs_provider is needs


@pytest.mark.parametrize(("seconds", "wait"), [(0, 10.0), (8, 2.0), (9.5, 1.0), (3600, 1.0)])
def test_an_open_payment_says_how_long_to_wait(seconds: float, wait: float) -> None:
    """Until its limit, and at least a second."""
    with pytest.raises(PaymentInProgress) as caught:
        check_unlocked(PAYMENT, NOW + timedelta(seconds=seconds))

    assert caught.value.retry_after == wait


def test_an_open_payment_is_named_in_the_refusal() -> None:
    """A purchase without one is unlocked."""
    check_unlocked(None, NOW)
    with refused(
        PaymentInProgress,
        "Un pago de esta compra aún no está decidido. Espere su resultado.",
        "A payment of this purchase has no outcome yet. Wait for it.",
        payment_id=5,
    ):
        check_unlocked(PAYMENT, NOW)


def test_a_payment_is_charged_when_it_is_completed_or_refunded() -> None:
    """Only then does the provider have the money, or had it."""
    charged = {each for each in PaymentStatus if replace(PAYMENT, status=each).is_charged}

    assert charged == {PaymentStatus.COMPLETED, PaymentStatus.REFUNDED}

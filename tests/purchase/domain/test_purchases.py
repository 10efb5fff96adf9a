"""The rules of a purchase by itself: its price, its time to pay, its statuses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.kit.base.errors import DomainError
from functions.purchase.domain.purchases import (
    TRANSITIONS,
    Line,
    Offer,
    Purchase,
    Status,
    StockEffect,
    total_minor,
)
from functions.purchase.errors import (
    AlreadyPaid,
    BookRetired,
    IllegalMove,
    PriceChanged,
    PurchaseCancelled,
    PurchaseExpired,
    PurchaseRefunded,
)
from tests.purchase.domain.examples import LINES, NOW, purchase
from tests.purchase.domain.refusals import refused

MICROSECOND = timedelta(microseconds=1)
OFFER = Offer(1, "Libro", 1990, "USD", retired=False)


def test_a_new_purchase_awaits_its_payment() -> None:
    """Its lines are in the order of their books; the fee of the delivery is part of the total."""
    placed = Purchase.place(
        7, LINES[::-1], currency="EUR", delivery_fee_minor=250, provider_id=4, now=NOW
    )

    assert placed == Purchase(
        user_id=7,
        status=Status.PENDING,
        lines=LINES,
        delivery_fee_minor=250,
        total_minor=3340,
        currency="EUR",
        provider_id=4,
        revision=1,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )


def test_the_time_to_pay_can_be_set() -> None:
    """A setting of the service."""
    placed = Purchase.place(
        7,
        LINES,
        currency="USD",
        delivery_fee_minor=0,
        provider_id=None,
        time_to_pay=timedelta(seconds=1),
        now=NOW,
    )

    assert placed.expires_at == NOW + timedelta(seconds=1)


def test_a_total_is_each_price_times_its_copies_and_the_fee() -> None:
    """In minor units."""
    assert total_minor([Line(1, 3, "a", 7), Line(2, 2, "b", 11)], 5) == 48
    assert total_minor([], 0) == 0


@pytest.mark.parametrize("status", Status)
def test_only_an_unpaid_purchase_is_overdue(status: Status) -> None:
    """From the moment at which its time to pay is over."""
    of_status = purchase(status)
    unpaid = status is Status.PENDING

    assert not of_status.is_overdue(of_status.expires_at - MICROSECOND)
    assert of_status.is_overdue(of_status.expires_at) is unpaid
    assert of_status.awaits_payment is unpaid
    assert of_status.has_ended is (not TRANSITIONS[status])


AGAIN = "Compre de nuevo; los ejemplares están libres.", "Buy again; the copies are free."


@pytest.mark.parametrize(
    ("status", "kind", "spanish", "english"),
    [
        (Status.EXPIRED, PurchaseExpired, *AGAIN),
        (
            Status.CANCELLED,
            PurchaseCancelled,
            "Compre de nuevo; esta compra fue cancelada.",
            "Buy again; this purchase was cancelled.",
        ),
        (
            Status.REFUNDED,
            PurchaseRefunded,
            "Compre de nuevo; el dinero de esta compra fue devuelto.",
            "Buy again; this purchase was refunded.",
        ),
    ],
)
def test_a_purchase_that_has_ended_cannot_be_paid(
    status: Status, kind: type[DomainError], spanish: str, english: str
) -> None:
    """The refusal says how it ended."""
    with refused(kind, spanish, english):
        purchase(status).check_payable(NOW)


@pytest.mark.parametrize("status", [Status.PAID, Status.ON_DELIVERY, Status.DELIVERED])
def test_a_paid_purchase_cannot_be_paid_again(status: Status) -> None:
    """The refusal has its status."""
    with refused(AlreadyPaid, f"Está en {status}.", f"It is {status}.", status_actual=str(status)):
        purchase(status).check_payable(NOW)


def test_an_overdue_purchase_cannot_be_paid() -> None:
    """Though no process has expired it yet."""
    unpaid = purchase()
    unpaid.check_payable(unpaid.expires_at - MICROSECOND)
    with refused(PurchaseExpired, *AGAIN):
        unpaid.check_payable(unpaid.expires_at)


def test_an_offer_becomes_a_line_at_the_present_price() -> None:
    """A buyer may say which price they expect."""
    assert OFFER.line(2, None) == OFFER.line(2, 1990) == Line(1, 2, "Libro", 1990)


def test_a_price_that_has_changed_is_refused() -> None:
    """The refusal has the present one."""
    with refused(
        PriceChanged,
        "El libro 1 cuesta ahora 19.90 USD.",
        "Book 1 costs 19.90 USD now.",
        book_id=1,
        price_minor_actual=1990,
    ):
        OFFER.line(1, 1850)


def test_a_retired_book_is_refused() -> None:
    """At any price."""
    with refused(
        BookRetired,
        "El libro 1 ya no está a la venta.",
        "Book 1 is not sold any more.",
        book_id=1,
    ):
        OFFER._replace(retired=True).line(1, None)


def test_a_status_that_cannot_follow_is_refused_with_those_that_can() -> None:
    """In the order of their names; a final status has none."""
    with refused(
        IllegalMove,
        "Está en Paid; puede pasar a: On Delivery, Refunded.",
        "It is Paid; it can become: On Delivery, Refunded.",
        status_actual="Paid",
    ):
        purchase(Status.PAID).to(Status.DELIVERED)
    with refused(
        IllegalMove,
        "Está en Expired, y es definitivo.",
        "It is Expired; that is final.",
        status_actual="Expired",
    ):
        purchase(Status.EXPIRED).check_transition(Status.PAID)


def test_a_revision_changes_nothing_else() -> None:
    """It numbers an event about a part of the purchase."""
    assert purchase().revised() == replace(purchase(), revision=2)


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (Status.PENDING, Status.PAID, None),
        (Status.PENDING, Status.EXPIRED, StockEffect.RELEASE),
        (Status.ON_DELIVERY, Status.DELIVERED, StockEffect.FULFIL),
        (Status.CANCELLED, Status.EXPIRED, None),
        (Status.REFUNDED, Status.DELIVERED, None),
    ],
)
def test_copies_leave_a_purchase_once(
    before: Status, after: Status, effect: StockEffect | None
) -> None:
    """When it stops holding them; delivered copies have left the shop."""
    assert purchase(after).stock_effect(before) is effect

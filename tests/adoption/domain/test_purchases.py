"""A purchase's status follows from its money, and no money is lost or invented."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adoption.domain.amounts import FloatValue
from functions.adoption.domain.decisions import Decisions, parse
from functions.adoption.domain.findings import Action, What
from functions.adoption.domain.purchases import (
    PAID,
    PAYMENT,
    Mapped,
    OriginalPayment,
    OriginalPurchase,
    map_purchase,
    received,
)
from functions.purchase.domain.purchases import Status

DEFAULTS = Decisions()


def shown(amount: object) -> FloatValue | None:
    return None if amount is None else FloatValue(Decimal(str(amount)))


def purchase(
    status: str | None = "Paid", total: object = 30, quantity: int = 1
) -> OriginalPurchase:
    return OriginalPurchase(1, 2, 3, quantity, shown(total), status)


def payments(*amounts: object, status: str | None = "Completed") -> list[OriginalPayment]:
    return [
        OriginalPayment(number, 1, shown(amount), "PSE", status)
        for number, amount in enumerate(amounts, 21)
    ]


def mapped(
    row: OriginalPurchase, paid: list[OriginalPayment], decisions: Decisions = DEFAULTS
) -> Mapped:
    return map_purchase(row, paid, 2, decisions, book_exists=True)


@pytest.mark.parametrize(
    ("status", "amounts", "expected", "what"),
    [
        ("Paid", [30], Status.PAID, set()),
        ("Paid", [30, 30], Status.PAID, {What.PAYMENT_AGAIN}),
        ("Paid", [0.01], Status.PENDING, {What.UNDERPAID, What.PAYMENT_PARTIAL}),
        ("Paid", [], Status.PENDING, {What.PAID_WITHOUT_PAYMENT}),
        ("Paid", [10, 20], Status.PAID, {What.PAID_IN_PARTS}),
        ("Paid", [40], Status.PAID, {What.OVERPAID}),
        ("Paid", [10, 30], Status.PAID, {What.PAYMENT_AGAIN}),
        ("Paid", [-30], Status.PENDING, {What.PAYMENT_INVALID, What.PAID_WITHOUT_PAYMENT}),
        ("Pending Payment", [30], Status.PAID, {What.PAID_BUT_PENDING}),
        ("Pending Payment", [], Status.PENDING, set()),
        ("On Delivery", [30], Status.ON_DELIVERY, set()),
        (
            *("Delivered", [5], Status.PENDING),
            {What.UNDERPAID, What.UNDERPAID_SENT, What.PAYMENT_PARTIAL},
        ),
        ("Cancelled", [30], Status.CANCELLED, {What.PAYMENT_NOT_OWED}),
        ("Entregado ", [30], Status.DELIVERED, {What.STATUS_READ}),
        ("EN_CAMINO", [30], Status.ON_DELIVERY, {What.STATUS_READ}),
        ("Enviado 📦", [30], Status.ON_DELIVERY, {What.STATUS_READ}),
        ("???", [30], Status.PAID, {What.STATUS_BY_PAYMENTS}),
        ("???", [], Status.PENDING, {What.STATUS_BY_PAYMENTS}),
        (None, [], Status.PENDING, {What.STATUS_BY_PAYMENTS}),
    ],
)
def test_the_status_follows_from_the_money(
    status: str | None, amounts: list[object], expected: Status, what: set[What]
) -> None:
    """A total of 30 with these payments."""
    done = mapped(purchase(status), payments(*amounts))

    assert done.purchase is not None
    assert done.purchase.status is expected
    assert {each.what for each in done.findings} == what


@pytest.mark.parametrize(
    ("decision", "value", "amounts", "expected"),
    [
        ("underpaid", "cancelled", [1], (Status.CANCELLED, None)),
        ("paid_without_payment", "cancelled", [], (Status.CANCELLED, None)),
        ("paid_without_payment", "paid", [], (Status.PAID, 3000)),
    ],
)
def test_the_owner_decides_about_missing_money(
    decision: str, value: str, amounts: list[object], expected: tuple[Status, int | None]
) -> None:
    """Only a purchase without any payment may be declared paid."""
    done = mapped(purchase(), payments(*amounts), parse({decision: value})).purchase

    assert done is not None
    assert (done.status, done.payment and done.payment.amount_minor) == expected


def test_a_spelling_is_what_the_owner_says() -> None:
    """Instead of what the table of spellings has."""
    decided = parse({"statuses": {"Entregado": "Paid", "Shipped": "by payments"}})
    first = mapped(purchase("Entregado"), payments(30), decided).purchase
    second = mapped(purchase("Shipped"), payments(30), decided).purchase

    assert [each and each.status for each in (first, second)] == [Status.PAID, Status.PAID]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (purchase(quantity=0), What.QUANTITY_INVALID),
        (purchase(quantity=-50), What.QUANTITY_INVALID),
        (purchase(total=None), What.TOTAL_INVALID),
        (purchase(total=-60), What.TOTAL_INVALID),
        (purchase(total=1e30), What.TOTAL_INVALID),
        (purchase()._replace(id=0), What.ID_INVALID),
    ],
)
def test_what_cannot_be_a_purchase_is_refused_with_its_payments(
    row: OriginalPurchase, what: What
) -> None:
    """So that their money is reported."""
    done = mapped(row, payments(30))

    assert done.purchase is None
    assert [(each.what, each.action) for each in done.findings] == [
        (what, Action.REFUSED),
        (What.PAYMENT_ORPHAN, Action.REFUSED),
    ]
    assert done.findings[1].minor == 3000


amounts = st.one_of(
    st.none(), st.floats(-100, 2e6, width=32), st.sampled_from([0, 0.01, 30, 30.3, 1e30])
)


@settings(deadline=None)
@given(
    status=st.one_of(
        st.none(), st.sampled_from(["Paid", "Delivered", "Cancelled", "Pending", "x"])
    ),
    total=amounts,
    quantity=st.integers(-1, 1500),
    paid=st.lists(amounts, max_size=4),
    decisions=st.builds(
        lambda a, b: parse({"underpaid": a, "paid_without_payment": b}),
        st.sampled_from(["pending", "cancelled"]),
        st.sampled_from(["pending", "cancelled", "paid"]),
    ),
)
def test_every_payment_is_moved_or_reported(
    status: str | None,
    total: object,
    quantity: int,
    paid: list[object],
    decisions: Decisions,
) -> None:
    """Received = moved + reported, and what is moved adds up as the audit demands."""
    rows = payments(*paid)
    done = mapped(purchase(status, total, quantity), rows, decisions)
    moved = 0
    if done.purchase is not None:
        made = done.purchase
        payment = made.payment
        moved = payment.amount_minor if payment and payment.id is not None else 0

        assert (made.status in PAID) == (payment is not None)
        assert payment is None or payment.amount_minor == made.total_minor
        assert 0 <= made.fee_minor < made.quantity
    reported = sum(each.minor for each in done.findings if each.table == PAYMENT)

    assert sum(received(row, decisions) for row in rows) == moved + reported


@pytest.mark.parametrize(
    ("status", "amounts", "kept", "refused"),
    [
        ("Paid", [0], 21, []),
        ("Paid", [0, 0, -1], 21, [23, 22]),
        ("Paid", [], None, []),
        ("Pending Payment", [0], None, [21]),
        ("Cancelled", [0, 0], None, [21, 22]),
    ],
)
def test_a_payment_of_nothing_is_kept_or_reported(
    status: str, amounts: list[object], kept: int | None, refused: list[int]
) -> None:
    """For a purchase that costs nothing, as the original sold them."""
    done = mapped(purchase(status, total=0), payments(*amounts))
    payment = done.purchase and done.purchase.payment

    assert (payment and payment.id) == kept
    assert [each.id for each in done.findings if each.what is What.PAYMENT_INVALID] == refused


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"status": "completado"}, What.STATUS_READ),
        ({"method": " PSE "}, What.METHOD_TIDIED),
        ({"method": None}, What.METHOD_TIDIED),
        ({"amount": shown(29.999)}, What.TOTAL_ROUNDED),
    ],
)
def test_a_payment_that_is_not_as_it_was_is_reported(
    changes: dict[str, object], what: What
) -> None:
    """Nothing of it is changed silently."""
    (row,) = payments(30)
    done = mapped(purchase(), [row._replace(**changes)])  # type: ignore[arg-type]

    assert [(each.table, each.id, each.what) for each in done.findings] == [(PAYMENT, 21, what)]

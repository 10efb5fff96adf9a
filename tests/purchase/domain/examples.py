"""A purchase, its payment and its stock, for tests of the rules."""

import uuid
from dataclasses import replace
from datetime import timedelta

from functions.purchase.domain import transitions
from functions.purchase.domain.payments import Payment
from functions.purchase.domain.purchases import Line, Purchase, Status
from functions.purchase.domain.transitions import NewPayment, Transition
from tests.support.clock import FakeClock

NOW = FakeClock()()
LIMIT = timedelta(seconds=10)
LINES = (Line(1, 2, "Libro", 1500), Line(2, 1, "Otro", 90))
TOTAL_MINOR = 3090


def purchase(status: Status = Status.PENDING, *, free: bool = False) -> Purchase:
    lines = [line._replace(unit_price_minor=0) for line in LINES] if free else LINES
    placed = Purchase.place(
        7, lines, currency="USD", delivery_fee_minor=0, provider_id=None, now=NOW
    )
    return replace(placed, id=1, status=status)


PAYMENT = Payment(
    id=5,
    purchase_id=1,
    user_id=7,
    amount_minor=TOTAL_MINOR,
    currency="USD",
    method="cash",
    reference="ref",
    created_at=NOW,
    requested_by=7,
    language="es",
    in_flight_until=NOW + LIMIT,
    check_at=NOW + LIMIT,
)
"""An open payment of the purchase, whose request waits for the provider."""


def begin(of: Purchase, open_payment: Payment | None = None, **wanted: object) -> Payment:
    fields = {"method": "cash", "amount_minor": None, "requested_by": 7} | wanted
    fields = {"request_key": None, "language": "es"} | fields
    return transitions.begin_payment(
        of,
        NewPayment(**fields),  # type: ignore[arg-type]
        open_payment=open_payment,
        reference=str(uuid.uuid4()),
        answers_within=LIMIT,
        now=NOW,
    )


def capture(of: Purchase, payment: Payment) -> Transition | None:
    return transitions.record_capture(of, payment, refund_reference="r", now=NOW)

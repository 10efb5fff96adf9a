"""The rules of selling, on the objects alone: whatever comes, in whatever order."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from functions.kit.base.errors import DomainError
from functions.purchase.domain import moves
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.holdings import HoldingLimits, Holdings
from functions.purchase.domain.moves import Moved, NewPayment
from functions.purchase.domain.payments import Payment, PaymentOutcome, PaymentStatus, Refund
from functions.purchase.domain.purchases import (
    HOLDS_STOCK,
    MOVES,
    Line,
    Offer,
    Purchase,
    Status,
    StockEffect,
)
from functions.purchase.domain.stock import Stock
from functions.purchase.errors import (
    AlreadyPaid,
    AmountMismatch,
    BookRetired,
    CardNumberRefused,
    IllegalMove,
    InsufficientStock,
    OverRefund,
    PaymentInProgress,
    PriceChanged,
    PurchaseCancelled,
    PurchaseExpired,
    PurchaseRefunded,
    StockWouldBeNegative,
    TooManyReservedCopies,
    TooManyUnpaidPurchases,
)
from tests.support.clock import FakeClock

NOW = FakeClock()()
LIMIT = timedelta(seconds=10)
LINES = (Line(1, 2, "Libro", 1500), Line(2, 1, "Otro", 90))


def purchase(status: Status = Status.PENDING, *, free: bool = False) -> Purchase:
    lines = [line._replace(unit_price_minor=0) for line in LINES] if free else LINES
    placed = Purchase.place(
        7, lines, currency="USD", delivery_fee_minor=0, provider_id=None, now=NOW
    )
    return replace(placed, id=1, status=status)


def begin(of: Purchase, open_payment: Payment | None = None, **wanted: object) -> Payment:
    fields = {"method": "cash", "amount_minor": None, "requested_by": 7} | wanted
    fields = {"request_key": None, "language": "es"} | fields
    return moves.begin_payment(
        of,
        NewPayment(**fields),  # type: ignore[arg-type]
        open_payment=open_payment,
        reference=str(uuid.uuid4()),
        answers_within=LIMIT,
        now=NOW,
    )


def capture(of: Purchase, payment: Payment) -> Moved | None:
    return moves.record_capture(of, payment, refund_reference="r", now=NOW)


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
    with pytest.raises(CardNumberRefused):
        begin(purchase(), method="4111 1111 1111 1111")


def test_an_open_payment_locks_its_purchase() -> None:
    """It is neither paid again, nor cancelled, nor expired until the payment has an outcome."""
    waiting = purchase()
    payment = begin(waiting)
    late = NOW + timedelta(hours=1)
    with pytest.raises(PaymentInProgress):
        begin(waiting, payment)
    with pytest.raises(PaymentInProgress):
        moves.cancel(waiting, open_payment=payment, now=NOW)

    assert moves.expire(waiting, open_payment=payment, now=late) is None
    assert moves.expire(waiting, open_payment=None, now=late) is not None


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(
    "believed", [PaymentStatus.PROCESSING, PaymentStatus.FAILED], ids=["open", "failed"]
)
def test_a_capture_is_recorded_in_any_status(status: Status, believed: PaymentStatus) -> None:
    """It pays a pending purchase; any other purchase is refunded at once."""
    payment = replace(begin(purchase()), status=believed)
    moved = capture(purchase(status), payment)

    assert moved is not None
    assert moved.payment is not None
    if status is Status.PENDING:
        assert moved.purchase.status is Status.PAID
        assert moved.refund is None
        assert moved.payment.outcome is PaymentOutcome.PAID
    else:
        assert moved.purchase.status is status
        assert moved.refund is not None
        assert moved.refund.amount_minor == payment.amount_minor
        assert moved.payment.status is PaymentStatus.REFUNDED
        assert moved.payment.outcome_status is status
    assert capture(moved.purchase, moved.payment) is None


def test_a_recorded_outcome_never_changes() -> None:
    """A failed payment that is charged later pays the purchase, but keeps its outcome."""
    failed = moves.record_failure(purchase(), begin(purchase()), PaymentOutcome.NOT_CHARGED)

    assert failed is not None
    assert failed.payment is not None
    moved = capture(failed.purchase, failed.payment)
    assert moved is not None
    assert moved.payment is not None
    assert moved.payment.status is PaymentStatus.COMPLETED
    assert moved.payment.outcome is PaymentOutcome.NOT_CHARGED


def test_a_free_purchase_is_refunded_without_a_refund() -> None:
    """No refund is created, and the copies are released."""
    paid = capture(purchase(free=True), begin(purchase(free=True)))

    assert paid is not None
    assert paid.payment is not None
    ended = moves.refund(paid.purchase, paid.payment, None, "x", reference="r", now=NOW)
    assert ended.refund is None
    assert ended.payment is not None
    assert ended.purchase.status is Status.REFUNDED
    assert ended.purchase.stock_effect(Status.PAID) is StockEffect.RELEASE
    with pytest.raises(OverRefund):
        moves.refund(ended.purchase, ended.payment, None, "x", reference="r", now=NOW)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_only_the_documented_transitions_are_possible(before: Status, after: Status) -> None:
    """Each transition increments the revision; the last one releases or fulfils the copies."""
    start = purchase(before)
    if after not in MOVES[before]:
        with pytest.raises(IllegalMove):
            start.to(after)
        return
    moved = start.to(after)

    assert (moved.status, moved.revision) == (after, start.revision + 1)
    if before in HOLDS_STOCK and after not in HOLDS_STOCK:
        expected = StockEffect.FULFIL if after is Status.DELIVERED else StockEffect.RELEASE
        assert moved.stock_effect(before) is expected
    else:
        assert moved.stock_effect(before) is None


def test_an_offer_becomes_a_line_at_the_present_price() -> None:
    """A retired book and another expected price are refused."""
    offer = Offer(1, "Libro", 1990, "USD", retired=False)

    assert offer.line(2, None) == offer.line(2, 1990) == Line(1, 2, "Libro", 1990)
    with pytest.raises(PriceChanged) as refused:
        offer.line(1, 1850)
    assert "19.90 USD" in str(refused.value.detail)
    with pytest.raises(BookRetired):
        offer._replace(retired=True).line(1, None)


def test_holdings_are_bounded() -> None:
    """By purchases and by copies of a book; 0 means no limit."""
    limits = HoldingLimits(2, 5)
    limits.check(Holdings(1, {1: 3}), LINES)
    with pytest.raises(TooManyUnpaidPurchases):
        limits.check(Holdings(2, {}), LINES)
    with pytest.raises(TooManyReservedCopies):
        limits.check(Holdings(0, {1: 4}), LINES)
    HoldingLimits(0, 0).check(Holdings(99, {1: 999}), LINES)


class StockLife(RuleBasedStateMachine):
    """Reserve, release, fulfil, adjust: on hand is always free plus reserved."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = Stock.opened(1, 10, NOW)
        self.put_in = 10

    @rule(quantity=st.integers(1, 12))
    def reserve(self, quantity: int) -> None:
        if quantity <= self.stock.available:
            self.stock = self.stock.reserve(quantity, NOW)
            return
        with pytest.raises(InsufficientStock) as refused:
            self.stock.reserve(quantity, NOW)

        assert refused.value.extensions["stock_actual"] == self.stock.available

    @precondition(lambda self: self.stock.reserved)
    @rule(data=st.data(), fulfil=st.booleans())
    def let_go(self, data: st.DataObject, *, fulfil: bool) -> None:
        quantity = data.draw(st.integers(1, self.stock.reserved))
        change = self.stock.fulfil if fulfil else self.stock.release
        self.stock = change(quantity, NOW)

    @rule(delta=st.integers(-12, 12))
    def adjust(self, delta: int) -> None:
        try:
            self.stock = self.stock.adjust(delta, NOW)
            self.put_in += delta
        except StockWouldBeNegative:
            assert self.stock.available + delta < 0

    @invariant()
    def it_adds_up(self) -> None:
        stock = self.stock
        assert stock.on_hand == stock.available + stock.reserved
        assert stock.on_hand + stock.fulfilled == self.put_in
        assert min(stock.available, stock.reserved) >= 0


@dataclass
class Charged:
    """What the provider has done about one payment."""

    payment: Payment
    taken: bool = False


class MoneyLife(RuleBasedStateMachine):
    """One purchase, any number of payments, and a provider whose charges come when they like."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.purchase = purchase()
        self.payments: list[Charged] = []
        self.refunds: list[Refund] = []

    @property
    def open_payment(self) -> Payment | None:
        waiting = [each.payment for each in self.payments if each.payment.is_open]

        assert len(waiting) <= 1
        return waiting[0] if waiting else None

    def keep(self, moved: Moved | None, charged: Charged | None = None) -> None:
        if moved is None:
            return

        assert moved.purchase.revision > self.purchase.revision
        assert [fact.revision for fact in moved.facts] == sorted(
            {fact.revision for fact in moved.facts}
        )
        self.purchase = moved.purchase
        if charged is not None and moved.payment is not None:
            charged.payment = moved.payment
        if moved.refund is not None:
            self.refunds.append(moved.refund)

    @rule()
    def pay(self) -> None:
        if self.now > NOW + timedelta(minutes=15):
            return
        try:
            self.payments.append(Charged(begin(self.purchase, self.open_payment)))
        except DomainError:
            assert self.purchase.status is not Status.PENDING or self.open_payment is not None

    @precondition(lambda self: self.payments)
    @rule(choice=st.integers(0, 9))
    def charge(self, choice: int) -> None:
        """The provider takes the money, and somebody hears of it."""
        charged = self.payments[choice % len(self.payments)]
        charged.taken = True
        self.keep(capture(self.purchase, charged.payment), charged)

    @precondition(lambda self: self.payments)
    @rule(choice=st.integers(0, 9), outcome=st.sampled_from(PaymentOutcome))
    def fail(self, choice: int, outcome: PaymentOutcome) -> None:
        charged = self.payments[choice % len(self.payments)]
        if outcome in {PaymentOutcome.DECLINED, PaymentOutcome.NOT_CHARGED}:
            self.keep(moves.record_failure(self.purchase, charged.payment, outcome), charged)

    @rule()
    def cancel(self) -> None:
        try:
            self.keep(moves.cancel(self.purchase, open_payment=self.open_payment, now=self.now))
        except DomainError:
            assert self.purchase.status is not Status.PENDING or self.open_payment is not None

    @rule(minutes=st.sampled_from([1, 10]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.keep(moves.expire(self.purchase, open_payment=self.open_payment, now=self.now))

    @precondition(lambda self: self.payments)
    @rule(choice=st.integers(0, 9), amount=st.sampled_from([None, 1, 3000]))
    def give_back(self, choice: int, amount: int | None) -> None:
        charged = self.payments[choice % len(self.payments)]
        try:
            moved = moves.refund(
                self.purchase, charged.payment, amount, "x", reference="r", now=self.now
            )
        except DomainError:
            return
        self.keep(moved, charged)

    @rule()
    def assign(self) -> None:
        try:
            self.keep(moves.assign(self.purchase, provider_id=1, provider_name="P", now=self.now))
        except DomainError:
            assert self.purchase.status is not Status.PAID

    @precondition(lambda self: self.purchase.status is Status.ON_DELIVERY)
    @rule(outcome=st.sampled_from([DeliveryStatus.DELIVERED, DeliveryStatus.FAILED]))
    def end_delivery(self, outcome: DeliveryStatus) -> None:
        moved = moves.assign(
            replace(self.purchase, status=Status.PAID),
            provider_id=1,
            provider_name="P",
            now=self.now,
        )
        assert moved.delivery is not None
        self.keep(moves.report_delivery(self.purchase, moved.delivery, outcome, self.now))

    @invariant()
    def money_adds_up(self) -> None:
        """What was taken and is not given back is what the purchase is paid by."""
        for each in self.payments:
            assert each.payment.is_charged == each.taken
        taken = sum(each.payment.amount_minor for each in self.payments if each.taken)
        returned = sum(refund.amount_minor for refund in self.refunds)
        assert returned == sum(each.payment.refunded_minor for each in self.payments)
        kept = taken - returned
        if self.purchase.status in {Status.PAID, Status.ON_DELIVERY, Status.DELIVERED}:
            assert 0 <= kept <= self.purchase.total_minor
        else:
            assert kept == 0

    @invariant()
    def a_purchase_is_paid_by_one(self) -> None:
        keeping = [each for each in self.payments if each.payment.refundable_minor]
        assert len(keeping) <= 1


TestStockLife = StockLife.TestCase
TestStockLife.settings = settings(max_examples=60, deadline=None)
TestMoneyLife = MoneyLife.TestCase
TestMoneyLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

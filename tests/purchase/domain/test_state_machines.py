"""The copies of a book and the money of a purchase, in any order of what may happen."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from functions.kit.base.errors import DomainError
from functions.purchase.domain import transitions
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.payments import Payment, PaymentOutcome, Refund
from functions.purchase.domain.purchases import (
    Status,
)
from functions.purchase.domain.stock import Stock
from functions.purchase.domain.transitions import Transition
from functions.purchase.errors import (
    InsufficientStock,
    StockWouldBeNegative,
)
from tests.purchase.domain.examples import NOW, begin, capture, purchase


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

    def keep(self, transition: Transition | None, charged: Charged | None = None) -> None:
        if transition is None:
            return

        assert transition.purchase.revision > self.purchase.revision
        assert [fact.revision for fact in transition.facts] == sorted(
            {fact.revision for fact in transition.facts}
        )
        self.purchase = transition.purchase
        if charged is not None and transition.payment is not None:
            charged.payment = transition.payment
        if transition.refund is not None:
            self.refunds.append(transition.refund)

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
            self.keep(transitions.record_failure(self.purchase, charged.payment, outcome), charged)

    @rule()
    def cancel(self) -> None:
        try:
            self.keep(
                transitions.cancel(self.purchase, open_payment=self.open_payment, now=self.now)
            )
        except DomainError:
            assert self.purchase.status is not Status.PENDING or self.open_payment is not None

    @rule(minutes=st.sampled_from([1, 10]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.keep(transitions.expire(self.purchase, open_payment=self.open_payment, now=self.now))

    @precondition(lambda self: self.payments)
    @rule(choice=st.integers(0, 9), amount=st.sampled_from([None, 1, 3000]))
    def give_back(self, choice: int, amount: int | None) -> None:
        charged = self.payments[choice % len(self.payments)]
        try:
            transition = transitions.refund(
                self.purchase, charged.payment, amount, "x", reference="r", now=self.now
            )
        except DomainError:
            return
        self.keep(transition, charged)

    @rule()
    def assign(self) -> None:
        try:
            self.keep(
                transitions.assign(self.purchase, provider_id=1, provider_name="P", now=self.now)
            )
        except DomainError:
            assert self.purchase.status is not Status.PAID

    @precondition(lambda self: self.purchase.status is Status.ON_DELIVERY)
    @rule(outcome=st.sampled_from([DeliveryStatus.DELIVERED, DeliveryStatus.FAILED]))
    def end_delivery(self, outcome: DeliveryStatus) -> None:
        transition = transitions.assign(
            replace(self.purchase, status=Status.PAID),
            provider_id=1,
            provider_name="P",
            now=self.now,
        )
        assert transition.delivery is not None
        self.keep(
            transitions.report_delivery(self.purchase, transition.delivery, outcome, self.now)
        )

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

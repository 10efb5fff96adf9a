"""A payment and its refunds.

Processing ─┬─► Completed ──► Refunded
            └─► Failed ─(captured late)─► Completed

A payment is `Processing` from before the provider is called until an outcome is recorded: a
capture, a decline, or the provider's statement that it never charged and never will.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from functions.kit.base.errors import Text
from functions.kit.base.money import money
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import NotRefundable, OverRefund, PaymentInProgress

FIRST_CHECK = timedelta(seconds=5)
"""Delay of the first query after an unanswered call; it doubles with each one."""
LONGEST_CHECK = timedelta(minutes=10)
FIRST_RETRY = timedelta(seconds=5)
"""Delay of the first retry of a failed refund; it doubles with each one."""
LONGEST_RETRY = timedelta(hours=6)


class PaymentStatus(StrEnum):
    PROCESSING = "Processing"
    """The outcome at the provider is not known."""
    COMPLETED = "Completed"
    FAILED = "Failed"
    REFUNDED = "Refunded"
    """Refunded in full."""


class PaymentOutcome(StrEnum):
    """The outcome that the caller gets. It never changes."""

    PAID = "paid"
    DECLINED = "declined"
    NOT_CHARGED = "not_charged"
    """The provider never charged it."""
    RETURNED = "returned"
    """Charged when the purchase could no longer be paid, and refunded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund at one moment. `id` is 0 until it is stored."""

    id: int = 0
    payment_id: int
    amount_minor: int
    reason: str
    reference: str
    """The reference at the provider, which refunds it once."""
    settled: bool = False
    """The provider has paid it."""
    refused: bool = False
    """The provider refused the last attempt; an operator has to resolve it."""
    attempts: int = 0
    next_attempt_at: datetime
    created_at: datetime
    requested_by: int | None = None
    """The member of staff; None where the shop refunds by itself, or did not store it."""

    def paid(self) -> "Refund":
        """The refund after the provider has paid it."""
        return replace(self, settled=True, refused=False)

    def postponed(self, now: datetime, *, refused: bool) -> "Refund":
        """The refund after a failed attempt, with the time of the next one."""
        pause = _doubling(FIRST_RETRY, self.attempts, LONGEST_RETRY)
        return replace(
            self, refused=refused, attempts=self.attempts + 1, next_attempt_at=now + pause
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment at one moment. `id` is 0 until it is stored."""

    id: int = 0
    purchase_id: int
    user_id: int
    """The buyer."""
    amount_minor: int
    refunded_minor: int = 0
    currency: str
    method: str
    status: PaymentStatus = PaymentStatus.PROCESSING
    reference: str
    """The reference at the provider, which charges it once."""
    created_at: datetime
    outcome: PaymentOutcome | None = None
    """None while it is open."""
    outcome_status: Status | None = None
    """The status of the purchase when the outcome became `RETURNED`."""
    requested_by: int
    request_key: str | None = None
    """The Idempotency-Key of the request; None where it had none."""
    language: str
    """The language of the response: `es` or `en`."""
    in_flight_until: datetime
    """Until then the request that created it may be waiting for the provider."""
    checks: int = 0
    check_at: datetime
    """Time of the next query of the provider, while it is open."""

    @property
    def is_open(self) -> bool:
        """Whether it has no recorded outcome: the provider may have charged it."""
        return self.status is PaymentStatus.PROCESSING

    @property
    def is_charged(self) -> bool:
        """Whether the provider has charged it, refunded since or not."""
        return self.status in {PaymentStatus.COMPLETED, PaymentStatus.REFUNDED}

    @property
    def needs_provider(self) -> bool:
        """Whether there is an amount to charge; a free purchase is paid without the provider."""
        return self.amount_minor > 0

    @property
    def refundable_minor(self) -> int:
        """The amount that can still be refunded."""
        return self.amount_minor - self.refunded_minor if self.is_charged else 0

    def is_in_flight(self, now: datetime) -> bool:
        """Whether the request that created it may be waiting for the provider."""
        return self.is_open and now < self.in_flight_until

    def may_charge_until(self, final_after: timedelta) -> datetime:
        """The time after which the provider cannot charge it if it does not know it."""
        return self.in_flight_until + final_after

    def may_be_resumed(self, now: datetime, final_after: timedelta) -> bool:
        """Whether a repeated request may send the charge again under the same reference.

        Only within `final_after` of its creation: later repetitions must not block the purchase.
        """
        return self.is_open and not self.is_in_flight(now) and now < self.created_at + final_after

    def resumed(self, now: datetime, answers_within: timedelta) -> "Payment":
        """The payment in flight again."""
        until = now + answers_within
        return replace(self, in_flight_until=until, check_at=until)

    def left_open(self, now: datetime) -> "Payment":
        """The payment after an unanswered call: no longer in flight, to be queried later."""
        return replace(
            self, in_flight_until=min(self.in_flight_until, now), check_at=now + FIRST_CHECK
        )

    def checked(self, now: datetime) -> "Payment":
        """The payment after a query without an outcome, with the time of the next one."""
        pause = _doubling(FIRST_CHECK, self.checks, LONGEST_CHECK)
        return replace(self, checks=self.checks + 1, check_at=now + pause)

    def captured(self) -> "Payment":
        """The payment after the provider has charged it, whatever its status was."""
        return replace(self, status=PaymentStatus.COMPLETED)

    def failed(self, outcome: PaymentOutcome) -> "Payment":
        """The payment after the provider reported that it will never charge it."""
        return replace(self, status=PaymentStatus.FAILED, outcome=self.outcome or outcome)

    def concluded(self, outcome: PaymentOutcome, status: Status | None = None) -> "Payment":
        """The payment with its outcome; an earlier outcome is kept."""
        if self.outcome is not None:
            return self
        return replace(self, outcome=outcome, outcome_status=status)

    def with_refund(
        self,
        amount_minor: int,
        reason: str,
        *,
        reference: str,
        now: datetime,
        requested_by: int | None = None,
    ) -> tuple["Payment", Refund]:
        """The payment and a new refund of a part or all of it.

        Raises `OverRefund`.
        """
        left = self.refundable_minor
        if not 0 < amount_minor <= left:
            raise OverRefund(
                Text(
                    f"Aún se pueden devolver {money(left, self.currency)}.",
                    f"{money(left, self.currency)} can still be refunded.",
                ),
                refundable_minor=left,
            )
        refunded = self.refunded_minor + amount_minor
        whole = refunded == self.amount_minor
        payment = replace(
            self,
            refunded_minor=refunded,
            status=PaymentStatus.REFUNDED if whole else self.status,
        )
        refund = Refund(
            payment_id=self.id,
            amount_minor=amount_minor,
            reason=reason[:200],
            reference=reference,
            next_attempt_at=now,
            created_at=now,
            requested_by=requested_by,
        )
        return payment, refund

    def end_free(self) -> "Payment":
        """A free payment after its refund.

        Raises `OverRefund` where it was refunded before.
        """
        if self.status is PaymentStatus.REFUNDED:
            raise OverRefund(
                Text("Ya fue devuelto.", "It was refunded before."), refundable_minor=0
            )
        return replace(self, status=PaymentStatus.REFUNDED)

    def check_refundable(self, purchase_status: Status) -> None:
        """Raises `OverRefund` or `NotRefundable`."""
        if self.status is PaymentStatus.REFUNDED:
            raise OverRefund(
                Text("Ya fue devuelto todo.", "It was refunded in full."), refundable_minor=0
            )
        if self.status is not PaymentStatus.COMPLETED:
            raise NotRefundable(
                Text(
                    f"El pago está en {self.status}: no hay dinero que devolver.",
                    f"The payment is {self.status}: there is no money to refund.",
                )
            )
        if purchase_status is Status.ON_DELIVERY:
            raise NotRefundable(
                Text(
                    "La compra está en camino: espere el fin de su entrega.",
                    "The purchase is on its way: wait for the end of its delivery.",
                )
            )


def check_unlocked(open_payment: Payment | None, now: datetime) -> None:
    """Raises `PaymentInProgress` for an open payment.

    Its purchase can be neither cancelled, nor expired, nor paid again.
    """
    if open_payment is None:
        return
    wait = max(1.0, (open_payment.in_flight_until - now).total_seconds())
    raise PaymentInProgress(
        Text(
            "Un pago de esta compra aún no está decidido. Espere su resultado.",
            "A payment of this purchase has no outcome yet. Wait for it.",
        ),
        retry_after=wait,
        payment_id=open_payment.id,
    )


def _doubling(first: timedelta, count: int, longest: timedelta) -> timedelta:
    return min(first * (1 << min(count, 30)), longest)

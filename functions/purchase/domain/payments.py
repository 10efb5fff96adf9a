"""A payment and its refunds: what is known of money that a provider takes and gives back.

Processing ─┬─► Completed ──► Refunded
            └─► Failed ─(captured late)─► Completed

A payment is `Processing` from before the provider is asked until its answer is recorded. Nothing
ends it but knowledge: a capture, a decline, or the provider's word that it has not charged and
will not.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from functions.kit.base.errors import Text
from functions.kit.base.money import money
from functions.purchase.domain.purchases import Status
from functions.purchase.errors import NotRefundable, OverRefund, PaymentInProgress

FIRST_CHECK = timedelta(seconds=5)
"""How long after an unanswered call the provider is asked what became of it."""
LONGEST_CHECK = timedelta(minutes=10)
FIRST_RETRY = timedelta(seconds=5)
"""How long after a refund that failed the provider is asked for it again."""
LONGEST_RETRY = timedelta(hours=6)


class PaymentStatus(StrEnum):
    PROCESSING = "Processing"
    """The provider is or was asked, and its answer is not known."""
    COMPLETED = "Completed"
    FAILED = "Failed"
    REFUNDED = "Refunded"
    """All of it was given back."""


class PaymentOutcome(StrEnum):
    """What a payment came to, as its caller is told. It never changes again."""

    PAID = "paid"
    DECLINED = "declined"
    NOT_CHARGED = "not_charged"
    """The provider never charged it."""
    RETURNED = "returned"
    """Charged when the purchase could not be paid any more, and given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money that is owed back to a buyer. `id` is 0 until it is stored."""

    id: int = 0
    payment_id: int
    amount_minor: int
    reason: str
    reference: str
    """Our key for the provider: the same one is never refunded twice."""
    settled: bool = False
    """The provider has given the money back."""
    refused: bool = False
    """The provider refused it last time; it is still owed, and somebody has to look."""
    attempts: int = 0
    next_attempt_at: datetime
    created_at: datetime

    def paid(self) -> "Refund":
        """The provider has given the money back."""
        return replace(self, settled=True, refused=False)

    def postponed(self, now: datetime, *, refused: bool) -> "Refund":
        """Still owed; the pause before the next attempt doubles each time."""
        pause = _growing(FIRST_RETRY, self.attempts, LONGEST_RETRY)
        return replace(
            self, refused=refused, attempts=self.attempts + 1, next_attempt_at=now + pause
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment at one moment. `id` is 0 until it is stored."""

    id: int = 0
    purchase_id: int
    user_id: int
    """Whose purchase it is."""
    amount_minor: int
    refunded_minor: int = 0
    currency: str
    method: str
    status: PaymentStatus = PaymentStatus.PROCESSING
    reference: str
    """Our key for the provider: the same one is never charged twice."""
    created_at: datetime
    outcome: PaymentOutcome | None = None
    """None while it is open."""
    outcome_status: Status | None = None
    """The status of the purchase that could not be paid, where the outcome is `RETURNED`."""
    requested_by: int
    request_key: str | None = None
    """The Idempotency-Key of the request, None where it had none."""
    language: str
    """Of the answer to the request: `es` or `en`."""
    in_flight_until: datetime
    """Until then the request that made it may still be waiting for the provider."""
    checks: int = 0
    check_at: datetime
    """When the provider is asked next what became of it, while it is open."""

    @property
    def is_open(self) -> bool:
        """Whether the provider may have charged it without our knowing."""
        return self.status is PaymentStatus.PROCESSING

    @property
    def is_charged(self) -> bool:
        """Whether the provider has the money, or has given it back since."""
        return self.status in {PaymentStatus.COMPLETED, PaymentStatus.REFUNDED}

    @property
    def needs_provider(self) -> bool:
        """Whether there is anything to charge: a free purchase is paid without a provider."""
        return self.amount_minor > 0

    @property
    def refundable_minor(self) -> int:
        """What can still be given back."""
        return self.amount_minor - self.refunded_minor if self.is_charged else 0

    def is_in_flight(self, now: datetime) -> bool:
        """Whether the request that made it may still be asking the provider."""
        return self.is_open and now < self.in_flight_until

    def may_charge_until(self, final_after: timedelta) -> datetime:
        """The moment after which the provider cannot charge a reference that it does not know."""
        return self.in_flight_until + final_after

    def may_be_resumed(self, now: datetime, final_after: timedelta) -> bool:
        """Whether its request, sent again, may send the charge again under the same reference.

        Only in the first `final_after`: a client that goes on sending must not hold its purchase.
        """
        return self.is_open and not self.is_in_flight(now) and now < self.created_at + final_after

    def resumed(self, now: datetime, answers_within: timedelta) -> "Payment":
        """In flight once more."""
        until = now + answers_within
        return replace(self, in_flight_until=until, check_at=until)

    def left_open(self, now: datetime) -> "Payment":
        """The provider's answer did not come: nobody waits for it, and it is asked later."""
        return replace(
            self, in_flight_until=min(self.in_flight_until, now), check_at=now + FIRST_CHECK
        )

    def checked(self, now: datetime) -> "Payment":
        """The provider was asked and does not know yet; the pause doubles each time."""
        pause = _growing(FIRST_CHECK, self.checks, LONGEST_CHECK)
        return replace(self, checks=self.checks + 1, check_at=now + pause)

    def captured(self) -> "Payment":
        """The provider has the money, whatever was believed before."""
        return replace(self, status=PaymentStatus.COMPLETED)

    def failed(self, outcome: PaymentOutcome) -> "Payment":
        """The provider has not charged it and will not."""
        return replace(self, status=PaymentStatus.FAILED, outcome=self.outcome or outcome)

    def concluded(self, outcome: PaymentOutcome, status: Status | None = None) -> "Payment":
        """With what its caller is told; an outcome that was told before stays."""
        if self.outcome is not None:
            return self
        return replace(self, outcome=outcome, outcome_status=status)

    def owe(
        self, amount_minor: int, reason: str, *, reference: str, now: datetime
    ) -> tuple["Payment", Refund]:
        """Owe a part of it, or all of it, back to the buyer.

        Raises `OverRefund`.
        """
        left = self.refundable_minor
        if not 0 < amount_minor <= left:
            raise OverRefund(
                Text(
                    f"Aún se pueden devolver {money(left, self.currency)}.",
                    f"{money(left, self.currency)} can still be given back.",
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
        )
        return payment, refund

    def end_free(self) -> "Payment":
        """A payment of nothing, given back: there is nothing to owe.

        Raises `OverRefund` when that was done before.
        """
        if self.status is PaymentStatus.REFUNDED:
            raise OverRefund(
                Text("Ya fue devuelto.", "It was given back before."), refundable_minor=0
            )
        return replace(self, status=PaymentStatus.REFUNDED)

    def check_refundable(self, purchase_status: Status) -> None:
        """Raises `OverRefund` or `NotRefundable`."""
        if self.status is PaymentStatus.REFUNDED:
            raise OverRefund(
                Text("Ya fue devuelto todo.", "All of it has been given back."), refundable_minor=0
            )
        if self.status is not PaymentStatus.COMPLETED:
            raise NotRefundable(
                Text(
                    f"El pago está en {self.status}: no hay dinero que devolver.",
                    f"The payment is {self.status}: there is no money to give back.",
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
    """An open payment holds its purchase: it is not cancelled, not expired and not paid again.

    Raises `PaymentInProgress`.
    """
    if open_payment is None:
        return
    wait = max(1.0, (open_payment.in_flight_until - now).total_seconds())
    raise PaymentInProgress(
        Text(
            "Un pago de esta compra aún no está decidido. Espere su resultado.",
            "A payment of this purchase is not decided yet. Wait for its outcome.",
        ),
        retry_after=wait,
        payment_id=open_payment.id,
    )


def _growing(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return min(first * (1 << min(times, 30)), longest)

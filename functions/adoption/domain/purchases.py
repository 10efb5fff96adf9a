"""A purchase with its payments and its deliveries: its status follows from the money.

The original believed any text in `status`, and marked a purchase paid after a payment of 0.01. Here
a purchase is paid if its payments add up to its total; money that pays nothing is reported, never
moved.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from functions.adoption.domain.amounts import Amount, FloatValue, amount
from functions.adoption.domain.decisions import BY_PAYMENTS, Decisions
from functions.adoption.domain.findings import Action, Finding, What, safe
from functions.adoption.domain.statuses import is_completed_payment, known_status
from functions.adoption.domain.texts import cut, fitted, one_line, repaired
from functions.purchase.domain.payments import PaymentStatus
from functions.purchase.domain.purchases import Status

PURCHASE, PAYMENT = "main.purchase", "main.payment"
MAX_METHOD = 100
MAX_QUANTITY = 2**31 - 1
"""Of the original's column."""
UNNAMED_METHOD, FREE_METHOD, VOUCHED_METHOD = "unknown", "free", "moved"

PAID = frozenset({Status.PAID, Status.ON_DELIVERY, Status.DELIVERED})
_SENT = frozenset({Status.ON_DELIVERY, Status.DELIVERED})


class OriginalPurchase(NamedTuple):
    id: int
    user_id: int | None
    book_id: int | None
    quantity: int | None
    total: FloatValue | None
    status: str | None


class OriginalPayment(NamedTuple):
    id: int
    purchase_id: int | None
    amount: FloatValue | None
    method: str | None
    status: str | None


class Payment(NamedTuple):
    id: int | None
    """None for a payment that the original has no row of."""
    amount_minor: int
    method: str


class Purchase(NamedTuple):
    id: int
    user_id: int
    book_id: int
    quantity: int
    unit_minor: int
    fee_minor: int
    """The rest of total / quantity."""
    status: Status
    payment: Payment | None

    @property
    def total_minor(self) -> int:
        return self.quantity * self.unit_minor + self.fee_minor


class Mapped(NamedTuple):
    purchase: Purchase | None
    findings: list[Finding]


def map_purchase(
    row: OriginalPurchase,
    payments: Sequence[OriginalPayment],
    buyer: int | None,
    decisions: Decisions,
    *,
    book_exists: bool,
) -> Mapped:
    """`payments` are ordered by id; `buyer` is the id of the account, None where there is none."""
    total = _amount(row.total, decisions)
    what = _refusal(row, total, buyer, book_exists=book_exists)
    if what is not None:
        value = 0 if total is None else min(max(total.minor, 0), 10**13)
        old = {
            What.QUANTITY_INVALID: row.quantity,
            What.TOTAL_INVALID: row.total and str(row.total.shown),
            What.USER_UNKNOWN: row.user_id,
            What.BOOK_UNKNOWN: row.book_id,
        }.get(what)
        refused = Finding(PURCHASE, row.id, what, Action.REFUSED, safe(old), value)
        return Mapped(None, [refused, *(orphan(each, decisions) for each in payments)])
    assert total is not None and row.quantity and buyer and row.book_id  # noqa: PT018, S101
    findings = _of_total(row, total)
    unit, rest = divmod(total.minor, row.quantity)
    if rest:
        findings.append(
            Finding(PURCHASE, row.id, What.UNIT_REMAINDER, Action.REPAIRED, _shown(row), rest)
        )
    money = _Money(row, total.minor, payments, decisions)
    status = money.status(_status(row, decisions, findings))
    purchase = Purchase(row.id, buyer, row.book_id, row.quantity, unit, rest, status, money.payment)
    return Mapped(purchase, [*findings, *money.findings])


def orphan(row: OriginalPayment, decisions: Decisions) -> Finding:
    """A payment whose purchase does not exist or is not moved."""
    return Finding(
        PAYMENT, row.id, What.PAYMENT_ORPHAN, Action.REFUSED, None, received(row, decisions)
    )


def received(row: OriginalPayment, decisions: Decisions) -> int:
    """What a payment brought in, in minor units: 0 unless it is completed and above 0."""
    value = _amount(row.amount, decisions)
    if value is None or not value.is_payable or not is_completed_payment(row.status):
        return 0
    return value.minor


def _amount(value: FloatValue | None, decisions: Decisions) -> Amount | None:
    return amount(value, as_stored=decisions.large_amounts == "as_stored")


def _shown(row: OriginalPurchase) -> str | int | None:
    return safe(row.total and str(row.total.shown))


def _refusal(
    row: OriginalPurchase, total: Amount | None, buyer: int | None, *, book_exists: bool
) -> What | None:
    if row.id < 1:
        return What.ID_INVALID
    if row.quantity is None or not 1 <= row.quantity <= MAX_QUANTITY:
        return What.QUANTITY_INVALID
    if total is None or not total.is_payable:
        return What.TOTAL_INVALID
    if not book_exists or row.book_id is None:
        return What.BOOK_UNKNOWN
    return None if buyer is not None else What.USER_UNKNOWN


def _of_total(row: OriginalPurchase, total: Amount) -> list[Finding]:
    if total.rounded:
        return [Finding(PURCHASE, row.id, What.TOTAL_ROUNDED, Action.REPAIRED, _shown(row))]
    if total.hides_digits:
        return [Finding(PURCHASE, row.id, What.AMOUNT_SIX_DIGITS, Action.KEPT, _shown(row))]
    return []


@lru_cache(maxsize=1_000)  # a few are in a million rows
def spelling(status: str | None) -> str:
    """A status as the owner's file has it, whether or not its texts are repaired."""
    return repaired(status or "") or status or ""


def _status(row: OriginalPurchase, decisions: Decisions, findings: list[Finding]) -> Status | None:
    """What the text says; None where it is unknown."""
    decided = decisions.statuses.get(spelling(row.status))
    if decided not in (None, BY_PAYMENTS):
        status: Status | None = Status(decided)
    else:
        status = None if decided == BY_PAYMENTS else known_status(row.status)
    if status is None:
        what = What.STATUS_BY_PAYMENTS
    elif str(status) != row.status:
        what = What.STATUS_READ
    else:
        return status
    findings.append(Finding(PURCHASE, row.id, what, Action.REPAIRED, safe(row.status)))
    return status


class _Money:
    """Which payment of a purchase is moved, and what the others are."""

    def __init__(
        self,
        row: OriginalPurchase,
        total: int,
        payments: Sequence[OriginalPayment],
        decisions: Decisions,
    ) -> None:
        self.row = row
        self.total = total
        self.decisions = decisions
        self.findings: list[Finding] = []
        self.payment: Payment | None = None
        self.received: list[tuple[OriginalPayment, int]] = []
        self.of_nothing: list[OriginalPayment] = []
        """Completed payments of 0 for a purchase that costs 0."""
        for each in payments:
            value = received(each, decisions)
            if value and each.id < 1:
                self._refuse(each, What.ID_INVALID, value)
            elif value:
                self.received.append((each, value))
            elif each.id >= 1 and self._pays_for_nothing(each):
                self.of_nothing.append(each)
            else:
                self._refuse_invalid(each)

    def _pays_for_nothing(self, row: OriginalPayment) -> bool:
        value = _amount(row.amount, self.decisions)
        is_nothing = value is not None and value.minor == 0
        return self.total == 0 and is_nothing and is_completed_payment(row.status)

    def status(self, said: Status | None) -> Status:
        """The status of the purchase; sets `payment`."""
        if said is not None and said not in PAID and said is not Status.PENDING:
            self._refuse_all(What.PAYMENT_NOT_OWED)
            self._refuse_of_nothing()
            return said
        if self.total == 0:
            return self._free(said)
        if sum(value for _, value in self.received) >= self.total:
            self._pay()
            if said is Status.PENDING:
                self._note(What.PAID_BUT_PENDING, Action.REPAIRED)
            return said if said in PAID and said is not None else Status.PAID
        return self._unpaid(said)

    def _free(self, said: Status | None) -> Status:
        self._refuse_all(What.PAYMENT_NOT_OWED)
        if said not in PAID or said is None:
            self._refuse_of_nothing()
            return Status.PENDING
        if self.of_nothing:
            kept = self.of_nothing.pop(0)
            self._note_changes(kept)
            self.payment = Payment(kept.id, 0, self._method(kept))
            self._refuse_of_nothing()
        else:
            self.payment = Payment(None, 0, FREE_METHOD)
        return said

    def _pay(self) -> None:
        exact = [each for each in self.received if each[1] == self.total]
        if exact:
            kept = exact[0][0]
            for each, value in self.received:
                if each is not kept:
                    self._refuse(each, What.PAYMENT_AGAIN, value)
        else:
            over = [each for each in self.received if each[1] > self.total]
            if over:
                kept = over[0][0]
                excess = over[0][1] - self.total
                for each, value in self.received:
                    if each is not kept:
                        self._refuse(each, What.PAYMENT_AGAIN, value)
            else:
                kept = self.received[0][0]
                excess = sum(value for _, value in self.received) - self.total
                self._note(What.PAID_IN_PARTS, Action.REPAIRED)
            if excess:
                self.findings.append(
                    Finding(PAYMENT, kept.id, What.OVERPAID, Action.REPAIRED, None, excess)
                )
        self._note_changes(kept)
        self.payment = Payment(kept.id, self.total, self._method(kept))

    def _note_changes(self, kept: OriginalPayment) -> None:
        """What of the payment itself is not as the original had it."""
        value = _amount(kept.amount, self.decisions)
        if value is not None and value.rounded:
            shown = safe(kept.amount and str(kept.amount.shown))
            self.findings.append(
                Finding(PAYMENT, kept.id, What.TOTAL_ROUNDED, Action.REPAIRED, shown)
            )
        if kept.status != str(PaymentStatus.COMPLETED):
            self.findings.append(
                Finding(PAYMENT, kept.id, What.STATUS_READ, Action.REPAIRED, safe(kept.status))
            )

    def _unpaid(self, said: Status | None) -> Status:
        sent = said in _SENT
        if not self.received:
            if said not in PAID:
                return Status.PENDING
            choice = self.decisions.paid_without_payment
            if choice == "paid":
                self._note(What.PAID_WITHOUT_PAYMENT, Action.KEPT, self.total)
                self.payment = Payment(None, self.total, VOUCHED_METHOD)
                return said or Status.PAID
            self._note(What.PAID_WITHOUT_PAYMENT, Action.REPAIRED, self.total)
        else:
            choice = self.decisions.underpaid
            paid = sum(value for _, value in self.received)
            self._note(What.UNDERPAID, Action.REPAIRED, self.total - paid)
            self._refuse_all(What.PAYMENT_PARTIAL)
        if sent:
            self._note(What.UNDERPAID_SENT, Action.REPAIRED)
        return Status.CANCELLED if choice == "cancelled" else Status.PENDING

    def _method(self, row: OriginalPayment) -> str:
        method = one_line(row.method)
        if not method:
            self.findings.append(Finding(PAYMENT, row.id, What.METHOD_TIDIED, Action.REPAIRED))
            return UNNAMED_METHOD
        if method != row.method:
            self.findings.append(Finding(PAYMENT, row.id, What.METHOD_TIDIED, Action.REPAIRED))
        kept = fitted(method, MAX_METHOD)
        if kept != cut(method, MAX_METHOD):
            self.findings.append(Finding(PAYMENT, row.id, What.CARD_NUMBER, Action.REPAIRED))
        return kept

    def _refuse_of_nothing(self) -> None:
        for each in self.of_nothing:
            self._refuse_invalid(each)

    def _refuse_invalid(self, row: OriginalPayment) -> None:
        shown = row.amount and str(row.amount.shown)
        self._refuse(row, What.PAYMENT_INVALID, old=safe(shown))

    def _refuse_all(self, what: What) -> None:
        for each, value in self.received:
            self._refuse(each, what, value)

    def _refuse(
        self, row: OriginalPayment, what: What, minor: int = 0, old: str | int | None = None
    ) -> None:
        self.findings.append(Finding(PAYMENT, row.id, what, Action.REFUSED, old, minor))

    def _note(self, what: What, action: Action, minor: int = 0) -> None:
        self.findings.append(
            Finding(PURCHASE, self.row.id, what, action, safe(self.row.status), minor)
        )

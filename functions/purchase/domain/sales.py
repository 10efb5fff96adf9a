"""What a seller earns: which sales count, and how a refund is shared among the lines of a purchase.

A refund is of a purchase, not of a line. Each line therefore keeps the same part of its amount as
the purchase kept of its total, rounded down to a minor unit.
"""

from dataclasses import dataclass

from functions.purchase.domain.purchases import Status

PAID = (Status.PAID, Status.ON_DELIVERY, Status.DELIVERED)
"""The statuses of sales that are paid; those of `Status.REFUNDED` were paid and given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """What some sales of one book, or of all books, brought in, in minor units of a currency."""

    sales: int = 0
    """Lines of purchases that were paid."""
    copies: int = 0
    """Copies of those lines, without the ones of refunded purchases."""
    refunded_copies: int = 0
    gross_minor: int = 0
    revenue_minor: int = 0
    """What is left of the gross amount after refunds."""

    @property
    def refunded_minor(self) -> int:
        return self.gross_minor - self.revenue_minor

    def __add__(self, other: "Earned") -> "Earned":
        return Earned(
            sales=self.sales + other.sales,
            copies=self.copies + other.copies,
            refunded_copies=self.refunded_copies + other.refunded_copies,
            gross_minor=self.gross_minor + other.gross_minor,
            revenue_minor=self.revenue_minor + other.revenue_minor,
        )


def revenue_minor(status: Status, amount_minor: int, kept_minor: int, total_minor: int) -> int:
    """What a line of `amount_minor` brings in, of a purchase that cost `total_minor`.

    `kept_minor` is what was captured of the purchase and not refunded.
    """
    if status not in PAID:
        return 0
    if kept_minor >= total_minor:
        return amount_minor
    return amount_minor * kept_minor // total_minor


def earned(
    status: Status,
    *,
    sales: int,
    copies: int,
    amount_minor: int,
    kept_minor: int,
    total_minor: int,
) -> Earned:
    """Of lines of one purchase, or of purchases that kept their totals; nothing unless paid."""
    if status is Status.REFUNDED:
        return Earned(sales=sales, refunded_copies=copies, gross_minor=amount_minor)
    if status not in PAID:
        return Earned()
    return Earned(
        sales=sales,
        copies=copies,
        gross_minor=amount_minor,
        revenue_minor=revenue_minor(status, amount_minor, kept_minor, total_minor),
    )

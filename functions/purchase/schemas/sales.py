"""Bodies of a seller's sales. They have no personal data of the buyers."""

from datetime import datetime
from decimal import Decimal

import msgspec

from functions.purchase.domain.purchases import Status


class SaleView(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase: copies of one book."""

    id: int
    sold_at: datetime
    """When the purchase was placed."""
    purchase_id: int
    book_id: int
    book_name: str
    """The title at that time."""
    quantity: int
    unit_price: Decimal
    unit_price_minor: int
    amount: Decimal
    """`quantity` times `unit_price`."""
    amount_minor: int
    revenue: Decimal
    """What is left of the amount after refunds; 0 where the purchase is not paid."""
    revenue_minor: int
    currency: str
    status: Status
    """Of the purchase."""


class SalesSums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of sales that were paid.

    A refund of a part of a purchase is shared among its lines and its delivery fee by their
    amounts. What a line keeps is rounded down to a minor unit.
    """

    currency: str
    sales: int
    """Lines of purchases that were paid, later refunded ones too."""
    copies: int
    """Copies sold, without those of refunded purchases."""
    refunded_copies: int
    """Copies of purchases that were refunded in full before they were delivered."""
    gross: Decimal
    gross_minor: int
    refunded: Decimal
    refunded_minor: int
    revenue: Decimal
    """`gross` minus `refunded`."""
    revenue_minor: int


class BookSums(SalesSums, frozen=True, kw_only=True):
    book_id: int
    book_name: str
    """The present title."""


class SalesSummary(msgspec.Struct, frozen=True, kw_only=True):
    totals: list[SalesSums]
    """One per currency; empty where nothing was sold."""
    books: list[BookSums]
    """The books with the greatest revenue."""
    more_books: bool
    """Whether more books than the listed ones were sold."""

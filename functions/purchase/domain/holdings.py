"""Limits of the unpaid copies that one customer may hold.

Reserving copies for the time to pay costs nothing. Without limits one account could reserve the
whole stock, again and again.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from functions.kit.base.errors import Text
from functions.kit.base.orders import MAX_QUANTITY
from functions.purchase.domain.purchases import Line
from functions.purchase.errors import TooManyReservedCopies, TooManyUnpaidPurchases


class Holdings(NamedTuple):
    """The unpaid reservations of a customer."""

    unpaid_purchases: int
    copies: Mapping[int, int]
    """Copies by book id."""


class HoldingLimits(NamedTuple):
    """How much one customer may hold unpaid; 0 means no limit."""

    unpaid_purchases: int
    copies_of_a_book: int

    @property
    def are_set(self) -> bool:
        """Whether anything is limited."""
        return bool(self.unpaid_purchases or self.copies_of_a_book)

    def copies_left(self, held: Holdings, book_id: int) -> int:
        """The most copies of a book that the next order of this customer can have."""
        if not self.copies_of_a_book:
            return MAX_QUANTITY
        return max(0, min(self.copies_of_a_book - held.copies.get(book_id, 0), MAX_QUANTITY))

    def check(self, held: Holdings, lines: Sequence[Line]) -> None:
        """Raises `TooManyUnpaidPurchases` or `TooManyReservedCopies` beyond a limit."""
        if self.unpaid_purchases and held.unpaid_purchases >= self.unpaid_purchases:
            raise TooManyUnpaidPurchases(
                Text(
                    f"Tiene {held.unpaid_purchases} compras sin pagar, y el máximo es"
                    f" {self.unpaid_purchases}. Pague o cancele una antes.",
                    f"You have {held.unpaid_purchases} unpaid purchases, and"
                    f" {self.unpaid_purchases} is the most. Pay one or cancel one first.",
                ),
                limit=self.unpaid_purchases,
            )
        if not self.copies_of_a_book:
            return
        for line in lines:
            copies = held.copies.get(line.book_id, 0) + line.quantity
            if copies > self.copies_of_a_book:
                raise TooManyReservedCopies(
                    Text(
                        f"Tendría {copies} ejemplares sin pagar del libro {line.book_id}, y el"
                        f" máximo es {self.copies_of_a_book}. Compre menos, o pague algunos antes.",
                        f"You would have {copies} unpaid copies of book {line.book_id}, and"
                        f" {self.copies_of_a_book} is the most. Buy fewer, or pay for some first.",
                    ),
                    limit=self.copies_of_a_book,
                    book_id=line.book_id,
                )

"""The stock of a book, as purchase reported it."""

from datetime import datetime
from typing import NamedTuple, Self

from functions.catalog.domain.books import Book


class KnownStock(NamedTuple):
    revision: int
    """0 before purchase has reported any."""
    available: int
    as_of: datetime

    @classmethod
    def of(cls, book: Book, reported: Self | None) -> Self:
        """The stock that clients get: the book's initial one until purchase has reported one."""
        return reported or cls(0, book.initial_stock, book.created_at)

"""Sellers: the name that the shop shows for them, and whose books a caller may change."""

from dataclasses import dataclass
from typing import NamedTuple

from functions.catalog.domain.books import Book, one_line
from functions.catalog.domain.field_checks import reason
from functions.catalog.errors import NotYourBook, RetiredByStaff, SellerNotFound
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed

MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """A seller as the shop shows them."""

    id: int
    """The user id of their account."""
    name: str
    revision: int


class Editor(NamedTuple):
    """A caller who changes books."""

    user_id: int
    is_staff: bool

    @property
    def seller_id(self) -> int | None:
        """The seller of the books that the caller adds; None for staff, who add the shop's own."""
        return None if self.is_staff else self.user_id

    def may_change(self, book: Book) -> bool:
        return self.is_staff or book.seller_id == self.user_id

    def check_may_change(self, book: Book) -> None:
        """Raises `NotYourBook`."""
        if not self.may_change(book):
            raise NotYourBook(
                Text(
                    f"El libro {book.id} no es suyo: solo lo cambian quien lo vende y el personal.",
                    f"Book {book.id} is not yours: only its seller and staff change it.",
                ),
                book_id=book.id,
            )

    def check_may_restore(self, book: Book) -> None:
        """Raises `NotYourBook` or `RetiredByStaff`."""
        self.check_may_change(book)
        if not self.is_staff and not is_retired_by_seller(book):
            raise RetiredByStaff(
                Text(
                    f"El personal retiró el libro {book.id}: pídale que lo reponga.",
                    f"Staff retired book {book.id}: ask them to bring it back.",
                ),
                book_id=book.id,
            )


def is_retired_by_seller(book: Book) -> bool:
    """Whether its seller retired the book, and so may bring it back."""
    return book.retired and book.seller_id is not None and book.retired_by == book.seller_id


def not_found(seller_id: int) -> SellerNotFound:
    return SellerNotFound(
        Text(
            f"No hay vendedor {seller_id}: quien vende se pone antes un nombre, con"
            " PUT /sellers/me.",
            f"There is no seller {seller_id}: a seller takes a name first, by PUT /sellers/me.",
        )
    )


def checked_name(name: str) -> str:
    """A seller's name in composed Unicode with single spaces.

    Raises `InvalidInput`.
    """
    try:
        return one_line(name, MAX_NAME)
    except ValueError as error:
        why = reason(error)
        raise InvalidInput(listed([("name", why)]), errors=[FieldError("name", why)]) from error

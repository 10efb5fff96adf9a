"""What a book is, and what may be said of one."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Self, TypeVar

from functions.catalog.domain.folding import shows_something
from functions.catalog.domain.isbn import parse_isbn
from functions.kit.base.errors import Detail, FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import NO_AMOUNT, from_minor, to_minor

T = TypeVar("T")

MAX_TITLE = 255
MAX_AUTHOR = 1000
"""An anthology names some fifty people."""
MAX_CATEGORY = 100
MAX_DESCRIPTION = 5000
MAX_STOCK = 1_000_000

NO_CONTROLS = Text("no debe tener caracteres de control", "must not hold control characters")
EMPTY = Text("no debe estar vacío", "must not be empty")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDetails:
    """What staff say of a book; made by `checked` only."""

    title: str
    author: str
    description: str | None
    isbn: str | None
    """Thirteen digits."""
    category: str | None
    price_minor: int

    @classmethod
    def checked(
        cls,
        *,
        title: str,
        author: str,
        price: Decimal,
        description: str | None = None,
        isbn: str | None = None,
        category: str | None = None,
    ) -> Self:
        """Details as they are kept: composed Unicode, one space between words, an ISBN-13.

        Raises `InvalidInput` that names every field which cannot be so.
        """
        errors: list[FieldError] = []

        def read(field: str, parse: Callable[[], T], otherwise: T) -> T:
            try:
                return parse()
            except ValueError as error:
                errors.append(FieldError(field, reason(error)))
                return otherwise

        details = cls(
            title=read("title", lambda: one_line(title, MAX_TITLE), ""),
            author=read("author", lambda: one_line(author, MAX_AUTHOR), ""),
            description=read(
                "description", lambda: description and prose(description, MAX_DESCRIPTION), None
            ),
            isbn=read("isbn", lambda: None if isbn is None else parse_isbn(isbn), None),
            category=read(
                "category",
                lambda: None if category is None else one_line(category, MAX_CATEGORY),
                None,
            ),
            price_minor=read("price", lambda: _minor(price), 0),
        )
        if errors:
            begin = Text("Corrija esto y envíelo de nuevo: ", "Correct these and send it again: ")
            raise InvalidInput(
                listed(((each.field, each.message) for each in errors), begin=begin),
                errors=errors,
            )
        return details

    @property
    def price(self) -> Decimal:
        return from_minor(self.price_minor)


DETAILS = tuple(field.name for field in fields(BookDetails))
"""The one list of what staff say of a book; tables, events, answers and imports follow it, and
tests/catalog/test_one_definition.py holds what cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book as it stands at a revision."""

    id: int
    details: BookDetails
    currency: str
    initial_stock: int
    """What purchase begins with; it owns the stock from there on."""
    revision: int
    retired: bool
    created_at: datetime
    uid: str
    """Later ones are greater; it puts books of the same title, or price, into an order."""


def reason(error: ValueError) -> Detail:
    """What a `ValueError` of this domain says, in both languages."""
    text: Detail = error.args[0]
    return text


def one_line(text: str, max_length: int) -> str:
    """Raises `ValueError` with the reason, a `Text`."""
    if _CONTROLS.search(text):
        raise ValueError(NO_CONTROLS)
    return _within(" ".join(unicodedata.normalize("NFC", text).split()), max_length)


def prose(text: str, max_length: int) -> str | None:
    """Text of several lines; None where it shows nothing.

    Raises `ValueError` with the reason, a `Text`.
    """
    if _CONTROLS_BUT_LINES.search(text):
        raise ValueError(NO_CONTROLS)
    tidied = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    return _within(tidied, max_length) if shows_something(tidied) else None


def _within(text: str, max_length: int) -> str:
    if not shows_something(text):
        raise ValueError(EMPTY)
    # Looked at again after normalising, which makes some texts longer.
    if len(text) > max_length:
        raise ValueError(
            Text(
                f"no debe tener más de {max_length} caracteres",
                f"must not be longer than {max_length} characters",
            )
        )
    return text


def _minor(amount: Decimal) -> int:
    try:
        return to_minor(amount)
    except ValueError as error:
        raise ValueError(NO_AMOUNT) from error

"""What a book is, and the rules of its details."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Self, TypeVar

from functions.catalog.domain.characters import is_visible
from functions.catalog.domain.isbn import parse_isbn
from functions.kit.base.errors import Detail, FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import NO_AMOUNT, from_minor, to_minor

T = TypeVar("T")

MAX_TITLE = 255
MAX_AUTHOR = 1000
"""Anthologies name up to some fifty people."""
MAX_CATEGORY = 100
MAX_DESCRIPTION = 5000
MAX_STOCK = 1_000_000

NO_CONTROLS = Text("no debe tener caracteres de control", "must not hold control characters")
EMPTY = Text("no debe estar vacío", "must not be empty")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDetails:
    """The part of a book that staff edit; constructed by `checked` only."""

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
        """Normalized details: composed Unicode, single spaces, an ISBN-13.

        Raises `InvalidInput`, which names every invalid field.
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
"""The fields of a book that staff edit. Tables, events, responses and imports derive theirs from
them; tests/catalog/test_one_definition.py checks the places that cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book at a revision."""

    id: int
    details: BookDetails
    currency: str
    initial_stock: int
    """The stock that purchase starts from; purchase owns the stock after that."""
    revision: int
    retired: bool
    created_at: datetime
    uid: str
    """Time-ordered; it orders books of equal title or price."""


def reason(error: ValueError) -> Detail:
    """The message of a `ValueError` that this domain raised."""
    text: Detail = error.args[0]
    return text


def one_line(text: str, max_length: int) -> str:
    """Raises `ValueError` with the reason, a `Text`."""
    if _CONTROLS.search(text):
        raise ValueError(NO_CONTROLS)
    return _within(" ".join(unicodedata.normalize("NFC", text).split()), max_length)


def prose(text: str, max_length: int) -> str | None:
    """Text of several lines; None where it renders nothing.

    Raises `ValueError` with the reason, a `Text`.
    """
    if _CONTROLS_BUT_LINES.search(text):
        raise ValueError(NO_CONTROLS)
    tidied = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    return _within(tidied, max_length) if is_visible(tidied) else None


def _within(text: str, max_length: int) -> str:
    if not is_visible(text):
        raise ValueError(EMPTY)
    # Checked again after normalizing, which makes some texts longer.
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

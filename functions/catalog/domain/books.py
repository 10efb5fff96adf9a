"""What a book is, and the rules of its details."""

import re
import unicodedata
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Self

from functions.catalog.domain.field_checks import FieldChecks
from functions.catalog.domain.isbn import parse_isbn
from functions.catalog.domain.languages import parse_language
from functions.catalog.domain.ratings import NO_RATINGS, Ratings
from functions.kit.base.characters import is_visible
from functions.kit.base.errors import Text
from functions.kit.base.money import NO_AMOUNT, from_minor, to_minor

MAX_TITLE = 255
MAX_AUTHOR = 1000
"""Anthologies name up to some fifty people."""
MAX_CATEGORY = 100
MAX_DESCRIPTION = 5000
MAX_STOCK = 1_000_000
MIN_YEAR, MAX_YEAR = -4000, 2999
"""Years of publication. The oldest texts that are sold are of the third millennium BCE."""
MAX_RATING = 500
"""Hundredths of a star: five stars."""
MAX_RATINGS = 10**12

NO_CONTROLS = Text("no debe tener caracteres de control", "must not hold control characters")
EMPTY = Text("no debe estar vacío", "must not be empty")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDetails:
    """The part of a book that staff and its seller edit; constructed by `checked` only."""

    title: str
    author: str
    description: str | None
    isbn: str | None
    """Thirteen digits."""
    category: str | None
    price_minor: int
    year: int | None = None
    """Of the original publication. Negative years are BCE: -750 is 750 BCE. There is no year 0."""
    language: str | None = None
    """ISO 639 code of the text: two letters where there are such, else three."""
    external_rating_hundredths: int | None = None
    """Average rating elsewhere, as a file brings it: 434 is 4.34 of five stars. It is not computed
    from what the shop's customers say."""
    external_ratings_count: int = 0
    """Ratings that the average is of; `Sort.POPULAR` orders by it."""

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
        year: int | None = None,
        language: str | None = None,
        external_rating_hundredths: int | None = None,
        external_ratings_count: int = 0,
    ) -> Self:
        """Normalized details: composed Unicode, single spaces, an ISBN-13.

        Raises `InvalidInput`, which names every invalid field.
        """
        checks = FieldChecks()
        read = checks.read
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
            year=read("year", lambda: None if year is None else checked_year(year), None),
            language=read(
                "language", lambda: None if language is None else parse_language(language), None
            ),
            external_rating_hundredths=read(
                "external_rating_hundredths",
                lambda: (
                    external_rating_hundredths
                    and whole_number(external_rating_hundredths, MAX_RATING)
                ),
                None,
            ),
            external_ratings_count=read(
                "external_ratings_count",
                lambda: whole_number(external_ratings_count, MAX_RATINGS),
                0,
            ),
        )
        checks.refuse()
        return details

    @property
    def price(self) -> Decimal:
        return from_minor(self.price_minor)


DETAILS = tuple(field.name for field in fields(BookDetails))
"""The fields of a book that staff and its seller edit. Tables, events, responses and imports derive
theirs from them; tests/catalog/test_one_definition.py checks the places that cannot."""


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
    ratings: Ratings = NO_RATINGS
    """Of the shop's customers. Reviews change them, not staff; the revision stays."""
    seller_id: int | None = None
    """The user id of its seller; None for the shop's own books."""
    retired_by: int | None = None
    """Who retired it; None where it is for sale or was retired by a release without sellers."""


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


def checked_year(year: int) -> int:
    """The year itself. Raises `ValueError` with the reason, a `Text`."""
    if not MIN_YEAR <= year <= MAX_YEAR or year == 0:
        raise ValueError(
            Text(
                f"debe ser un año de {MIN_YEAR} a {MAX_YEAR}, sin el 0; antes de Cristo, negativo",
                f"must be a year from {MIN_YEAR} to {MAX_YEAR}, without 0; BCE is negative",
            )
        )
    return year


def whole_number(number: int, most: int) -> int:
    """The number itself. Raises `ValueError` with the reason, a `Text`."""
    if not 0 <= number <= most:
        raise ValueError(
            Text(
                f"debe ser un número entero de 0 a {most}",
                f"must be a whole number from 0 to {most}",
            )
        )
    return number


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

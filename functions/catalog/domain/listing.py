"""The filters and orders of a list of books, as values."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from functions.catalog.domain.field_checks import reason
from functions.catalog.domain.isbn import parse_spreadsheet_isbn
from functions.catalog.domain.languages import parse_language
from functions.catalog.errors import UnknownSort
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import minor_units

MAX_IDS = 100

IDS = rf"[0-9]{{1,18}}(,[0-9]{{1,18}}){{0,{MAX_IDS - 1}}}"
"""Ids have up to eighteen digits, so that each fits its column."""
_IDS = re.compile(IDS)


class Sort(StrEnum):
    ID = "id"
    TITLE = "title"
    TITLE_DESCENDING = "-title"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"
    POPULAR = "popular"
    """By the number of external ratings, greatest first."""
    RATING = "rating"
    """By what the shop's customers say, best first (`Ratings.order`); without a review last."""
    YEAR = "year"
    """Books without a year come last, in both orders."""
    YEAR_DESCENDING = "-year"

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `UnknownSort`, which names the valid values."""
        try:
            return cls(name)
        except ValueError as error:
            choices = ", ".join(cls)
            raise UnknownSort(
                Text(f"Ordene por uno de: {choices}", f"Sort by one of: {choices}"),
                errors=[
                    FieldError(
                        "sort",
                        Text(f"debe ser uno de: {choices}", f"must be one of: {choices}"),
                    )
                ],
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of a list; None and empty texts filter nothing."""

    query: str = ""
    """Words, each of which must begin a word of the title, the author or the ISBN."""
    isbn: str | None = None
    """Thirteen digits."""
    author: str = ""
    """Names, each of which must be the whole name of an author of the book."""
    category: str = ""
    language: str | None = None
    """ISO 639 code."""
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    ids: tuple[int, ...] | None = None
    seller: int | None = None
    """The seller's id."""

    @classmethod
    def parse(
        cls,
        *,
        q: str | None = None,
        isbn: str | None = None,
        author: str | None = None,
        category: str | None = None,
        language: str | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        in_stock: bool | None = None,
        ids: str | None = None,
        seller: int | None = None,
    ) -> Self:
        """Raises `InvalidInput`, which names the parameter."""
        return cls(
            query=q or "",
            isbn=None if isbn is None else _isbn(isbn),
            author=author or "",
            category=category or "",
            language=None if not language else _language(language),
            min_price=None if min_price is None else minor_units("min_price", min_price),
            max_price=None if max_price is None else minor_units("max_price", max_price),
            in_stock=in_stock,
            ids=None if ids is None else _ids(ids),
            seller=seller,
        )


def _isbn(written: str) -> str:
    try:
        return parse_spreadsheet_isbn(written)
    except ValueError as error:
        raise _refused("isbn", error) from error


def _language(written: str) -> str:
    try:
        return parse_language(written)
    except ValueError as error:
        raise _refused("language", error) from error


def _refused(parameter: str, error: ValueError) -> InvalidInput:
    why = reason(error)
    return InvalidInput(listed([(parameter, why)]), errors=[FieldError(parameter, why)])


def _ids(ids: str) -> tuple[int, ...]:
    if not _IDS.fullmatch(ids):
        message = Text(
            f"debe ser hasta {MAX_IDS} números con comas entre ellos, como 3,17,42",
            f"must be up to {MAX_IDS} ids with commas between, as in 3,17,42",
        )
        raise InvalidInput(listed([("ids", message)]), errors=[FieldError("ids", message)])
    return tuple(dict.fromkeys(map(int, ids.split(","))))

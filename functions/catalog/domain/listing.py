"""What a list of books may be asked for."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from functions.catalog.domain import search, text
from functions.catalog.domain.books import reason
from functions.catalog.domain.isbn import parse_spreadsheet_isbn
from functions.catalog.domain.search import Wanted
from functions.catalog.errors import UnknownSort
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import minor_units

MAX_IDS = 100

IDS = rf"[0-9]{{1,18}}(,[0-9]{{1,18}}){{0,{MAX_IDS - 1}}}"
"""Eighteen digits: no shop has had a book of more, and any such number fits its column."""
_IDS = re.compile(IDS)


class Sort(StrEnum):
    ID = "id"
    TITLE = "title"
    TITLE_DESCENDING = "-title"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NEWEST = "newest"

    @classmethod
    def parse(cls, name: str) -> Self:
        """Raises `UnknownSort`, naming what there is."""
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
    """Which books; what is None or empty filters nothing."""

    wanted: tuple[Wanted, ...] = ()
    """What `q` asks for, word by word; each must be in the title, the author or the ISBN."""
    isbn: str | None = None
    """Thirteen digits."""
    authors: tuple[frozenset[str], ...] = ()
    """Of each, one form must be a name of the book's authors."""
    categories: tuple[str, ...] = ()
    """One must be the book's."""
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    ids: tuple[int, ...] | None = None

    @classmethod
    def parse(
        cls,
        *,
        q: str | None,
        isbn: str | None,
        author: str | None,
        category: str | None,
        min_price: Decimal | None,
        max_price: Decimal | None,
        in_stock: bool | None,
        ids: str | None,
    ) -> Self:
        """Raises `InvalidInput`, naming the parameter."""
        return cls(
            wanted=search.wanted(q or ""),
            isbn=None if isbn is None else _isbn(isbn),
            authors=text.people(author or ""),
            categories=text.category_keys(category or ""),
            min_price=None if min_price is None else minor_units("min_price", min_price),
            max_price=None if max_price is None else minor_units("max_price", max_price),
            in_stock=in_stock,
            ids=None if ids is None else _ids(ids),
        )


def _isbn(written: str) -> str:
    try:
        return parse_spreadsheet_isbn(written)
    except ValueError as error:
        errors = [FieldError("isbn", reason(error))]
        raise InvalidInput(listed([("isbn", reason(error))]), errors=errors) from error


def _ids(ids: str) -> tuple[int, ...]:
    if not _IDS.fullmatch(ids):
        message = Text(
            f"debe ser hasta {MAX_IDS} números con comas entre ellos, como 3,17,42",
            f"must be up to {MAX_IDS} ids with commas between, as in 3,17,42",
        )
        raise InvalidInput(listed([("ids", message)]), errors=[FieldError("ids", message)])
    return tuple(dict.fromkeys(map(int, ids.split(","))))

"""What a list of books may be asked for."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from functions.catalog.domain import search, text
from functions.catalog.domain.books import minor_units
from functions.catalog.errors import UnknownSort
from functions.kit.errors import FieldError, InvalidInput

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
                f"Sort by one of: {choices}",
                errors=[FieldError("sort", f"must be one of: {choices}")],
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which books; what is None or empty filters nothing."""

    words: tuple[str, ...] = ()
    """Each must begin a word of the title or the author."""
    authors: tuple[str, ...] = ()
    """Each must be one of the book's authors."""
    category: str | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    ids: tuple[int, ...] | None = None

    @classmethod
    def parse(
        cls,
        *,
        q: str | None,
        author: str | None,
        category: str | None,
        min_price: Decimal | None,
        max_price: Decimal | None,
        in_stock: bool | None,
        ids: str | None,
    ) -> Self:
        """Raises `InvalidInput`, naming the parameter."""
        return cls(
            words=search.words(q or ""),
            authors=text.names(author or ""),
            category=text.category_key(category or "") or None,
            min_price=None if min_price is None else minor_units("min_price", min_price),
            max_price=None if max_price is None else minor_units("max_price", max_price),
            in_stock=in_stock,
            ids=None if ids is None else _ids(ids),
        )


def _ids(listed: str) -> tuple[int, ...]:
    if not _IDS.fullmatch(listed):
        message = f"must be up to {MAX_IDS} ids with commas between, as in 3,17,42"
        raise InvalidInput(f"ids {message}", errors=[FieldError("ids", message)])
    return tuple(dict.fromkeys(map(int, listed.split(","))))

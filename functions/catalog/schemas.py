"""Bodies in and out. Names are the original's where it had them; `price` is a number with two
decimals, and minor units stand beside it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.catalog.domain.books import (
    MAX_AUTHOR,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_STOCK,
    MAX_TITLE,
)
from functions.kit.types import NOT_BLANK, Amount, Strict, line, prose

# Blank ones are the domain's to refuse, together with all else that is wrong with a book.
Title = Annotated[str, line(MAX_TITLE, blank=True)]
Author = Annotated[str, line(MAX_AUTHOR, blank=True)]
Description = Annotated[str, prose(MAX_DESCRIPTION)]
Isbn = Annotated[str, line(40, blank=True)]
Category = Annotated[str, line(MAX_CATEGORY, blank=True)]
Stock = Annotated[int, Meta(ge=0, le=MAX_STOCK)]
NotHere = Annotated[
    Any,
    Meta(
        description="Refused: stock is changed by purchase's POST /inventory/{book_id}/adjustments"
    ),
]


_BOOK = {
    "isbn": {"format": "isbn"},
    **{name: {"pattern": NOT_BLANK} for name in ("title", "author", "category")},
}
_NOT_HERE: dict[str, Any] = {"stock": {"not": {}}}

_EXAMPLE = {"title": "Rayuela", "author": "Julio Cortázar", "price": 21.90, "category": "Novel"}


class BookView(msgspec.Struct, frozen=True, kw_only=True):
    """A book as it is shown."""

    id: int
    title: str
    author: str
    description: str | None
    price: Decimal
    stock: int
    isbn: str | None
    category: str | None
    currency: str
    price_minor: int
    stock_revision: int
    """0 until purchase has spoken; `stock` is the initial one till then."""
    stock_as_of: datetime


class NewBook(Strict, frozen=True, kw_only=True):
    title: Title
    author: Author
    price: Amount
    description: Description | None = None
    isbn: Isbn | None = None
    category: Category | None = None
    stock: Stock = 0
    """What purchase begins with."""

    described: ClassVar[dict[str, Any]] = {"properties": _BOOK}
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "isbn": "9788437604947", "stock": 5}


class BookReplacement(Strict, frozen=True, kw_only=True):
    """The whole book: what is left out is emptied."""

    title: Title
    author: Author
    price: Amount
    description: Description | None = None
    isbn: Isbn | None = None
    category: Category | None = None
    stock: NotHere = UNSET

    described: ClassVar[dict[str, Any]] = {"properties": {**_BOOK, **_NOT_HERE}}
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "description": "Una novela y sus saltos."}


class BookChanges(Strict, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396): null empties a field, what is left out stays as it is."""

    title: Title | UnsetType = UNSET
    author: Author | UnsetType = UNSET
    price: Amount | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    isbn: Isbn | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    stock: NotHere = UNSET

    described: ClassVar[dict[str, Any]] = {"properties": {**_BOOK, **_NOT_HERE}}
    example: ClassVar[dict[str, Any]] = {"price": 14.50}


class BookAdded(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    book_id: int


class BookWritten(msgspec.Struct, frozen=True, kw_only=True):
    message: str


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say of one line of a file."""

    line: int
    field: str
    """Empty where the line as a whole is meant."""
    reason: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What became of a file; `lines` = `created` + `updated` + `unchanged` + `refused`."""

    lines: int = 0
    """Records after the header."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    warned: int = 0
    """Lines whose book was taken, but not all that they say."""
    errors: list[LineReport] = []
    """Why lines were refused; the first thousand reasons."""
    warnings: list[LineReport] = []
    """What was left out of a book that was taken; the first thousand."""
    truncated: bool = False
    """Whether there were more errors or warnings than are listed."""

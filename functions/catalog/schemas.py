"""Bodies in and out. Names are the original's where it had them; `price` is a number with two
decimals, and minor units stand beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from functions.catalog.domain.books import (
    MAX_AUTHOR,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_STOCK,
    MAX_TITLE,
    Book,
)
from functions.catalog.domain.versions import KnownStock
from functions.kit.base.fields import NOT_BLANK, Strict, UncheckedAmount, line, prose
from functions.kit.http.responses import encode

# Blank ones are the domain's to refuse, together with all else that is wrong with a book.
Title = Annotated[str, line(MAX_TITLE, blank=True)]
Author = Annotated[str, line(MAX_AUTHOR, blank=True)]
Description = Annotated[str, prose(MAX_DESCRIPTION)]
Isbn = Annotated[str, line(40, blank=True)]
Category = Annotated[str, line(MAX_CATEGORY, blank=True)]
Stock = Annotated[int, Meta(ge=0, le=MAX_STOCK)]
ReadOnly = Annotated[
    Any,
    Meta(description="Ignored where it is as `GET /books/{book_id}` shows it, refused where not"),
]
NotHere = Annotated[
    Any,
    Meta(
        description="Ignored where it is as `GET /books/{book_id}` shows it; it is changed by"
        " purchase's `POST /inventory/{book_id}/adjustments`"
    ),
]

READ_ONLY = ("id", "stock", "currency", "price_minor", "stock_revision", "stock_as_of")
"""Members of a `BookView` that follow from others, or are another's to change."""

_BOOK = {
    "isbn": {"format": "isbn"},
    **{name: {"pattern": NOT_BLANK} for name in ("title", "author", "category")},
}

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

    @classmethod
    def of(cls, book: Book, known: KnownStock | None) -> Self:
        stock = KnownStock.of(book, known)
        return cls(
            id=book.id,
            **asdict(book.details),
            price=book.details.price,
            currency=book.currency,
            stock=stock.available,
            stock_revision=stock.revision,
            stock_as_of=stock.as_of,
        )

    def differs(self, seen: Mapping[str, Any]) -> list[str]:
        """Members that a caller has seen otherwise than they are shown now."""
        shown = msgspec.json.decode(encode(self))
        return [name for name, value in seen.items() if not _is_same(value, shown[name])]


class NewBook(Strict, frozen=True, kw_only=True):
    title: Title
    author: Author
    price: UncheckedAmount
    description: Description | None = None
    isbn: Isbn | None = None
    category: Category | None = None
    stock: Stock = 0
    """What purchase begins with."""

    described: ClassVar[dict[str, Any]] = {"properties": _BOOK}
    example: ClassVar[dict[str, Any]] = {**_EXAMPLE, "isbn": "9788437604947", "stock": 5}

    def details(self) -> dict[str, Any]:
        """What is said of the book, as arguments of `BookDetails.checked`."""
        return {
            name: value for name, value in msgspec.structs.asdict(self).items() if name != "stock"
        }


class BookChanges(Strict, frozen=True, kw_only=True):
    """A JSON merge patch (RFC 7396): null empties a field, what is left out stays as it is.

    A book as `GET` shows it is one too: what cannot be changed is passed over where it is the same.
    """

    title: Title | UnsetType = UNSET
    author: Author | UnsetType = UNSET
    price: UncheckedAmount | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    isbn: Isbn | UnsetType | None = UNSET
    category: Category | UnsetType | None = UNSET
    id: ReadOnly = UNSET
    stock: NotHere = UNSET
    currency: ReadOnly = UNSET
    price_minor: ReadOnly = UNSET
    stock_revision: ReadOnly = UNSET
    stock_as_of: ReadOnly = UNSET

    described: ClassVar[dict[str, Any]] = {
        "properties": {**_BOOK, **{name: {"readOnly": True} for name in READ_ONLY}}
    }
    example: ClassVar[dict[str, Any]] = {"price": 14.50}

    def details(self) -> dict[str, Any]:
        """What is said of the book, as arguments of `BookDetails.checked`."""
        return {name: value for name, value in self._given() if name not in READ_ONLY}

    def shown(self) -> dict[str, Any]:
        """What cannot be changed, as the caller has seen it."""
        return {name: value for name, value in self._given() if name in READ_ONLY}

    def _given(self) -> Iterator[tuple[str, Any]]:
        return (
            (name, value)
            for name, value in msgspec.structs.asdict(self).items()
            if value is not UNSET
        )


def _is_same(value: object, shown: object) -> bool:
    """1 is not true; a time is the same in each way of writing it."""
    if type(value) is type(shown) and value == shown:
        return True
    try:
        return msgspec.convert(value, datetime) == msgspec.convert(shown, datetime)
    except msgspec.ValidationError:
        return False


def seen_stock(seen: Mapping[str, Any]) -> KnownStock | None:
    """The stock that a caller sends back; None where it is not whole."""
    try:
        return KnownStock(
            msgspec.convert(seen.get("stock_revision"), int),
            msgspec.convert(seen.get("stock"), int),
            msgspec.convert(seen.get("stock_as_of"), Annotated[datetime, Meta(tz=True)]),
        )
    except msgspec.ValidationError:
        return None


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
    unused_columns: list[str] = []
    """Columns of the file that nothing was read from."""

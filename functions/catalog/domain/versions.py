"""Which version of a book somebody has seen.

Two owners change what `GET /books/{id}` shows: the catalogue the book, purchase its stock. The
entity tag has a mark of both, so a cache never shows old stock; `If-Match` looks at the book's
alone, so a sale between reading and writing does not refuse the writer.

A revision does not do by itself: a database that was restored from a backup gives the same ones
again, to another content. So the marks are made of what is shown.
"""

import hashlib
import re
from dataclasses import astuple
from datetime import datetime
from typing import NamedTuple, Self

from functions.catalog.domain.books import Book
from functions.kit import etags
from functions.kit.errors import PreconditionFailed, PreconditionRequired

SHAPE = 1
"""Number of the JSON's shape: raised with it, so that nobody keeps an answer of the old one."""

_TAG = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})\.[0-9]{1,19}\Z")


class Stock(NamedTuple):
    """What purchase has told."""

    revision: int
    available: int
    as_of: datetime


class BookVersion(NamedTuple):
    mark: int
    """Up to nine digits."""
    revision: int

    @classmethod
    def of(cls, book: Book) -> Self:
        shown = astuple(book.details), book.currency
        return cls(_number(9, SHAPE, *shown), book.revision)


class Version(NamedTuple):
    book: BookVersion
    stock: int
    """A mark of up to nineteen digits."""

    @classmethod
    def of(cls, book: Book, stock: Stock | None) -> Self:
        """Before purchase has spoken, what is shown as the stock is the book's."""
        shown = stock or Stock(0, book.initial_stock, book.created_at)
        mark = _number(19, shown.revision, shown.available, shown.as_of.timestamp())
        return cls(BookVersion.of(book), mark)

    @property
    def etag(self) -> str:
        return f'"{self.book.mark}.{self.book.revision}.{self.stock}"'


class Expected(NamedTuple):
    """The versions that a writer is content with; None for any."""

    versions: frozenset[BookVersion] | None = None

    def check(self, book: Book) -> None:
        """Raises `PreconditionFailed` where the book is not the one that was seen."""
        if self.versions is not None and BookVersion.of(book) not in self.versions:
            raise PreconditionFailed("Read it again, and send If-Match with its new ETag.")


def expected(if_match: str | None, *, required: bool = False) -> Expected:
    """What an `If-Match` header asks for; weak tags match nothing (RFC 9110, section 13.1.1).

    Raises `InvalidInput` for a header that is none, `PreconditionRequired` where it must be there.
    """
    if if_match is None:
        if required:
            raise PreconditionRequired("Send If-Match with the ETag of the version you have seen.")
        return Expected()
    tags = etags.parse(if_match)
    if tags is None:
        return Expected()
    matches = [_TAG.match(opaque) for weak, opaque in tags if not weak]
    return Expected(
        frozenset(BookVersion(int(match[1]), int(match[2])) for match in matches if match)
    )


def _number(digits: int, *parts: object) -> int:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    limit: int = 10**digits
    return int.from_bytes(digest) % limit

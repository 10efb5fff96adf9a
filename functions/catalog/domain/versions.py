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
from functions.kit.errors import PreconditionFailed, PreconditionRequired, Text

SHAPE = 1
"""Number of the JSON's shape: raised with it, so that nobody keeps an answer of the old one."""

_TAG = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,19})\Z")


class Stock(NamedTuple):
    """What purchase has told."""

    revision: int
    available: int
    as_of: datetime

    @classmethod
    def of(cls, book: Book, known: Self | None) -> Self:
        """As it is shown: the book's initial one until purchase has spoken."""
        return known or cls(0, book.initial_stock, book.created_at)

    @property
    def mark(self) -> int:
        """Up to nineteen digits."""
        return _number(19, self.revision, self.available, self.as_of.timestamp())


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
        return cls(BookVersion.of(book), Stock.of(book, stock).mark)

    @property
    def etag(self) -> str:
        return f'"{self.book.mark}.{self.book.revision}.{self.stock}"'


class Expected(NamedTuple):
    """The versions that a writer is content with; None for any."""

    versions: frozenset[BookVersion] | None = None
    stocks: frozenset[int] = frozenset()
    """Marks of the stock that was shown with them."""

    def check(self, book: Book) -> None:
        """Raises `PreconditionFailed` where the book is not the one that was seen."""
        if self.versions is not None and BookVersion.of(book) not in self.versions:
            raise PreconditionFailed(
                Text(
                    "Léalo de nuevo y envíe If-Match con su nuevo ETag.",
                    "Read it again, and send If-Match with its new ETag.",
                )
            )


def expected(if_match: str | None, *, required: bool = False) -> Expected:
    """What an `If-Match` header asks for; weak tags match nothing (RFC 9110, section 13.1.1).

    Raises `InvalidInput` for a header that is none, `PreconditionRequired` where it must be there.
    """
    if if_match is None:
        if required:
            raise PreconditionRequired(
                Text(
                    "Envíe If-Match con el ETag de la versión que ha visto.",
                    "Send If-Match with the ETag of the version you have seen.",
                )
            )
        return Expected()
    tags = etags.parse(if_match)
    if tags is None:
        return Expected()
    found = [_TAG.match(opaque) for weak, opaque in tags if not weak]
    matches = [match for match in found if match]
    return Expected(
        frozenset(BookVersion(int(match[1]), int(match[2])) for match in matches),
        frozenset(int(match[3]) for match in matches),
    )


def _number(digits: int, *parts: object) -> int:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    limit: int = 10**digits
    return int.from_bytes(digest) % limit

"""Which version of a book somebody has seen.

Two owners change what `GET /books/{id}` shows: the catalogue the book, purchase its stock. The
entity tag has a mark of both, so a cache never shows old stock; `If-Match` looks at the book's
alone, so a sale between reading and writing does not refuse the writer.

A revision does not do by itself: a database that was restored from a backup gives the same ones
again, to another content. So the marks are made of what is shown.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import NamedTuple, Self

from functions.catalog.domain.books import Book
from functions.kit.base.errors import PreconditionFailed, PreconditionRequired, Text
from functions.kit.http import etags

SHAPE = 1
"""Number of the JSON's shape: raised with it, so that nobody keeps an answer of the old one."""

_TAG = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,19})\Z")


class KnownStock(NamedTuple):
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
    def of(cls, book: Book, stock: KnownStock | None) -> Self:
        return cls(BookVersion.of(book), KnownStock.of(book, stock).mark)

    @property
    def etag(self) -> str:
        return f'"{self.book.mark}.{self.book.revision}.{self.stock}"'


class Expected(NamedTuple):
    """The versions that a writer is content with; None for any. And those that it rules out."""

    versions: frozenset[BookVersion] | None = None
    stocks: frozenset[int] = frozenset()
    """Marks of the stock that was shown with them."""
    if_none_match: str | None = None

    def check(self, book: Book) -> None:
        """Raises `PreconditionFailed` where the book is not the one that was seen."""
        if self.versions is not None and BookVersion.of(book) not in self.versions:
            raise PreconditionFailed(etags.CHANGED)
        if self.if_none_match is not None:
            # By the book's part of a tag, as above: a sale makes no other book of it.
            tags = [opaque for _, opaque in etags.parse(self.if_none_match) or ()]
            known = {tag for tag in tags if BookVersion.of(book) in _versions([tag])}
            etags.refuse_known(self.if_none_match, known)


def expected(
    if_match: str | None, if_none_match: str | None = None, *, required: bool = False
) -> Expected:
    """What `If-Match` and `If-None-Match` ask for (RFC 9110, section 13.1).

    Weak tags match nothing in `If-Match`.
    Raises `InvalidInput` for a header that is none, `PreconditionRequired` where it must be there.
    """
    if if_none_match is not None:
        etags.parse(if_none_match)  # refused here, before the database is asked
    if if_match is None:
        if required:
            raise PreconditionRequired(
                Text(
                    "Envíe If-Match con el ETag de la versión que ha visto.",
                    "Send If-Match with the ETag of the version you have seen.",
                )
            )
        return Expected(if_none_match=if_none_match)
    tags = etags.parse(if_match)
    if tags is None:
        return Expected(if_none_match=if_none_match)
    strong = [opaque for weak, opaque in tags if not weak]
    return Expected(_versions(strong), _stocks(strong), if_none_match)


def _versions(tags: Sequence[str]) -> frozenset[BookVersion]:
    """The books' versions in entity tags; other tags are passed over."""
    matches = [_TAG.match(tag) for tag in tags]
    return frozenset(BookVersion(int(match[1]), int(match[2])) for match in matches if match)


def _stocks(tags: Sequence[str]) -> frozenset[int]:
    """The marks of the stock in entity tags."""
    return frozenset(int(match[3]) for match in map(_TAG.match, tags) if match)


def _number(digits: int, *parts: object) -> int:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    limit: int = 10**digits
    return int.from_bytes(digest) % limit

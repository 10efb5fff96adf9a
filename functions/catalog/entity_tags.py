"""Entity tags of books, and the preconditions that are checked against them.

`GET /books/{id}` returns the book as its editors write it, its stock, which purchase owns, its
ratings, which customers change, and the name of its seller. An entity tag names the version of
each, so a cache never serves an old stock. `If-Match` compares the book's version alone, so neither
a sale nor a review nor another name of the seller between a read and a write fails the write.

A version is a digest of the content besides the revision: a database that was restored from a
backup assigns the same revisions again, to other content.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import NamedTuple, Self

from functions.catalog.domain.books import Book
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.reviews import Review
from functions.catalog.domain.stock import KnownStock
from functions.kit.base.errors import PreconditionFailed, PreconditionRequired, Text
from functions.kit.http import etags

SHAPE = 3
"""Version of the JSON's members. Raising it invalidates every cached representation."""

REVIEW_SHAPE = 1
"""The same of a review."""

_TAG = re.compile(r"([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,19})(?:\.[0-9]{1,9})?\Z")


def others_digest(stock: KnownStock, ratings: Ratings) -> int:
    """Of what others than staff change. Up to nineteen digits."""
    return _digest(19, stock.revision, stock.available, stock.as_of.timestamp(), *ratings)


class BookVersion(NamedTuple):
    digest: int
    """Up to nine digits."""
    revision: int

    @classmethod
    def of(cls, book: Book) -> Self:
        content = astuple(book.details), book.currency, book.seller_id
        return cls(_digest(9, SHAPE, *content), book.revision)


class Version(NamedTuple):
    book: BookVersion
    others: int
    """As `others_digest` returns it."""
    seller: int | None = None
    """A digest of the seller's name, of up to nine digits; None for a book without one."""

    @classmethod
    def of(cls, book: Book, stock: KnownStock | None, seller_name: str | None = None) -> Self:
        others = others_digest(KnownStock.of(book, stock), book.ratings)
        seller = None if seller_name is None else _digest(9, seller_name)
        return cls(BookVersion.of(book), others, seller)

    @property
    def etag(self) -> str:
        name = "" if self.seller is None else f".{self.seller}"
        return f'"{self.book.digest}.{self.book.revision}.{self.others}{name}"'


class Precondition(NamedTuple):
    """What `If-Match` and `If-None-Match` of a write require of the book."""

    versions: frozenset[BookVersion] | None = None
    """Versions that may be written over; None for any."""
    others: frozenset[int] = frozenset()
    """`others_digest` of the stocks and ratings that the same tags name."""
    if_none_match: str | None = None

    def check(self, book: Book) -> None:
        """Raises `PreconditionFailed` where the book has another version."""
        if self.versions is not None and BookVersion.of(book) not in self.versions:
            raise PreconditionFailed(etags.CHANGED)
        if self.if_none_match is not None:
            # The last part of a tag is not compared: a sale does not change the book.
            tags = [opaque for _, opaque in etags.parse(self.if_none_match) or ()]
            known = {tag for tag in tags if BookVersion.of(book) in _versions([tag])}
            etags.refuse_known(self.if_none_match, known)


def review_etag(review: Review) -> str:
    """Of a review, as `GET /reviews/{id}` returns it."""
    content = review.content
    return etags.strong_etag(
        *(REVIEW_SHAPE, review.id, review.revision, review.state, review.hidden_reason),
        *(content.rating, content.text, content.reviewer, review.edited_at),
    )


def require_if_match(headers: Mapping[str, str]) -> None:
    """Raises `PreconditionRequired` where the header is missing."""
    parse_precondition(headers.get("if-match"), required=True)


def parse_precondition(
    if_match: str | None, if_none_match: str | None = None, *, required: bool = False
) -> Precondition:
    """The precondition in two headers (RFC 9110, section 13.1).

    Weak tags match nothing in `If-Match`.
    Raises `InvalidInput` for a malformed header, and `PreconditionRequired` for a missing
    `If-Match` where `required`.
    """
    if if_none_match is not None:
        etags.parse(if_none_match)  # validates the header before the database is read
    if if_match is None:
        if required:
            raise PreconditionRequired(
                Text(
                    "Envíe If-Match con el ETag de la versión que ha visto.",
                    "Send If-Match with the ETag of the version you have seen.",
                )
            )
        return Precondition(if_none_match=if_none_match)
    tags = etags.parse(if_match)
    if tags is None:
        return Precondition(if_none_match=if_none_match)
    strong = [opaque for weak, opaque in tags if not weak]
    return Precondition(_versions(strong), _others(strong), if_none_match)


def _versions(tags: Sequence[str]) -> frozenset[BookVersion]:
    """The books' versions in entity tags; tags of another form are ignored."""
    matches = [_TAG.match(tag) for tag in tags]
    return frozenset(BookVersion(int(match[1]), int(match[2])) for match in matches if match)


def _others(tags: Sequence[str]) -> frozenset[int]:
    return frozenset(int(match[3]) for match in map(_TAG.match, tags) if match)


def _digest(digits: int, *parts: object) -> int:
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    limit: int = 10**digits
    return int.from_bytes(digest) % limit

"""The events that the catalogue publishes. Each carries the full state of a book.

Contracts: `eventing/contracts/bookstore.book.*.schema.json`. `functions/kit/events/relay.py` sends
them; purchase consumes them.
"""

from dataclasses import asdict

import msgspec

from functions.catalog.domain.books import Book
from functions.kit.events.outbox import NewEvent

STREAM = "books"
SOURCE = "/bookstore/catalog/books"

BOOK_CREATED = "bookstore.book.created.v1"
BOOK_UPDATED = "bookstore.book.updated.v1"
BOOK_RETIRED = "bookstore.book.retired.v1"


class BookState(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    title: str
    author: str
    description: str | None
    isbn: str | None
    category: str | None
    price_minor: int
    currency: str
    retired: bool
    initial_stock: int
    year: int | None = None
    language: str | None = None
    external_rating_hundredths: int | None = None
    external_ratings_count: int = 0


def book_created(book: Book) -> NewEvent:
    return _event(BOOK_CREATED, book)


def book_updated(book: Book) -> NewEvent:
    return _event(BOOK_UPDATED, book)


def book_retired(book: Book) -> NewEvent:
    return _event(BOOK_RETIRED, book)


def present_state(book: Book) -> NewEvent:
    """The event of a book in a snapshot, whichever its last event was."""
    return book_retired(book) if book.retired else book_updated(book)


def _event(event_type: str, book: Book) -> NewEvent:
    return NewEvent(
        source=SOURCE,
        type=event_type,
        subject=f"book/{book.id}",
        revision=book.revision,
        data=BookState(
            book_id=book.id,
            **asdict(book.details),
            currency=book.currency,
            retired=book.retired,
            initial_stock=book.initial_stock,
        ),
    )

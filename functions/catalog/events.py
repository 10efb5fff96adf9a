"""The events that the catalogue publishes, in two streams: books and reviews.

Each event carries the full state of its subject. Contracts: `eventing/contracts/bookstore.book.*`
and `bookstore.review.*`. `functions/kit/events/relay.py` sends them; purchase consumes the books.
"""

from dataclasses import asdict

import msgspec

from functions.catalog.domain.books import Book
from functions.catalog.domain.reviews import Review, ReviewState
from functions.kit.base.clock import isoformat
from functions.kit.events.outbox import NewEvent

STREAM = "books"
SOURCE = "/bookstore/catalog/books"

BOOK_CREATED = "bookstore.book.created.v1"
BOOK_UPDATED = "bookstore.book.updated.v1"
BOOK_RETIRED = "bookstore.book.retired.v1"

REVIEWS_STREAM = "reviews"
REVIEWS_SOURCE = "/bookstore/catalog/reviews"

REVIEW_POSTED = "bookstore.review.posted.v1"
REVIEW_CHANGED = "bookstore.review.changed.v1"
REVIEW_REMOVED = "bookstore.review.removed.v1"


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
    seller_id: int | None = None
    """The user id of its seller; null for the shop's own books."""


class ReviewEventState(msgspec.Struct, frozen=True, kw_only=True):
    """A review without its text and without the name of its author.

    Feeds keep events for 30 days, and the words of a review are erased at once with it. Consumers
    read them at `GET /reviews/{review_id}`.
    """

    review_id: int
    book_id: int
    user_id: int
    rating: int
    state: str
    """`published`, `hidden` by staff, or `removed`."""
    created_at: str
    edited_at: str | None


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
            seller_id=book.seller_id,
        ),
    )


def review_posted(review: Review) -> NewEvent:
    return _review_event(REVIEW_POSTED, review)


def review_changed(review: Review) -> NewEvent:
    """Edited by its author, or hidden or restored by staff."""
    return _review_event(REVIEW_CHANGED, review)


def review_removed(review: Review) -> NewEvent:
    return _review_event(REVIEW_REMOVED, review)


def present_review(review: Review) -> NewEvent:
    """The event of a review in a snapshot, whichever its last event was."""
    is_new = review.revision == 1 and review.state is ReviewState.PUBLISHED
    return review_posted(review) if is_new else review_changed(review)


def _review_event(event_type: str, review: Review) -> NewEvent:
    return NewEvent(
        source=REVIEWS_SOURCE,
        type=event_type,
        subject=f"review/{review.id}",
        revision=review.revision,
        data=ReviewEventState(
            review_id=review.id,
            book_id=review.book_id,
            user_id=review.user_id,
            rating=review.content.rating,
            state=str(review.state),
            created_at=isoformat(review.created_at),
            edited_at=None if review.edited_at is None else isoformat(review.edited_at),
        ),
    )

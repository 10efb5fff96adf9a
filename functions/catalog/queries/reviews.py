"""Reviews: of a book, of a customer, for moderation, and the snapshot of all."""

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain.reviews import Review, ReviewState
from functions.catalog.entity_tags import review_etag
from functions.catalog.errors import BookNotFound, BookRetired, ReviewNotFound
from functions.catalog.schemas_reviews import (
    ModeratedReviewView,
    OwnReviewView,
    ReportView,
    ReviewView,
)
from functions.catalog.tables import REVIEW_COLUMNS, to_review
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row, is_in
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import id_in
from functions.kit.events.outbox import as_state
from functions.kit.http.etags import strong_etag
from functions.kit.http.keyset import KeysetOrder
from functions.kit.http.pagination import decode_cursor, encode_cursor

SNAPSHOT_PAGE = 500
MAX_REPORTS = 200
"""Reports that a page for staff lists, the newest; their number is exact."""


class ReviewSort(StrEnum):
    NEWEST = "newest"
    HIGHEST = "highest"
    """Most stars first, of equal ones the newest."""
    LOWEST = "lowest"
    """Fewest stars first, of equal ones the oldest."""


class Moderation(StrEnum):
    """What staff look through."""

    REPORTED = "reported"
    """Published and with open reports; most reports first."""
    HIDDEN = "hidden"
    PUBLISHED = "published"


class ModerationSort(StrEnum):
    """A minus means descending; of equal reviews the order is that of their ids, the same way."""

    CREATED = "created"
    CREATED_DESCENDING = "-created"
    RATING = "rating"
    RATING_DESCENDING = "-rating"
    REPORTS = "reports"
    REPORTS_DESCENDING = "-reports"


_ORDERS = {
    "created": ("r.id", int),
    "rating": ("r.rating", int),
    "reports": ("r.open_reports", int),
}


class ReviewPage(NamedTuple):
    reviews: Sequence[Review]
    cursor: str | None
    etag: str

    def views(self) -> list[ReviewView]:
        """Built on demand: a 304 response needs none."""
        return [ReviewView.of(each) for each in self.reviews]


async def list_reviews(
    database: Database,
    book_id: int,
    sort: ReviewSort,
    *,
    rating: int | None,
    after: str | None,
    limit: int,
) -> ReviewPage:
    """Published reviews of a book; with `rating`, those of so many stars.

    Raises `BookNotFound`, `BookRetired`, or `InvalidInput` for a cursor of another order.
    """
    await _check_for_sale(database, book_id)
    conditions = ["r.book_id = {}", "r.state = {}"]
    values: list[Any] = [book_id, str(ReviewState.PUBLISHED)]
    if rating is not None:
        conditions.append("r.rating = {}")
        values.append(rating)
    beyond = ">" if sort is ReviewSort.LOWEST else "<"
    if after is not None and sort is ReviewSort.NEWEST:
        (review_id,) = _read_cursor(after, sort, int)
        conditions.append("r.id < {}")
        values.append(review_id)
    elif after is not None:
        stars, review_id = _read_cursor(after, sort, int, int)
        conditions.append(
            f"r.rating {beyond}= {{}} AND (r.rating {beyond} {{}} OR r.id {beyond} {{}})"
        )
        values += [stars, stars, review_id]
    order = {
        ReviewSort.NEWEST: "r.id DESC",
        ReviewSort.HIGHEST: "r.rating DESC, r.id DESC",
        ReviewSort.LOWEST: "r.rating ASC, r.id ASC",
    }[sort]
    outcome = await database.execute(
        QueryString(
            f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE {' AND '.join(conditions)}"  # noqa: S608
            f" ORDER BY {order} LIMIT {{}}",
            *values,
            limit + 1,
        )
    )
    reviews = [to_review(row) for row in outcome.rows[:limit]]
    more = len(outcome.rows) > limit
    cursor = None
    if more and sort is ReviewSort.NEWEST:
        cursor = encode_cursor(sort.value, reviews[-1].id)
    elif more:
        cursor = encode_cursor(sort.value, reviews[-1].content.rating, reviews[-1].id)
    return ReviewPage(reviews, cursor, strong_etag(more, *map(review_etag, reviews)))


async def get_review(database: Database, review_id: int) -> Review:
    """A review in any state. Raises `ReviewNotFound`."""
    outcome = await database.execute(
        QueryString(f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.id = {{}}", review_id)  # noqa: S608
    )
    if not outcome.rows:
        raise ReviewNotFound(
            Text(f"No hay ninguna reseña {review_id}.", f"There is no review {review_id}.")
        )
    return to_review(outcome.rows[0])


async def review_of(database: Database, user_id: int, book_id: int) -> Review | None:
    """A customer's review of a book, hidden or not. Raises `BookNotFound` or `BookRetired`."""
    await _check_for_sale(database, book_id)
    outcome = await database.execute(
        QueryString(
            f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.user_id = {{}} AND r.book_id = {{}}",  # noqa: S608
            user_id,
            book_id,
        )
    )
    return to_review(outcome.rows[0]) if outcome.rows else None


async def has_bought(database: Database, user_id: int, book_id: int) -> bool:
    """Whether a customer has a purchase with the book that is paid and not refunded."""
    outcome = await database.execute(
        QueryString(
            "SELECT 1 FROM bought_books WHERE user_id = {} AND book_id = {} AND bought = {}"
            " LIMIT 1",
            user_id,
            book_id,
            True,
        )
    )
    return bool(outcome.rows)


async def reviews_by(
    database: Database, user_id: int, *, after: int | None, limit: int
) -> list[OwnReviewView]:
    """All reviews of a customer with the titles of their books, newest first."""
    outcome = await database.execute(
        QueryString(
            f"SELECT {REVIEW_COLUMNS}, b.title FROM reviews r JOIN books b ON b.id = r.book_id"  # noqa: S608
            " WHERE r.user_id = {} AND r.id < {} ORDER BY r.id DESC LIMIT {}",
            user_id,
            MAX_ID if after is None else after,
            limit + 1,
        )
    )
    return [OwnReviewView.of_book(to_review(row), row["title"]) for row in outcome.rows]


async def reviews_to_moderate(
    database: Database,
    state: Moderation,
    sort: ModerationSort | None = None,
    *,
    review_id: int | None,
    after: str | None,
    limit: int,
) -> tuple[list[ModeratedReviewView], str | None]:
    """A page for staff, with the open reports of each review, and the next page's cursor.

    With `review_id` that review alone, in any state. Without `sort` the most reported come first,
    and in the other states the newest. Each order is that of an index, but for reported reviews by
    age or stars: those are sorted, and are as few as staff leaves them.

    Raises `InvalidInput` for a cursor of another list.
    """
    reported = state is Moderation.REPORTED
    if sort is None:
        descending = ModerationSort.REPORTS_DESCENDING, ModerationSort.CREATED_DESCENDING
        sort = descending[0] if reported else descending[1]
    # No index holds what is reported in the order of age or stars: 10,000 of 100,000 reviews are
    # sorted in 35 ms on MariaDB. A generated column for one is no way, because MariaDB's client,
    # which backup.sh prefers, dumps its values and MySQL refuses them at a restore (error 3105).
    # The cursors are bound to the state, too.
    order = KeysetOrder.of(sort, _ORDERS, "r.id")._replace(name=f"{state} {sort}")
    conditions = [
        QueryString("r.open_reports > 0") if reported else QueryString("r.state = {}", str(state))
    ]
    if review_id is not None:
        conditions = [QueryString("r.id = {}", review_id)]
    elif after is not None:
        conditions.append(order.beyond(after))
    outcome = await database.execute(
        QueryString(
            f"SELECT {REVIEW_COLUMNS}, r.open_reports, b.title FROM reviews r"  # noqa: S608
            f" JOIN books b ON b.id = r.book_id WHERE {' AND '.join(['{}'] * len(conditions))}"
            f" ORDER BY {order.sql} LIMIT {{}}",
            *conditions,
            limit + 1,
        )
    )
    rows = outcome.rows[:limit]
    reports_of = await _open_reports(database, [row["id"] for row in rows])
    cursor = order.cursor(rows[-1]) if len(outcome.rows) > limit else None
    return [
        ModeratedReviewView.of_row(
            to_review(row), row["title"], row["open_reports"], reports_of.get(row["id"], [])
        )
        for row in rows
    ], cursor


async def review_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    """The present state of every review after a subject, for a snapshot."""
    after = id_in(subject, "review")
    while True:
        outcome = await database.execute(
            QueryString(
                f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.id > {{}}"  # noqa: S608
                " ORDER BY r.id LIMIT {}",
                after,
                SNAPSHOT_PAGE,
            )
        )
        for row in outcome.rows:
            after = row["id"]
            yield as_state(events.present_review(to_review(row)))
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return


async def _open_reports(
    database: Database, review_ids: Sequence[int]
) -> dict[int, list[ReportView]]:
    found: dict[int, list[ReportView]] = {}
    if not review_ids:
        return found
    outcome = await database.execute(
        QueryString(
            "SELECT review_id, reason, note, created_at FROM review_reports WHERE {}"
            " AND is_open = {} ORDER BY created_at DESC, user_id LIMIT {}",
            is_in("review_id", review_ids),
            True,
            MAX_REPORTS,
        )
    )
    for row in outcome.rows:
        report = ReportView(reason=row["reason"], note=row["note"], created_at=row["created_at"])
        found.setdefault(row["review_id"], []).append(report)
    return found


async def _check_for_sale(database: Database, book_id: int) -> None:
    rows: Sequence[Row] = ()
    if 1 <= book_id <= MAX_ID:
        outcome = await database.execute(
            QueryString("SELECT retired FROM books WHERE id = {}", book_id)
        )
        rows = outcome.rows
    if not rows:
        raise BookNotFound.of(book_id)
    if rows[0]["retired"]:
        raise BookRetired.of(book_id)


def _read_cursor(cursor: str, order: StrEnum, *kinds: type[Any]) -> tuple[Any, ...]:
    name, *keys = decode_cursor(cursor, str, *kinds)
    if name != order:
        message = Text("es un cursor de otra lista", "is a cursor of another list")
        raise InvalidInput(listed([("after", message)]), errors=[FieldError("after", message)])
    return tuple(keys)

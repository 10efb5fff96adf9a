"""Post, edit, delete, report and moderate reviews.

A command locks in this order: the caller, the book, the review. So the ratings of a book are exact,
whichever commands run at the same time.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.reviews import ReportReason, Review, ReviewContent, ReviewState
from functions.catalog.errors import (
    AlreadyReported,
    AlreadyReviewed,
    BookNotFound,
    BookRetired,
    NotBought,
    OwnReview,
    ReviewNotFound,
    TooManyReviews,
)
from functions.catalog.queries.reviews import has_bought
from functions.catalog.tables import REVIEW_COLUMNS, to_review
from functions.kit.base.errors import Text
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row, locked_or_inserted, transactional
from functions.kit.events.outbox import Outbox
from functions.kit.security.verifier import TokenRevoked

logger = logging.getLogger(__name__)

HOUR = 3600

Precondition = Callable[[Review], None]
"""Raises `PreconditionFailed` where the caller has seen another version of the review."""


class Writer(NamedTuple):
    """An account that writes, and how much it may write in an hour; 0: any amount."""

    user_id: int
    writes_per_hour: int


class LockedBook(NamedTuple):
    """A book that is locked until the transaction ends."""

    ratings: Ratings
    retired: bool


@transactional
async def post_review(
    database: Database,
    writer: Writer,
    book_id: int,
    content: ReviewContent,
    *,
    outbox: Outbox,
    now: datetime,
) -> Review:
    """Raises `BookNotFound`, `BookRetired`, `AlreadyReviewed`, `NotBought`, `TooManyReviews` or
    `TokenRevoked`.
    """
    await _count_write(database, writer, now)
    book = await _lock_book(database, book_id)
    if book.retired:
        raise BookRetired.of(book_id)
    outcome = await database.execute(
        QueryString(
            "SELECT id FROM reviews WHERE user_id = {} AND book_id = {}", writer.user_id, book_id
        )
    )
    if outcome.rows:
        raise AlreadyReviewed(
            Text(
                "Ya escribió una reseña de este libro. Corríjala en lugar de escribir otra.",
                "You have reviewed this book already. Edit your review instead.",
            ),
            review_id=outcome.rows[0]["id"],
        )
    if not await has_bought(database, writer.user_id, book_id):
        raise NotBought(
            Text(
                "Solo reseña un libro quien lo ha comprado aquí. Si acaba de pagarlo, inténtelo"
                " de nuevo dentro de un minuto.",
                "Only people who bought a book here review it. If you have just paid for it, try"
                " again in a minute.",
            )
        )
    review = await _insert(database, Review.post(book_id, writer.user_id, content, now))
    await _store_ratings(database, book_id, book.ratings.changed(None, review.counted_stars))
    await outbox.add(database, events.review_posted(review))
    return review


@transactional
async def edit_review(
    database: Database,
    writer: Writer,
    review_id: int,
    edit: Callable[[ReviewContent], ReviewContent],
    *,
    precondition: Precondition,
    outbox: Outbox,
    now: datetime,
) -> Review:
    """Edit a review of the caller's. One that staff have hidden stays hidden.

    Reports that staff have decided on are deleted, so that the new text can be reported.
    Raises `ReviewNotFound`, also for another's review, `InvalidInput`, `PreconditionFailed`,
    `TooManyReviews` or `TokenRevoked`.
    """
    await _count_write(database, writer, now)
    ratings, review = await _lock_review(database, review_id)
    if review.user_id != writer.user_id:
        raise _not_found(review_id)
    precondition(review)
    edited = review.edit(edit(review.content), now)
    if edited is not review:
        await _update(database, ratings, review, edited, outbox=outbox)
        await database.execute(
            QueryString(
                "DELETE FROM review_reports WHERE review_id = {} AND is_open = {}", review_id, False
            )
        )
    return edited


@transactional
async def delete_review(
    database: Database,
    user_id: int | None,
    review_id: int,
    *,
    precondition: Precondition,
    outbox: Outbox,
) -> None:
    """Delete a review of the user; with None, as staff do, anybody's.

    Raises `ReviewNotFound`, `ReviewHidden` or `PreconditionFailed`.
    """
    ratings, review = await _lock_review(database, review_id)
    if user_id is not None and review.user_id != user_id:
        raise _not_found(review_id)
    precondition(review)
    if user_id is not None:
        review.check_removable_by_author()
    await _delete(database, ratings, review, outbox=outbox)


@transactional
async def report_review(
    database: Database,
    writer: Writer,
    review_id: int,
    reason: ReportReason,
    note: str | None,
    *,
    now: datetime,
) -> None:
    """Ask staff to look at a published review; once per account.

    Raises `ReviewNotFound`, `OwnReview`, `AlreadyReported`, `TooManyReviews` or `TokenRevoked`.
    """
    await _count_write(database, writer, now)
    review = to_review(await _locked_row(database, review_id))
    if review.user_id == writer.user_id:
        raise OwnReview(
            Text(
                "Es su reseña: puede corregirla o borrarla.",
                "It is your own review: you can edit or delete it.",
            )
        )
    if review.state is not ReviewState.PUBLISHED:
        raise _not_found(review_id)
    try:
        await database.execute(
            QueryString(
                "INSERT INTO review_reports (review_id, user_id, reason, note, is_open, created_at)"
                " VALUES ({}, {}, {}, {}, {}, {})",
                *(review_id, writer.user_id, str(reason), note, True, now),
            )
        )
    except Exception as error:
        if database.is_duplicate(error):
            raise AlreadyReported(
                Text(
                    "Ya denunció esta reseña; la tienda la revisa.",
                    "You have reported this review already; the shop looks at it.",
                )
            ) from error
        raise
    await database.execute(
        QueryString("UPDATE reviews SET open_reports = open_reports + 1 WHERE id = {}", review_id)
    )


@transactional
async def hide_review(database: Database, review_id: int, why: str, *, outbox: Outbox) -> Review:
    """Hide a review, with a reason for its author, and close its reports.

    Raises `ReviewNotFound`.
    """
    ratings, review = await _lock_review(database, review_id)
    return await _decide(database, ratings, review, review.hide(why), outbox=outbox)


@transactional
async def restore_review(database: Database, review_id: int, *, outbox: Outbox) -> Review:
    """Publish a review, hidden or reported, and close its reports.

    Raises `ReviewNotFound`.
    """
    ratings, review = await _lock_review(database, review_id)
    return await _decide(database, ratings, review, review.restore(), outbox=outbox)


@transactional
async def erase_reviewer(
    database: Database, user_id: int, *, outbox: Outbox, now: datetime
) -> None:
    """Delete the reviews, reports and purchases of an account that was closed. Idempotent."""
    if (await lock_reviewer(database, user_id))["closed_at"] is not None:
        return
    await database.execute(
        QueryString("UPDATE reviewers SET closed_at = {} WHERE user_id = {}", now, user_id)
    )
    outcome = await database.execute(
        QueryString("SELECT id FROM reviews WHERE user_id = {} ORDER BY book_id", user_id)
    )
    for row in outcome.rows:
        with suppress(ReviewNotFound):  # staff may have deleted it meanwhile
            ratings, review = await _lock_review(database, row["id"])
            await _delete(database, ratings, review, outbox=outbox)
    await _delete_reports(database, user_id)
    await database.execute(QueryString("DELETE FROM bought_books WHERE user_id = {}", user_id))
    logger.info("user %d has closed the account: reviews and reports are erased", user_id)


async def _delete_reports(database: Database, user_id: int) -> None:
    outcome = await database.execute(
        QueryString(
            "SELECT review_id FROM review_reports WHERE user_id = {} ORDER BY review_id", user_id
        )
    )
    for row in outcome.rows:
        try:
            await _locked_row(database, row["review_id"])
        except ReviewNotFound:  # its author or staff has deleted it meanwhile, with its reports
            continue
        # Read again, because staff may have closed it before the review was locked.
        await database.execute(
            QueryString(
                "UPDATE reviews SET open_reports = open_reports - 1 WHERE id = {} AND EXISTS"
                " (SELECT 1 FROM review_reports WHERE review_id = {} AND user_id = {}"
                " AND is_open = {})",
                *(row["review_id"], row["review_id"], user_id, True),
            )
        )
        await database.execute(
            QueryString(
                "DELETE FROM review_reports WHERE review_id = {} AND user_id = {}",
                row["review_id"],
                user_id,
            )
        )


async def _count_write(database: Database, writer: Writer, now: datetime) -> None:
    """Lock the account, and count a write. A write that is refused later is rolled back with it.

    Raises `TokenRevoked` or `TooManyReviews`.
    """
    row = await lock_open_account(database, writer.user_id)
    seconds = int(now.timestamp())
    hour = seconds // HOUR
    writes = row["writes"] if row["writes_hour"] == hour else 0
    if 0 < writer.writes_per_hour <= writes:
        wait = HOUR - seconds % HOUR
        minutes = -(-wait // 60)
        raise TooManyReviews(
            Text(
                f"Se escriben hasta {writer.writes_per_hour} reseñas y denuncias por hora."
                f" Inténtelo de nuevo en {minutes} minutos.",
                f"An account writes up to {writer.writes_per_hour} reviews and reports in an hour."
                f" Try again in {minutes} minutes.",
            ),
            retry_after=wait,
        )
    await database.execute(
        QueryString(
            "UPDATE reviewers SET writes_hour = {}, writes = {} WHERE user_id = {}",
            hour,
            writes + 1,
            writer.user_id,
        )
    )


async def lock_open_account(database: Database, user_id: int) -> Row:
    """The row of an account, locked until the transaction ends.

    Raises `TokenRevoked` where the account was closed since the caller's token was verified.
    """
    row = await lock_reviewer(database, user_id)
    if row["closed_at"] is not None:
        raise TokenRevoked(Text("La cuenta fue cerrada.", "The account was closed."))
    return row


async def lock_reviewer(database: Database, user_id: int) -> Row:
    """The row of an account, locked until the transaction ends."""
    return await locked_or_inserted(
        database,
        QueryString(
            "SELECT closed_at, writes_hour, writes FROM reviewers WHERE user_id = {}", user_id
        ),
        QueryString(
            "INSERT INTO reviewers (user_id, writes_hour, writes) VALUES ({}, 0, 0)"
            " ON CONFLICT (user_id) DO NOTHING",
            user_id,
        ),
    )


async def _lock_book(database: Database, book_id: int) -> LockedBook:
    """Raises `BookNotFound`."""
    rows = []
    if 1 <= book_id <= MAX_ID:
        rows = await database.locked(
            QueryString(
                "SELECT retired, stars_1, stars_2, stars_3, stars_4, stars_5 FROM books"
                " WHERE id = {}",
                book_id,
            )
        )
    if not rows:
        raise BookNotFound.of(book_id)
    return LockedBook(Ratings(*(rows[0][name] for name in Ratings._fields)), rows[0]["retired"])


async def _lock_review(database: Database, review_id: int) -> tuple[Ratings, Review]:
    """A review and the ratings of its book, both locked. Raises `ReviewNotFound`."""
    outcome = await database.execute(
        QueryString("SELECT book_id FROM reviews WHERE id = {}", review_id)
    )
    if not outcome.rows:
        raise _not_found(review_id)
    book = await _lock_book(database, outcome.rows[0]["book_id"])
    return book.ratings, to_review(await _locked_row(database, review_id))


async def _locked_row(database: Database, review_id: int) -> Row:
    rows = await database.locked(
        QueryString(f"SELECT {REVIEW_COLUMNS} FROM reviews r WHERE r.id = {{}}", review_id)  # noqa: S608
    )
    if not rows:
        raise _not_found(review_id)
    return rows[0]


def _not_found(review_id: int) -> ReviewNotFound:
    return ReviewNotFound(
        Text(f"No hay ninguna reseña {review_id}.", f"There is no review {review_id}.")
    )


async def _insert(database: Database, review: Review) -> Review:
    outcome = await database.execute(
        QueryString(
            "INSERT INTO reviews (book_id, user_id, rating, text, reviewer, state, open_reports,"
            " revision, created_at) VALUES ({}, {}, {}, {}, {}, {}, 0, {}, {})",
            *(review.book_id, review.user_id, review.content.rating, review.content.text),
            *(review.content.reviewer, str(review.state), review.revision, review.created_at),
        )
    )
    return replace(review, id=outcome.lastrowid or 0)


async def _update(
    database: Database, ratings: Ratings, before: Review, after: Review, *, outbox: Outbox
) -> None:
    """Write a locked review, and the ratings of its locked book."""
    await database.execute(
        QueryString(
            "UPDATE reviews SET rating = {}, text = {}, reviewer = {}, state = {},"
            " hidden_reason = {}, revision = {}, edited_at = {} WHERE id = {}",
            *(after.content.rating, after.content.text, after.content.reviewer, str(after.state)),
            *(after.hidden_reason, after.revision, after.edited_at, after.id),
        )
    )
    changed = ratings.changed(before.counted_stars, after.counted_stars)
    await _store_ratings(database, after.book_id, changed)
    await outbox.add(database, events.review_changed(after))


async def _decide(
    database: Database, ratings: Ratings, before: Review, after: Review, *, outbox: Outbox
) -> Review:
    if after is not before:
        await _update(database, ratings, before, after, outbox=outbox)
    await database.execute(
        QueryString("UPDATE review_reports SET is_open = {} WHERE review_id = {}", False, after.id)
    )
    await database.execute(
        QueryString("UPDATE reviews SET open_reports = 0 WHERE id = {}", after.id)
    )
    return after


async def _delete(database: Database, ratings: Ratings, review: Review, *, outbox: Outbox) -> None:
    await database.execute(
        QueryString("DELETE FROM review_reports WHERE review_id = {}", review.id)
    )
    await database.execute(QueryString("DELETE FROM reviews WHERE id = {}", review.id))
    await _store_ratings(database, review.book_id, ratings.changed(review.counted_stars, None))
    await outbox.add(database, events.review_removed(review.remove()))


async def _store_ratings(database: Database, book_id: int, ratings: Ratings) -> None:
    await database.execute(
        QueryString(
            "UPDATE books SET stars_1 = {}, stars_2 = {}, stars_3 = {}, stars_4 = {}, stars_5 = {},"
            " rating_order = {} WHERE id = {}",
            *ratings,
            ratings.order,
            book_id,
        )
    )

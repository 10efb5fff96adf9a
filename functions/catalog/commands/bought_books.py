"""The books that customers bought, as purchase's orders say: who may review which book.

A purchase counts once it is paid. It stops to count when it is refunded as a whole, which purchase
allows before the delivery only; a review that was written until then stays.
"""

from collections.abc import Sequence

from piccolo.querystring import QueryString

from functions.catalog.commands.reviews import lock_reviewer
from functions.kit.data.database import Database, transactional


@transactional
async def record_purchase(
    database: Database,
    purchase_id: int,
    user_id: int,
    book_ids: Sequence[int],
    *,
    bought: bool,
    revision: int,
) -> None:
    """Store a state of a purchase unless the stored one is as new. `book_ids` is not empty.

    Nothing is stored of an account that was closed.
    """
    if (await lock_reviewer(database, user_id))["closed_at"] is not None:
        return
    books = sorted(set(book_ids))
    places = ", ".join(["({}, {}, {}, 0, {})"] * len(books))
    await database.execute(
        QueryString(
            "INSERT INTO bought_books (purchase_id, book_id, user_id, revision, bought)"  # noqa: S608
            f" VALUES {places} ON CONFLICT (purchase_id, book_id) DO NOTHING",
            *(value for book_id in books for value in (purchase_id, book_id, user_id, False)),
        )
    )
    await database.execute(
        QueryString(
            "UPDATE bought_books SET revision = {}, bought = {} WHERE purchase_id = {}"
            " AND revision < {}",
            *(revision, bought, purchase_id, revision),
        )
    )


async def mark_purchases_stale(database: Database) -> None:
    """Mark every row as older than any state that purchase reports."""
    await database.execute(QueryString("UPDATE bought_books SET revision = 0"))


async def delete_stale_purchases(database: Database) -> None:
    """Delete rows that purchase's snapshot did not contain as paid or refunded."""
    await database.execute(QueryString("DELETE FROM bought_books WHERE revision = 0"))

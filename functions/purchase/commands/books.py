"""Writes the books that catalog publishes, and opens their inventory."""

from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.kit.events.subscriptions import MAX_REVISION
from functions.purchase.commands.inventory import open_inventory


@transactional
async def record_book(
    database: Database,
    book_id: int,
    *,
    title: str,
    price_minor: int,
    currency: str,
    retired: bool,
    initial_stock: int,
    seller_id: int | None,
    revision: int,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Store the state of a book unless the stored one is as new. Retired books are kept.

    The first event of a book to arrive opens its inventory; its type does not matter, because each
    event carries the full state.
    """
    # Inserted before it is locked. Otherwise two concurrent first events would both find no row,
    # and the older state could be written last.
    created = await database.execute(
        QueryString(
            "INSERT INTO books (book_id, title, price_minor, currency, retired, seller_id,"
            " revision) VALUES ({}, {}, {}, {}, {}, {}, 0) ON CONFLICT (book_id) DO NOTHING",
            book_id,
            title,
            price_minor,
            currency,
            retired,
            seller_id,
        )
    )
    known = await database.locked(
        QueryString("SELECT revision FROM books WHERE book_id = {}", book_id)
    )
    if known[0]["revision"] < revision:
        await database.execute(
            QueryString(
                "UPDATE books SET title = {}, price_minor = {}, currency = {}, retired = {},"
                " seller_id = {}, revision = {} WHERE book_id = {}",
                title,
                price_minor,
                currency,
                retired,
                seller_id,
                revision,
                book_id,
            )
        )
    if created.rowcount:
        await open_inventory(database, book_id, initial_stock, outbox=outbox, now=now)


async def mark_books_stale(database: Database) -> None:
    """Mark every row as older than any state that catalog reports."""
    await database.execute(QueryString("UPDATE books SET revision = 0"))


async def delete_stale_books(database: Database) -> None:
    """Retire books that catalog's snapshot did not contain; their buyers still see them."""
    await database.execute(QueryString("UPDATE books SET retired = {} WHERE revision = 0", True))


async def implausible_books(database: Database) -> list[str]:
    """Books with a revision that no event of catalog can have; for the audit.

    Such a row would never be updated again. Catching up replaces these rows
    (`kit/events/catch_up.py`); `kit/events/rebuild.py` compares the others with catalog.
    """
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, revision FROM books WHERE revision > {} OR revision < 0"
            " ORDER BY book_id",
            MAX_REVISION,
        )
    )
    return [f"book {row['book_id']}: revision {row['revision']}" for row in outcome.rows]

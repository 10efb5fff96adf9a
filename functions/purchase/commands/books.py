"""Take in what catalog tells of a book: what is needed to sell it, and its initial stock."""

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
    revision: int,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Keep the state if it is newer than what is known; a retired book stays, for its buyers.

    Whichever of a book's events comes first opens its inventory: each carries the whole state.
    """
    # The row is there before it is locked: two first events at once would else both find none, and
    # the older could be written last.
    created = await database.execute(
        QueryString(
            "INSERT INTO books (book_id, title, price_minor, currency, retired, revision)"
            " VALUES ({}, {}, {}, {}, {}, 0) ON CONFLICT (book_id) DO NOTHING",
            book_id,
            title,
            price_minor,
            currency,
            retired,
        )
    )
    known = await database.locked(
        QueryString("SELECT revision FROM books WHERE book_id = {}", book_id)
    )
    if known[0]["revision"] < revision:
        await database.execute(
            QueryString(
                "UPDATE books SET title = {}, price_minor = {}, currency = {}, retired = {},"
                " revision = {} WHERE book_id = {}",
                title,
                price_minor,
                currency,
                retired,
                revision,
                book_id,
            )
        )
    if created.rowcount:
        await open_inventory(database, book_id, initial_stock, outbox=outbox, now=now)


async def mark_books_stale(database: Database) -> None:
    """Any state of a book that catalog tells is newer than what is kept."""
    await database.execute(QueryString("UPDATE books SET revision = 0"))


async def delete_stale_books(database: Database) -> None:
    """What catalog does not know is sold no more; it stays for who bought it."""
    await database.execute(QueryString("UPDATE books SET retired = {} WHERE revision = 0", True))


async def implausible_books(database: Database) -> list[str]:
    """For an audit: books at a revision that no event of catalog can have.

    Nothing that catalog tells would ever be newer. Catching up finds and replaces them, too
    (`kit/catch_up.py`); `kit/rebuild.py` compares the rest with catalog (`difference`).
    """
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, revision FROM books WHERE revision > {} OR revision < 0"
            " ORDER BY book_id",
            MAX_REVISION,
        )
    )
    return [f"book {row['book_id']}: revision {row['revision']}" for row in outcome.rows]

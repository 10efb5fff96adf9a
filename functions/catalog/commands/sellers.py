"""Name a seller, assign a book to one, and retire the books of a closed account."""

import logging
from dataclasses import replace
from datetime import datetime

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.commands.books import is_named, locked_book, retire_locked, version_of
from functions.catalog.commands.reviews import lock_open_account
from functions.catalog.domain.sellers import Seller, checked_name, not_found
from functions.catalog.entity_tags import Precondition, Version
from functions.catalog.errors import SellerNameTaken
from functions.catalog.search.match_keys import seller_name_key
from functions.catalog.search.sort_keys import title_order
from functions.catalog.tables import BOOK_COLUMNS, BookRow, SellerRow, to_book
from functions.kit.base.clock import Clock
from functions.kit.base.errors import FieldError, Text
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox

logger = logging.getLogger(__name__)

BATCH = 200
"""Books that are retired per transaction: a larger one blocks other writers for longer."""


@transactional
async def name_seller(database: Database, seller_id: int, name: str) -> Seller:
    """Set the name that the shop shows for a seller. The same name again changes nothing.

    Raises `InvalidInput`, `SellerNameTaken`, or `TokenRevoked` where the account was closed since
    the caller's token was verified.
    """
    name = checked_name(name)
    await lock_open_account(database, seller_id)
    rows = await database.locked(
        QueryString("SELECT name, revision FROM sellers WHERE seller_id = {}", seller_id)
    )
    if rows and rows[0]["name"] == name:
        return Seller(id=seller_id, name=name, revision=rows[0]["revision"])
    revision = rows[0]["revision"] + 1 if rows else 1
    write = QueryString(
        "UPDATE sellers SET name = {}, name_key = {}, name_order = {}, revision = {}"
        " WHERE seller_id = {}"
        if rows
        else "INSERT INTO sellers (name, name_key, name_order, revision, seller_id)"
        " VALUES ({}, {}, {}, {}, {})",
        name,
        seller_name_key(name),
        title_order(name, str(seller_id)),
        revision,
        seller_id,
    )
    try:
        await database.execute(write)
    except Exception as error:
        if not database.is_duplicate(error):
            raise
        raise SellerNameTaken(
            Text(
                "Otro vendedor se llama así, o casi: elija otro nombre.",
                "Another seller has this name or nearly so: choose another one.",
            ),
            errors=[
                FieldError("name", Text("ya es de otro vendedor", "is another seller's already"))
            ],
        ) from error
    return Seller(id=seller_id, name=name, revision=revision)


@transactional
async def assign_seller(
    database: Database,
    book_id: int,
    seller_id: int | None,
    *,
    precondition: Precondition,
    outbox: Outbox,
    now: datetime,
) -> Version:
    """Make a book a seller's, or the shop's own (None). Sales of the past keep their seller.

    Raises `BookNotFound`, `BookRetired`, `PreconditionFailed`, or `SellerNotFound` for somebody
    who has not named themselves as a seller.
    """
    book = await locked_book(database, book_id, precondition)
    # Locked, so that a seller whose account is closed meanwhile is not found, or has the book
    # retired with the others.
    if seller_id is not None and not await is_named(database, seller_id):
        raise not_found(seller_id)
    if seller_id == book.seller_id:
        return await version_of(database, book)
    assigned = replace(book, seller_id=seller_id, revision=book.revision + 1)
    update = BookRow.update(seller_id=seller_id, revision=assigned.revision, updated_at=now)
    await database.execute(update.where(BookRow.id == book_id))
    await outbox.add(database, events.book_updated(assigned))
    return await version_of(database, assigned)


@transactional
async def close_seller(database: Database, seller_id: int, *, now: datetime) -> None:
    """Erase the name of a seller whose account was closed, and have their books retired.

    Idempotent. `retire_books_of_closed_sellers` retires the books, because an event's transaction
    must not wait for thousands of them.
    """
    closed = await database.execute(
        QueryString(
            "UPDATE sellers SET name = '', name_order = '', name_key = {}, revision = revision + 1,"
            " closed_at = {}, retires_books = {} WHERE seller_id = {} AND closed_at IS NULL",
            f"closed {seller_id}",
            now,
            True,
            seller_id,
        )
    )
    if closed.rowcount:
        logger.info("seller %d has closed the account: their books are retired", seller_id)


async def retire_books_of_closed_sellers(
    database: Database, *, outbox: Outbox, clock: Clock
) -> int:
    """Retire the books of closed accounts, in batches. Returns how many were retired."""
    retired = 0
    found = await database.execute(
        QueryString(
            "SELECT seller_id FROM sellers WHERE retires_books = {} ORDER BY seller_id", True
        )
    )
    for row in found.rows:
        while batch := await _retire_batch(database, row["seller_id"], outbox=outbox, now=clock()):
            retired += batch
    return retired


@transactional
async def _retire_batch(
    database: Database, seller_id: int, *, outbox: Outbox, now: datetime
) -> int:
    select = BookRow.select(*BOOK_COLUMNS).where(
        BookRow.seller_id == seller_id,
        BookRow.retired == False,  # noqa: E712 - SQL
    )
    rows = await database.locked(select.order_by(BookRow.id).limit(BATCH))
    for row in rows:
        await retire_locked(database, to_book(row), by=seller_id, outbox=outbox, now=now)
    if not rows:
        done = SellerRow.update(retires_books=False).where(SellerRow.seller_id == seller_id)
        await database.execute(done)
    return len(rows)

"""Add, revise and retire a book."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

from piccolo.query.base import Query
from uuid_utils import uuid7

from functions.catalog import events
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.versions import Expected, Stock, Version
from functions.catalog.errors import BookNotFound, IsbnTaken
from functions.catalog.tables import BOOK_COLUMNS, BookRow, InventoryRow, columns_of, to_book
from functions.kit.database import Database, Outcome, transactional
from functions.kit.outbox import Outbox
from functions.kit.values import MAX_ID


class NewBook(NamedTuple):
    details: BookDetails
    currency: str
    initial_stock: int


@transactional
async def add_book(database: Database, new: NewBook, *, outbox: Outbox, now: datetime) -> Book:
    """Raises `IsbnTaken`."""
    book = await insert_book(database, new, now=now)
    await outbox.add(database, events.book_created(book))
    return book


@transactional
async def replace_book(
    database: Database,
    book_id: int,
    details: BookDetails,
    *,
    expected: Expected,
    outbox: Outbox,
    now: datetime,
) -> Version:
    """Put other details in place of a book's.

    Raises `BookNotFound`, `PreconditionFailed` or `IsbnTaken`.
    """
    book = await _locked_book(database, book_id, expected)
    return await _revise(database, book, details, outbox=outbox, now=now)


@transactional
async def change_book(
    database: Database,
    book_id: int,
    changes: Mapping[str, Any],
    *,
    expected: Expected,
    outbox: Outbox,
    now: datetime,
) -> Version:
    """Change some of a book's details; `changes` are arguments of `BookDetails.checked`.

    Raises `BookNotFound`, `PreconditionFailed`, `InvalidInput` or `IsbnTaken`.
    """
    book = await _locked_book(database, book_id, expected)
    present = asdict(book.details)
    del present["price_minor"]
    details = BookDetails.checked(**{**present, "price": book.details.price, **changes})
    return await _revise(database, book, details, outbox=outbox, now=now)


@transactional
async def retire_book(
    database: Database, book_id: int, *, expected: Expected, outbox: Outbox, now: datetime
) -> None:
    """Sell a book no more; it stays for those who bought it, and its ISBN is free.

    Raises `BookNotFound` or `PreconditionFailed`.
    """
    book = await _locked_book(database, book_id, expected)
    retired = replace(book, retired=True, revision=book.revision + 1)
    update = BookRow.update(
        retired=True, isbn_in_use=None, revision=retired.revision, updated_at=now
    )
    await database.execute(update.where(BookRow.id == book_id))
    await outbox.add(database, events.book_retired(retired))


async def insert_book(database: Database, new: NewBook, *, now: datetime) -> Book:
    """Write a book; its event is the caller's to tell, in the same transaction.

    Raises `IsbnTaken`.
    """
    uid = uuid7().hex
    row = BookRow(
        **columns_of(new.details, uid),
        uid=uid,
        currency=new.currency,
        initial_stock=new.initial_stock,
        revision=1,
        retired=False,
        created_at=now,
        updated_at=now,
    )
    outcome = await _write(database, BookRow.insert(row), new.details)
    return Book(
        id=outcome.rows[0]["id"],
        details=new.details,
        currency=new.currency,
        initial_stock=new.initial_stock,
        revision=1,
        retired=False,
        created_at=now,
        uid=uid,
    )


async def revise_book(
    database: Database, book: Book, details: BookDetails, *, now: datetime
) -> Book:
    """Write other details over those of a locked book; its event is the caller's to tell.

    Details that are the same change nothing: then it answers the book that it was given.
    Raises `IsbnTaken`.
    """
    if details == book.details:
        return book
    revised = replace(book, details=details, revision=book.revision + 1)
    columns = columns_of(details, book.uid)
    update = BookRow.update(**columns, revision=revised.revision, updated_at=now)
    await _write(database, update.where(BookRow.id == book.id), details)
    return revised


async def _revise(
    database: Database, book: Book, details: BookDetails, *, outbox: Outbox, now: datetime
) -> Version:
    revised = await revise_book(database, book, details, now=now)
    if revised is not book:
        await outbox.add(database, events.book_updated(revised))
    return await _version(database, revised)


async def _write(database: Database, query: Query[Any, Any], details: BookDetails) -> Outcome:
    try:
        outcome: Outcome = await database.execute(query)
    except Exception as error:
        if database.is_duplicate(error):  # the ISBN is the one thing that is unique
            raise await _isbn_taken(database, details) from error
        raise
    return outcome


async def _locked_book(database: Database, book_id: int, expected: Expected) -> Book:
    """A book that is sold; one that is retired is not there for who writes."""
    rows = []
    if 1 <= book_id <= MAX_ID:
        rows = await database.locked(BookRow.select(*BOOK_COLUMNS).where(BookRow.id == book_id))
    if not rows or rows[0]["retired"]:
        raise BookNotFound(f"There is no book {book_id} on sale.")
    book = to_book(rows[0])
    expected.check(book)
    return book


async def _version(database: Database, book: Book) -> Version:
    select = InventoryRow.select(
        InventoryRow.revision, InventoryRow.available, InventoryRow.as_of
    ).where(InventoryRow.book_id == book.id)
    rows = (await database.execute(select)).rows
    return Version.of(book, Stock(**rows[0]) if rows else None)


async def _isbn_taken(database: Database, details: BookDetails) -> IsbnTaken:
    select = BookRow.select(BookRow.id).where(BookRow.isbn_in_use == details.isbn)
    rows = (await database.execute(select)).rows
    other = rows[0]["id"] if rows else None
    return IsbnTaken(f"Book {other} has the ISBN {details.isbn}.", book_id=other)

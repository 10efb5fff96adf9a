"""Add, revise, retire and restore a book."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from piccolo.query.base import Query
from uuid_utils import uuid7

from functions.catalog import events
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.stock import KnownStock
from functions.catalog.entity_tags import Precondition, Version, stock_digest
from functions.catalog.errors import (
    BookNotFound,
    BookRetired,
    IsbnTaken,
    ReadOnlyField,
    StockIsPurchases,
)
from functions.catalog.schemas import BookView, sent_stock
from functions.catalog.tables import BOOK_COLUMNS, BookRow, InventoryRow, columns_of, to_book
from functions.kit.base.errors import FieldError, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Outcome, transactional
from functions.kit.events.outbox import Outbox


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
async def change_book(
    database: Database,
    book_id: int,
    changes: Mapping[str, Any],
    read_only: Mapping[str, Any],
    *,
    precondition: Precondition,
    outbox: Outbox,
    now: datetime,
) -> Version:
    """Change some of a book's details; `changes` are arguments of `BookDetails.checked`.

    `read_only` has the read-only members that the caller sent; they must equal the present ones.
    Raises `BookNotFound`, `BookRetired`, `PreconditionFailed`, `StockIsPurchases`, `ReadOnlyField`,
    `InvalidInput` or `IsbnTaken`.
    """
    book = await _locked_book(database, book_id, precondition)
    present = asdict(book.details)
    del present["price_minor"]
    details = BookDetails.checked(**{**present, "price": book.details.price, **changes})
    if read_only:
        stock = await _known_stock(database, book_id)
        _refuse_changes(BookView.of(book, stock), details, read_only, precondition)
    return await _revise(database, book, details, outbox=outbox, now=now)


@transactional
async def retire_book(
    database: Database, book_id: int, *, precondition: Precondition, outbox: Outbox, now: datetime
) -> None:
    """Stop selling a book. Its buyers still see it, and its ISBN may be used again.

    Raises `BookNotFound`, `BookRetired` or `PreconditionFailed`.
    """
    book = await _locked_book(database, book_id, precondition)
    retired = replace(book, retired=True, revision=book.revision + 1)
    update = BookRow.update(
        retired=True, isbn_in_use=None, revision=retired.revision, updated_at=now
    )
    await database.execute(update.where(BookRow.id == book_id))
    await outbox.add(database, events.book_retired(retired))


@transactional
async def restore_book(
    database: Database, book_id: int, *, outbox: Outbox, now: datetime
) -> Version:
    """Sell a retired book again. A book that is for sale is not changed.

    Raises `BookNotFound`, or `IsbnTaken` where another book has taken its ISBN.
    """
    book = await _locked_book(database, book_id, Precondition(), include_retired=True)
    if not book.retired:
        return await _version(database, book)
    restored = replace(book, retired=False, revision=book.revision + 1)
    update = BookRow.update(
        retired=False,
        isbn_in_use=book.details.isbn,
        revision=restored.revision,
        updated_at=now,
    )
    await _write(database, update.where(BookRow.id == book_id), book.details)
    await outbox.add(database, events.book_updated(restored))
    return await _version(database, restored)


async def insert_book(database: Database, new: NewBook, *, now: datetime) -> Book:
    """Insert a book. The caller adds its event in the same transaction.

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
    """Update the details of a locked book. The caller adds its event in the same transaction.

    Returns the given book itself where the details are equal. Raises `IsbnTaken`.
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
        if database.is_duplicate(error):  # only the ISBN is unique
            raise await _isbn_taken(database, details) from error
        raise
    return outcome


async def _locked_book(
    database: Database, book_id: int, precondition: Precondition, *, include_retired: bool = False
) -> Book:
    rows = []
    if 1 <= book_id <= MAX_ID:
        rows = await database.locked(BookRow.select(*BOOK_COLUMNS).where(BookRow.id == book_id))
    if not rows:
        raise BookNotFound(Text(f"No hay ningún libro {book_id}.", f"There is no book {book_id}."))
    book = to_book(rows[0])
    if book.retired and not include_retired:
        raise BookRetired(
            Text(
                f"El libro {book_id} ya no se vende; POST /books/{book_id}/restore lo repone.",
                f"Book {book_id} is not sold any more; POST /books/{book_id}/restore brings it"
                " back.",
            )
        )
    precondition.check(book)
    return book


def _refuse_changes(
    view: BookView, details: BookDetails, sent: Mapping[str, Any], precondition: Precondition
) -> None:
    """Raises `StockIsPurchases` or `ReadOnlyField` where a read-only member was changed."""
    changed = set(view.differing(sent))
    if sent.get("price_minor") == details.price_minor:
        changed.discard("price_minor")
    stock = sent_stock(sent)
    if stock is not None and stock_digest(stock) in precondition.stocks:
        changed -= {"stock", "stock_revision", "stock_as_of"}  # a sale since then
    if "stock" in changed:
        operation = f"POST /inventory/{view.id}/adjustments"
        message = Text(
            f"es {view.stock}; en purchase lo cambia {operation}",
            f"is {view.stock}; it is changed in purchase, by {operation}",
        )
        raise StockIsPurchases(listed([("stock", message)]), errors=[FieldError("stock", message)])
    if changed:
        errors = [FieldError(name, _why_read_only(name, view)) for name in sent if name in changed]
        raise ReadOnlyField(listed((each.field, each.message) for each in errors), errors=errors)


def _why_read_only(name: str, view: BookView) -> Text:
    present = msgspec.to_builtins(view)[name]
    if name == "price_minor":
        return Text(
            f"es {present} y sigue a price: cambie price",
            f"is {present} and follows price: change price",
        )
    return Text(f"es {present} y no se cambia", f"is {present} and is not changed")


async def _version(database: Database, book: Book) -> Version:
    return Version.of(book, await _known_stock(database, book.id))


async def _known_stock(database: Database, book_id: int) -> KnownStock | None:
    select = InventoryRow.select(
        InventoryRow.revision, InventoryRow.available, InventoryRow.as_of
    ).where(InventoryRow.book_id == book_id)
    rows = (await database.execute(select)).rows
    return KnownStock(**rows[0]) if rows else None


async def _isbn_taken(database: Database, details: BookDetails) -> IsbnTaken:
    select = BookRow.select(BookRow.id).where(BookRow.isbn_in_use == details.isbn)
    rows = (await database.execute(select)).rows
    other = rows[0]["id"] if rows else None
    return IsbnTaken(
        Text(
            f"El libro {other} tiene el ISBN {details.isbn}.",
            f"Book {other} has the ISBN {details.isbn}.",
        ),
        book_id=other,
    )

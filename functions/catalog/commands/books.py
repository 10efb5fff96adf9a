"""Add, revise, retire and restore a book."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from piccolo.query.base import Query
from piccolo.querystring import QueryString
from uuid_utils import uuid7

from functions.catalog import events
from functions.catalog.domain.books import Book, BookDetails
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.sellers import Editor
from functions.catalog.domain.stock import KnownStock
from functions.catalog.entity_tags import Precondition, Version, others_digest
from functions.catalog.errors import (
    BookNotFound,
    BookRetired,
    IsbnTaken,
    ReadOnlyField,
    SellerNameNeeded,
    StockIsPurchases,
)
from functions.catalog.schemas import BookView, sent_ratings, sent_stock
from functions.catalog.tables import (
    BOOK_COLUMNS,
    BookRow,
    InventoryRow,
    SellerRow,
    columns_of,
    to_book,
)
from functions.kit.base.errors import FieldError, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Outcome, transactional
from functions.kit.events.outbox import Outbox


class NewBook(NamedTuple):
    details: BookDetails
    currency: str
    initial_stock: int
    seller_id: int | None = None
    """None for the shop's own book."""


@transactional
async def add_book(database: Database, new: NewBook, *, outbox: Outbox, now: datetime) -> Book:
    """Raises `IsbnTaken`, or `SellerNameNeeded` where its seller has no name yet."""
    if new.seller_id is not None:
        await check_named(database, new.seller_id)
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
    editor: Editor,
    precondition: Precondition,
    outbox: Outbox,
    now: datetime,
) -> Version:
    """Change some of a book's details; `changes` are arguments of `BookDetails.checked`.

    `read_only` has the read-only members that the caller sent; they must equal the present ones.
    Raises `BookNotFound`, `NotYourBook`, `BookRetired`, `PreconditionFailed`, `StockIsPurchases`,
    `ReadOnlyField`, `InvalidInput` or `IsbnTaken`.
    """
    book = await locked_book(database, book_id, precondition, editor=editor)
    present = asdict(book.details)
    del present["price_minor"]
    details = BookDetails.checked(**{**present, "price": book.details.price, **changes})
    if read_only:
        stock = await _known_stock(database, book_id)
        view = BookView.of(book, stock, await seller_name(database, book.seller_id))
        _refuse_changes(view, details, read_only, precondition)
    return await _revise(database, book, details, outbox=outbox, now=now)


@transactional
async def retire_book(
    database: Database,
    book_id: int,
    *,
    editor: Editor,
    precondition: Precondition,
    outbox: Outbox,
    now: datetime,
) -> None:
    """Stop selling a book. Its buyers still see it, and its ISBN may be used again.

    Raises `BookNotFound`, `NotYourBook`, `BookRetired` or `PreconditionFailed`.
    """
    book = await locked_book(database, book_id, precondition, editor=editor)
    await retire_locked(database, book, by=editor.user_id, outbox=outbox, now=now)


async def retire_locked(
    database: Database, book: Book, *, by: int, outbox: Outbox, now: datetime
) -> None:
    """Retire a locked book that is for sale; `by` is the user who retires it."""
    retired = replace(book, retired=True, revision=book.revision + 1, retired_by=by)
    update = BookRow.update(
        retired=True,
        isbn_in_use=None,
        revision=retired.revision,
        retired_by=by,
        updated_at=now,
    )
    await database.execute(update.where(BookRow.id == book.id))
    await outbox.add(database, events.book_retired(retired))


@transactional
async def restore_book(
    database: Database, book_id: int, *, editor: Editor, outbox: Outbox, now: datetime
) -> Version:
    """Sell a retired book again. A book that is for sale is not changed.

    The book of a seller whose account was closed becomes the shop's own. Raises `BookNotFound`,
    `NotYourBook`, `RetiredByStaff` for a seller, or `IsbnTaken` where another book has taken its
    ISBN.
    """
    book = await locked_book(database, book_id, Precondition(), editor=editor, include_retired=True)
    if not book.retired:
        return await version_of(database, book)
    editor.check_may_restore(book)
    seller_id = book.seller_id
    if seller_id is not None and not await is_named(database, seller_id):
        seller_id = None
    restored = replace(
        book, retired=False, revision=book.revision + 1, retired_by=None, seller_id=seller_id
    )
    update = BookRow.update(
        retired=False,
        retired_by=None,
        seller_id=seller_id,
        isbn_in_use=book.details.isbn,
        revision=restored.revision,
        updated_at=now,
    )
    await _write(database, update.where(BookRow.id == book_id), book.details)
    await outbox.add(database, events.book_updated(restored))
    return await version_of(database, restored)


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
        seller_id=new.seller_id,
        retired_by=None,
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
        seller_id=new.seller_id,
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
    return await version_of(database, revised)


async def _write(database: Database, query: Query[Any, Any], details: BookDetails) -> Outcome:
    try:
        outcome: Outcome = await database.execute(query)
    except Exception as error:
        if database.is_duplicate(error):  # only the ISBN is unique
            raise await _isbn_taken(database, details) from error
        raise
    return outcome


async def locked_book(
    database: Database,
    book_id: int,
    precondition: Precondition,
    *,
    editor: Editor | None = None,
    include_retired: bool = False,
) -> Book:
    """A book, locked until the transaction ends; without an `editor` anybody may change it.

    Raises `BookNotFound`, `NotYourBook`, `BookRetired` or `PreconditionFailed`.
    """
    rows = []
    if 1 <= book_id <= MAX_ID:
        rows = await database.locked(BookRow.select(*BOOK_COLUMNS).where(BookRow.id == book_id))
    if not rows:
        raise BookNotFound.of(book_id)
    book = to_book(rows[0])
    if editor is not None:
        editor.check_may_change(book)
    if book.retired and not include_retired:
        raise BookRetired(
            Text(
                f"El libro {book_id} ya no se vende. Se puede reponer.",
                f"Book {book_id} is not sold any more. It can be brought back.",
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
    stock, ratings = sent_stock(sent), sent_ratings(sent)
    present = KnownStock(view.stock_revision, view.stock, view.stock_as_of)
    known = others_digest(stock or present, ratings or Ratings(*view.ratings_by_stars))
    if known in precondition.others:  # a sale or a review since then
        if stock is not None:
            changed -= {"stock", "stock_revision", "stock_as_of"}
        if ratings is not None:
            changed -= {"ratings_by_stars"} | _following(ratings, sent)
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


def _following(ratings: Ratings, sent: Mapping[str, Any]) -> set[str]:
    """The sent members that are what the ratings make them."""
    computed = {"rating_hundredths": ratings.average_hundredths, "reviews_count": ratings.reviews}
    return {name for name, value in computed.items() if sent.get(name) == value}


def _why_read_only(name: str, view: BookView) -> Text:
    present = msgspec.to_builtins(view)[name]
    if name == "price_minor":
        return Text(
            f"es {present} y sigue a price: cambie price",
            f"is {present} and follows price: change price",
        )
    return Text(f"es {present} y no se cambia", f"is {present} and is not changed")


async def version_of(database: Database, book: Book) -> Version:
    """The version of a book, with its stock and its seller's name."""
    name = await seller_name(database, book.seller_id)
    return Version.of(book, await _known_stock(database, book.id), name)


async def seller_name(database: Database, seller_id: int | None) -> str | None:
    """The name of a seller; None for the shop, an unknown seller and a closed account."""
    if seller_id is None:
        return None
    select = SellerRow.select(SellerRow.name).where(SellerRow.seller_id == seller_id)
    rows = (await database.execute(select)).rows
    return (rows[0]["name"] or None) if rows else None


async def is_named(database: Database, seller_id: int) -> bool:
    """Whether the shop has a name to show for a seller, which a closed account has not.

    The name stays locked until the transaction ends.
    """
    rows = await database.locked(
        QueryString("SELECT name FROM sellers WHERE seller_id = {}", seller_id)
    )
    return bool(rows and rows[0]["name"])


async def check_named(database: Database, seller_id: int) -> None:
    """Raises `SellerNameNeeded` where the shop has no name to show for a seller.

    The name stays locked, so that a book is added before its seller's account is closed or not at
    all.
    """
    if not await is_named(database, seller_id):
        raise SellerNameNeeded(
            Text(
                "Diga antes con qué nombre vende: PUT /sellers/me.",
                "Say first under which name you sell: PUT /sellers/me.",
            )
        )


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

"""The catalogue's own tables; `migrations/` makes them.

The kit's tables (outbox, inbox, dead letters, idempotency keys, deny-list) are used by the kit
alone, through SQL of its own, and have no class here.
"""

from dataclasses import asdict
from typing import Any

from piccolo.columns import BigInt, Boolean, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table

from functions.catalog.domain import search, sorting, text
from functions.catalog.domain.books import DETAILS, Book, BookDetails
from functions.kit.data.database import Row


class BookRow(Table, tablename="books"):
    id = Serial(primary_key=True)
    title = Varchar(length=255)
    author = Varchar(length=1000)
    description = Text(null=True)
    isbn = Varchar(length=13, null=True)
    isbn_in_use = Varchar(length=13, null=True)
    """The ISBN while the book is sold, and unique: MySQL has no partial index."""
    category = Varchar(length=100, null=True)
    price_minor = BigInt()
    currency = Varchar(length=3)
    initial_stock = BigInt()
    # From here to `match_key`: computed from the above (`derived`), for finding and sorting.
    title_order = Varchar(length=130)
    """With `uid` at its end, as `price_order` has: a page begins with one comparison of one column,
    which every optimizer makes a range of its index."""
    price_order = Varchar(length=50)
    category_key = Varchar(length=100, null=True)
    author_names = Text()
    """`;name;name;`, folded, in each form that a name has."""
    search_text = Text()
    """The words of title, author and ISBN, as `domain/search.py` writes them for the full-text
    index."""
    match_key = Varchar(length=32)
    uid = Varchar(length=32)
    revision = BigInt()
    retired = Boolean()
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)


class InventoryRow(Table, tablename="inventory"):
    """What purchase says of the stock. It may come before the book does, so it refers to none."""

    book_id = BigInt(primary_key=True)
    revision = BigInt()
    available = BigInt()
    as_of = Timestamptz(default=None)


class ImportLockRow(Table, tablename="turns"):
    """Rows that stand for nothing but the lock on them."""

    name = Varchar(length=20, primary_key=True)


TABLES = (BookRow, InventoryRow, ImportLockRow)


def derived(details: BookDetails, uid: str) -> dict[str, Any]:
    """The columns that books are found and sorted by."""
    return {
        "title_order": sorting.title_order(details.title, uid),
        "price_order": sorting.price_order(details.price_minor, uid),
        "category_key": details.category and text.category_key(details.category),
        "author_names": text.author_names(details.author),
        "search_text": search.search_text(details.title, details.author, details.isbn),
        "match_key": text.match_key(details.title, details.author),
    }


def columns_of(details: BookDetails, uid: str) -> dict[str, Any]:
    """Every column that follows from a book's details."""
    return {**asdict(details), "isbn_in_use": details.isbn, **derived(details, uid)}


def to_book(row: Row) -> Book:
    return Book(
        id=row["id"],
        details=BookDetails(**{name: row[name] for name in DETAILS}),
        currency=row["currency"],
        initial_stock=row["initial_stock"],
        revision=row["revision"],
        retired=row["retired"],
        created_at=row["created_at"],
        uid=row["uid"],
    )


BOOK_COLUMNS = tuple(
    getattr(BookRow, name)
    for name in (
        *("id", *DETAILS),
        *("currency", "initial_stock", "revision", "retired", "created_at", "uid"),
    )
)
"""What `to_book` reads."""

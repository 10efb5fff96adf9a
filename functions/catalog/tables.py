"""The catalogue's own tables; `migrations/` creates them.

The kit's tables (outbox, inbox, dead letters, idempotency keys, deny-list) have no class here: only
the kit reads and writes them.
"""

from dataclasses import asdict
from typing import Any

from piccolo.columns import BigInt, Boolean, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table

from functions.catalog.domain.books import DETAILS, Book, BookDetails
from functions.catalog.search.match_keys import author_names, category_key, match_key
from functions.catalog.search.sort_keys import price_order, title_order
from functions.catalog.search.terms import search_text
from functions.kit.data.database import Row

UNKNOWN_YEAR = -10_000
"""`year_order` of a book without a year: before every year, so that it comes last. It is also the
column's default, for rows that a release without years writes."""


class BookRow(Table, tablename="books"):
    id = Serial(primary_key=True)
    title = Varchar(length=255)
    author = Varchar(length=1000)
    description = Text(null=True)
    isbn = Varchar(length=13, null=True)
    isbn_in_use = Varchar(length=13, null=True)
    """The ISBN while the book is for sale. It is unique: MySQL has no partial index."""
    category = Varchar(length=100, null=True)
    price_minor = BigInt()
    currency = Varchar(length=3)
    initial_stock = BigInt()
    year = BigInt(null=True)
    language = Varchar(length=3, null=True)
    external_rating_hundredths = BigInt(null=True)
    external_ratings_count = BigInt(default=0)
    # From here to `match_key`: computed by `derived` from the columns above.
    title_order = Varchar(length=130)
    """Ends with `uid`, as `price_order` does, so that it is unique: where a page begins is then one
    comparison, which every optimizer turns into a range of the index."""
    price_order = Varchar(length=50)
    year_order = BigInt(default=UNKNOWN_YEAR)
    """The year, or `UNKNOWN_YEAR`: not null, so that one comparison finds where a page begins."""
    category_key = Varchar(length=100, null=True)
    author_names = Text()
    """`;name;name;`, folded, with every form of each name."""
    search_text = Text()
    """The words of title, author and ISBN, as `search/terms.py` encodes them."""
    match_key = Varchar(length=32)
    uid = Varchar(length=32)
    revision = BigInt()
    retired = Boolean()
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)


class InventoryRow(Table, tablename="inventory"):
    """The stock that purchase reported. It may arrive before its book: there is no foreign key."""

    book_id = BigInt(primary_key=True)
    revision = BigInt()
    available = BigInt()
    as_of = Timestamptz(default=None)


class ImportLockRow(Table, tablename="turns"):
    """Rows that exist to be locked."""

    name = Varchar(length=20, primary_key=True)


TABLES = (BookRow, InventoryRow, ImportLockRow)


def derived(details: BookDetails, uid: str) -> dict[str, Any]:
    """The columns that books are searched, matched and sorted by."""
    return {
        "title_order": title_order(details.title, uid),
        "price_order": price_order(details.price_minor, uid),
        "year_order": UNKNOWN_YEAR if details.year is None else details.year,
        "category_key": details.category and category_key(details.category),
        "author_names": author_names(details.author),
        "search_text": search_text(details.title, details.author, details.isbn),
        "match_key": match_key(details.title, details.author),
    }


def columns_of(details: BookDetails, uid: str) -> dict[str, Any]:
    """Every column that is computed from a book's details."""
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
"""The columns that `to_book` reads."""

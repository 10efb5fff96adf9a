"""The catalogue's own tables; `migrations/` creates them.

The kit's tables (outbox, inbox, dead letters, idempotency keys, deny-list) have no class here: only
the kit reads and writes them. Nor have those of reviews: their statements are written as SQL.
"""

from dataclasses import asdict
from typing import Any

from piccolo.columns import BigInt, Boolean, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table

from functions.catalog.domain.books import DETAILS, Book, BookDetails
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.reviews import Review, ReviewContent, ReviewState
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
    # Of the book's published reviews; `commands/reviews.py` writes them.
    stars_1 = BigInt(default=0)
    stars_2 = BigInt(default=0)
    stars_3 = BigInt(default=0)
    stars_4 = BigInt(default=0)
    stars_5 = BigInt(default=0)
    rating_order = BigInt(default=0)
    uid = Varchar(length=32)
    revision = BigInt()
    retired = Boolean()
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    seller_id = BigInt(null=True)
    """The user id of its seller; null for the shop's own books."""
    retired_by = BigInt(null=True)


class SellerRow(Table, tablename="sellers"):
    """A seller, under the name that the shop shows. The account itself is auth's."""

    seller_id = BigInt(primary_key=True)
    name = Varchar(length=100)
    """Empty once the account is closed."""
    name_key = Varchar(length=32)
    """A digest of the folded name, so that no two sellers have names that look alike."""
    name_order = Varchar(length=130)
    """The name's key in lists that are sorted by it; empty once the account is closed."""
    revision = BigInt()
    closed_at = Timestamptz(null=True, default=None)
    """When auth reported that the account was closed for good."""
    retires_books = Boolean(default=False)
    """Whether books of a closed account may still be for sale; a background task retires them."""


class InventoryRow(Table, tablename="inventory"):
    """The stock that purchase reported. It may arrive before its book: there is no foreign key."""

    book_id = BigInt(primary_key=True)
    revision = BigInt()
    available = BigInt()
    as_of = Timestamptz(default=None)


class ImportLockRow(Table, tablename="turns"):
    """Rows that exist to be locked."""

    name = Varchar(length=20, primary_key=True)


TABLES = (BookRow, SellerRow, InventoryRow, ImportLockRow)


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
        ratings=Ratings(*(row[name] for name in Ratings._fields)),
        seller_id=row["seller_id"],
        retired_by=row["retired_by"],
    )


BOOK_COLUMNS = tuple(
    getattr(BookRow, name)
    for name in (
        *("id", *DETAILS),
        *("currency", "initial_stock", "revision", "retired", "created_at", "uid"),
        *Ratings._fields,
        *("seller_id", "retired_by"),
    )
)
"""The columns that `to_book` reads."""

REVIEW_COLUMNS = (
    "r.id, r.book_id, r.user_id, r.rating, r.text, r.reviewer, r.state, r.hidden_reason,"
    " r.revision, r.created_at, r.edited_at"
)
"""What `to_review` reads of a row `r` of `reviews`."""


def to_review(row: Row) -> Review:
    return Review(
        id=row["id"],
        book_id=row["book_id"],
        user_id=row["user_id"],
        content=ReviewContent(rating=row["rating"], text=row["text"], reviewer=row["reviewer"]),
        state=ReviewState(row["state"]),
        hidden_reason=row["hidden_reason"],
        revision=row["revision"],
        created_at=row["created_at"],
        edited_at=row["edited_at"],
    )

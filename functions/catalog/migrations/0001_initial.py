"""Books, the stock that purchase reports, and the kit's tables."""

from functions.kit.data.baselines import v1
from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    Index,
    varchar,
)

operations = [
    *v1.OUTBOX,
    *v1.INBOX,
    *v1.DEAD_LETTERS,
    *v1.IDEMPOTENCY,
    *v1.REVOCATIONS,
    CreateTable(
        "books",
        [
            Column("id", AUTO_ID),
            Column("title", varchar(255)),
            Column("author", varchar(1000)),
            Column("description", TEXT, null=True),
            Column("isbn", varchar(13), null=True),
            Column("isbn_in_use", varchar(13), null=True),
            Column("category", varchar(100), null=True),
            Column("price_minor", BIGINT),
            Column("currency", varchar(3)),
            Column("initial_stock", BIGINT),
            Column("title_order", varchar(130)),
            Column("price_order", varchar(50)),
            Column("category_key", varchar(100), null=True),
            Column("author_names", TEXT),
            Column("search_text", TEXT),
            Column("match_key", varchar(32)),
            Column("uid", varchar(32)),
            Column("revision", BIGINT),
            Column("retired", BOOLEAN),
            Column("created_at", TIMESTAMP),
            Column("updated_at", TIMESTAMP),
        ],
        indexes=[
            Index("ux_books_isbn_in_use", ("isbn_in_use",), unique=True),
            Index("ix_books_isbn", ("isbn",)),
            Index("ix_books_match", ("match_key",)),
            # One per order of the list, so that every page costs the same.
            Index("ix_books_by_title", ("title_order",)),
            Index("ix_books_by_price", ("price_order",)),
            Index("ix_books_by_category", ("category_key", "id")),
        ],
        checks=[
            "price_minor >= 0",
            "initial_stock >= 0",
            "revision >= 1",
            "isbn_in_use IS NULL OR isbn_in_use = isbn",
        ],
    ),
    CreateTable(
        "inventory",
        [
            Column("book_id", BIGINT),
            Column("revision", BIGINT),
            Column("available", BIGINT),
            Column("as_of", TIMESTAMP),
        ],
        primary_key=("book_id",),
        checks=["available >= 0"],
    ),
    CreateTable("turns", [Column("name", varchar(20))], primary_key=("name",)),
]

"""Sellers: the names that the shop shows for them, and the seller of each book.

One ALTER TABLE of `books` on MySQL: a table with a full-text index cannot be altered in place, so
each statement of its own would copy all books once more. The columns are nullable, because the
previous revision writes rows without them during a rollout: those are the shop's own books.
"""

from functions.kit.data.schema import (
    BIGINT,
    BOOLEAN,
    TIMESTAMP,
    Column,
    CreateTable,
    Execute,
    Index,
    varchar,
)

_COLUMNS = ("seller_id BIGINT NULL", "retired_by BIGINT NULL")
_INDEX = ("ix_books_by_seller", "seller_id, id")

operations = [
    CreateTable(
        "sellers",
        [
            Column("seller_id", BIGINT),
            Column("name", varchar(100)),
            Column("name_key", varchar(32)),
            Column("revision", BIGINT),
            Column("closed_at", TIMESTAMP, null=True),
            Column("retires_books", BOOLEAN, default="0"),
        ],
        primary_key=("seller_id",),
        indexes=[Index("ux_sellers_name", ("name_key",), unique=True)],
    ),
    Execute(
        unless="SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE()"
        " AND table_name = 'books' AND index_name = 'ix_books_by_seller'",
        sqlite=[
            *(f"ALTER TABLE books ADD COLUMN {column}" for column in _COLUMNS),
            f"CREATE INDEX {_INDEX[0]} ON books ({_INDEX[1]})",
        ],
        mysql=[
            "ALTER TABLE books "
            + ", ".join(
                [
                    *(f"ADD COLUMN {column}" for column in _COLUMNS),
                    f"ADD INDEX {_INDEX[0]} ({_INDEX[1]})",
                ]
            )
        ],
    ),
]

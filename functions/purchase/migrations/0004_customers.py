"""Addresses and carts of customers, the address that a purchase is sent to, closed accounts.

Everything is new or nullable, so that the release that is still running can work beside it.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    TIMESTAMP,
    AddColumn,
    Column,
    CreateTable,
    ForeignKey,
    Index,
    varchar,
)


def _address() -> list[Column]:
    return [
        Column("recipient", varchar(100)),
        Column("line_1", varchar(200)),
        Column("line_2", varchar(200), null=True),
        Column("line_3", varchar(200), null=True),
        Column("city", varchar(100)),
        Column("region", varchar(100), null=True),
        Column("postal_code", varchar(20), null=True),
        Column("country", varchar(2)),
        Column("phone", varchar(30), null=True),
    ]


operations = [
    AddColumn("customers", Column("closed_at", TIMESTAMP, null=True)),
    CreateTable(
        "addresses",
        [
            Column("id", AUTO_ID),
            Column("user_id", BIGINT),
            *_address(),
            # TRUE or NULL: a unique index allows any number of NULLs.
            Column("is_default", BOOLEAN, null=True),
            Column("created_at", TIMESTAMP),
        ],
        indexes=[
            Index("ix_addresses_user", ("user_id", "id")),
            Index("ux_addresses_default", ("user_id", "is_default"), unique=True),
        ],
        checks=["is_default IS NULL OR is_default = 1"],
    ),
    CreateTable(
        "cart_items",
        [
            Column("user_id", BIGINT),
            Column("book_id", BIGINT),
            Column("quantity", BIGINT),
            Column("price_when_added_minor", BIGINT),
            Column("added_at", TIMESTAMP),
        ],
        primary_key=("user_id", "book_id"),
        checks=["quantity BETWEEN 1 AND 1000", "price_when_added_minor >= 0"],
    ),
    CreateTable(
        "purchase_addresses",
        [
            Column("purchase_id", BIGINT),
            *_address(),
            Column("erase_at_end", BOOLEAN, default="0"),
        ],
        primary_key=("purchase_id",),
        foreign_keys=[ForeignKey("purchase_id", "purchases")],
    ),
]

"""Mails that ask for reviews: of which books and when, and who wants no such mail."""

from functions.kit.data.schema import (
    BIGINT,
    BOOLEAN,
    LONGTEXT,
    TIMESTAMP,
    AddColumn,
    Column,
    CreateTable,
    Index,
)

operations = [
    CreateTable(
        "orders",
        [
            Column("purchase_id", BIGINT),
            Column("user_id", BIGINT),
            Column("books", LONGTEXT),
            Column("refunded", BOOLEAN),
            Column("ask_at", TIMESTAMP, null=True),
            Column("asked", BOOLEAN),
            Column("known_at", TIMESTAMP),
        ],
        primary_key=("purchase_id",),
        indexes=[
            Index("ix_orders_user", ("user_id",)),
            Index("ix_orders_known", ("known_at",)),
            Index("ix_orders_ask", ("asked", "ask_at")),
        ],
    ),
    AddColumn("subscribers", Column("review_requests", BOOLEAN, default="1")),
]

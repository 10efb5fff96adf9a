"""What a migration prints for both databases, held as texts."""

import pytest

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    AddColumn,
    AddIndex,
    Column,
    CreateTable,
    Execute,
    ForeignKey,
    Index,
    varchar,
)

ORDERS = CreateTable(
    "orders",
    [
        Column("id", AUTO_ID),
        Column("book_id", BIGINT),
        Column("status", varchar(20), default="'new'"),
        Column("gift", BOOLEAN, default="0"),
        Column("note", TEXT, null=True),
        Column("created_at", TIMESTAMP),
    ],
    indexes=[
        Index("ux_orders_book", ("book_id", "status"), unique=True),
        Index("ix_orders_created", ("created_at",)),
    ],
    foreign_keys=[ForeignKey("book_id", "books")],
    checks=["book_id > 0"],
)

SQLITE = [
    """CREATE TABLE "orders" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT,
    "book_id" BIGINT NOT NULL,
    "status" VARCHAR(20) NOT NULL DEFAULT 'new',
    "gift" BOOLEAN NOT NULL DEFAULT 0,
    "note" TEXT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "fk_orders_book_id" FOREIGN KEY ("book_id") REFERENCES "books" ("id"),
    CONSTRAINT "ck_orders_1" CHECK (book_id > 0)
)""",
    'CREATE UNIQUE INDEX "ux_orders_book" ON "orders" ("book_id", "status")',
    'CREATE INDEX "ix_orders_created" ON "orders" ("created_at")',
]

MYSQL = [
    """CREATE TABLE `orders` (
    `id` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    `book_id` BIGINT NOT NULL,
    `status` VARCHAR(20) NOT NULL DEFAULT 'new',
    `gift` TINYINT(1) NOT NULL DEFAULT 0,
    `note` TEXT NULL,
    `created_at` DATETIME(6) NOT NULL,
    CONSTRAINT `fk_orders_book_id` FOREIGN KEY (`book_id`) REFERENCES `books` (`id`),
    CONSTRAINT `ck_orders_1` CHECK (book_id > 0),
    UNIQUE KEY `ux_orders_book` (`book_id`, `status`),
    KEY `ix_orders_created` (`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin""",
]


def test_a_table_for_sqlite() -> None:
    """Its indexes are statements of their own, in the same transaction."""
    assert ORDERS.statements("sqlite") == SQLITE


def test_a_table_for_mysql() -> None:
    """One statement, so that a kill leaves all of it or nothing."""
    assert ORDERS.statements("mysql") == MYSQL


def test_a_key_of_several_columns() -> None:
    """At table level, as both databases take it."""
    table = CreateTable(
        "lines", [Column("a", BIGINT), Column("b", varchar(5))], primary_key=("a", "b")
    )

    assert table.statements("sqlite") == [
        """CREATE TABLE "lines" (
    "a" BIGINT NOT NULL,
    "b" VARCHAR(5) NOT NULL,
    PRIMARY KEY ("a", "b")
)"""
    ]


def test_a_column_is_added() -> None:
    """Without IF NOT EXISTS, which MySQL does not know there."""
    added = AddColumn("orders", Column("size", varchar(2), default="'M'"))

    assert [*added.statements("sqlite"), *added.statements("mysql")] == [
        """ALTER TABLE "orders" ADD COLUMN "size" VARCHAR(2) NOT NULL DEFAULT 'M'""",
        """ALTER TABLE `orders` ADD COLUMN `size` VARCHAR(2) NOT NULL DEFAULT 'M'""",
    ]


def test_a_column_that_old_code_cannot_fill_is_refused() -> None:
    """The revision that is still running inserts without it."""
    with pytest.raises(ValueError, match=r"orders\.size needs a default or must be nullable"):
        AddColumn("orders", Column("size", varchar(2)))

    AddColumn("orders", Column("size", varchar(2), null=True))


def test_an_index_is_added() -> None:
    """On both with the same words."""
    added = AddIndex("orders", Index("ux", ("a", "b"), unique=True))

    assert [*added.statements("sqlite"), *added.statements("mysql")] == [
        'CREATE UNIQUE INDEX "ux" ON "orders" ("a", "b")',
        "CREATE UNIQUE INDEX `ux` ON `orders` (`a`, `b`)",
    ]


def test_sql_of_ones_own_is_printed_as_it_stands() -> None:
    """Each backend has its own, or none."""
    execute = Execute("SELECT 1", sqlite=["UPDATE a SET b = 'x\"y'"])

    assert (execute.statements("sqlite"), execute.statements("mysql")) == (
        ["UPDATE a SET b = 'x\"y'"],
        (),
    )

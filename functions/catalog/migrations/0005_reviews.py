"""Reviews, the books that customers bought, and the ratings of each book with an index to sort by.

One ALTER TABLE on MySQL, as in 0004. The defaults are right for the rows that the previous revision
writes during a rollout, which knows none of these columns and tables.
"""

from functions.kit.data.schema import (
    AUTO_ID,
    BIGINT,
    BOOLEAN,
    TEXT,
    TIMESTAMP,
    Column,
    CreateTable,
    Execute,
    ForeignKey,
    Index,
    varchar,
)

_COLUMNS = tuple(
    f"{name} BIGINT NOT NULL DEFAULT 0"
    for name in ("stars_1", "stars_2", "stars_3", "stars_4", "stars_5", "rating_order")
)

operations = [
    CreateTable(
        "bought_books",
        [
            Column("purchase_id", BIGINT),
            Column("book_id", BIGINT),
            Column("user_id", BIGINT),
            # Of the purchase. FALSE after a refund: an older event must not undo it.
            Column("revision", BIGINT),
            Column("bought", BOOLEAN),
        ],
        primary_key=("purchase_id", "book_id"),
        indexes=[Index("ix_bought_books_user", ("user_id", "book_id"))],
    ),
    CreateTable(
        "reviewers",
        [
            Column("user_id", BIGINT),
            Column("closed_at", TIMESTAMP, null=True),
            # Writes of reviews and reports in this hour, counted from 1970.
            Column("writes_hour", BIGINT),
            Column("writes", BIGINT),
        ],
        primary_key=("user_id",),
    ),
    CreateTable(
        "reviews",
        [
            Column("id", AUTO_ID),
            Column("book_id", BIGINT),
            Column("user_id", BIGINT),
            Column("rating", BIGINT),
            Column("text", TEXT, null=True),
            Column("reviewer", varchar(60), null=True),
            Column("state", varchar(20)),
            Column("hidden_reason", varchar(500), null=True),
            Column("open_reports", BIGINT),
            Column("revision", BIGINT),
            Column("created_at", TIMESTAMP),
            Column("edited_at", TIMESTAMP, null=True),
        ],
        indexes=[
            Index("ux_reviews_user", ("user_id", "book_id"), unique=True),
            Index("ix_reviews_book", ("book_id", "state", "id")),
            Index("ix_reviews_rating", ("book_id", "state", "rating", "id")),
            Index("ix_reviews_state", ("state", "id")),
            Index("ix_reviews_reports", ("open_reports", "id")),
        ],
        checks=["rating BETWEEN 1 AND 5", "open_reports >= 0", "revision >= 1"],
    ),
    CreateTable(
        "review_reports",
        [
            Column("review_id", BIGINT),
            Column("user_id", BIGINT),
            Column("reason", varchar(20)),
            Column("note", varchar(500), null=True),
            # FALSE once staff have decided.
            Column("is_open", BOOLEAN),
            Column("created_at", TIMESTAMP),
        ],
        primary_key=("review_id", "user_id"),
        indexes=[Index("ix_review_reports_user", ("user_id",))],
        foreign_keys=[ForeignKey("review_id", "reviews")],
    ),
    Execute(
        unless="SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE()"
        " AND table_name = 'books' AND index_name = 'ix_books_by_rating'",
        sqlite=[
            *(f"ALTER TABLE books ADD COLUMN {column}" for column in _COLUMNS),
            "CREATE INDEX ix_books_by_rating ON books (rating_order, id)",
        ],
        mysql=[
            "ALTER TABLE books "
            + ", ".join(
                [
                    *(f"ADD COLUMN {column}" for column in _COLUMNS),
                    "ADD INDEX ix_books_by_rating (rating_order, id)",
                ]
            )
        ],
    ),
]

"""Year, language and external rating of a book, and indexes to sort and filter by them.

One ALTER TABLE on MySQL: a table with a full-text index cannot be altered in place, so each
statement of its own would copy all books once more. The defaults are right for the rows that the
previous revision writes during a rollout, which knows none of these columns.
"""

from functions.kit.data.schema import Execute

_COLUMNS = (
    "year BIGINT NULL",
    "language VARCHAR(3) NULL",
    "external_rating_hundredths BIGINT NULL",
    "external_ratings_count BIGINT NOT NULL DEFAULT 0",
    "year_order BIGINT NOT NULL DEFAULT -10000",
)
_INDEXES = (
    ("ix_books_by_ratings", "external_ratings_count, id"),
    ("ix_books_by_year", "year_order, id"),
    ("ix_books_by_language", "language, id"),
)

operations = [
    Execute(
        unless="SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE()"
        " AND table_name = 'books' AND index_name = 'ix_books_by_language'",
        sqlite=[
            *(f"ALTER TABLE books ADD COLUMN {column}" for column in _COLUMNS),
            *(f"CREATE INDEX {name} ON books ({columns})" for name, columns in _INDEXES),
        ],
        mysql=[
            "ALTER TABLE books "
            + ", ".join(
                [
                    *(f"ADD COLUMN {column}" for column in _COLUMNS),
                    *(f"ADD INDEX {name} ({columns})" for name, columns in _INDEXES),
                ]
            )
        ],
    )
]

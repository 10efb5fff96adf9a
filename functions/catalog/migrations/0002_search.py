"""A full-text index for `GET /books?q=`, and the column that it indexes.

During a rollout the previous revision still writes search texts in its own form, which are found by
their plain words. Migration 0003 recomputes them.
"""

from functions.catalog.search.terms import search_text
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Row
from functions.kit.data.fulltext import AddFullTextIndex


def _search_text(row: Row) -> str:
    return search_text(row["title"], row["author"])


operations = [
    Backfill("books", "search_text", reads=("title", "author"), value=_search_text),
    AddFullTextIndex("ft_books_search", "books", "search_text"),
]

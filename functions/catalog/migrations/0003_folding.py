"""Recomputes the columns that books are searched, matched and sorted by, under new rules.

The previous revision reads and writes these columns during a rollout. It finds the new texts, which
include its words. Rows that it writes are found by their words and keep the previous sort order
until the book changes or the next release recomputes them.
"""

from functions.catalog.search.match_keys import author_names, category_key, match_key
from functions.catalog.search.sort_keys import title_order
from functions.catalog.search.terms import search_text
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Row


def _search_text(row: Row) -> str:
    return search_text(row["title"], row["author"], row["isbn"])


def _author_names(row: Row) -> str:
    return author_names(row["author"])


def _title_order(row: Row) -> str:
    return title_order(row["title"], row["uid"])


def _match_key(row: Row) -> str:
    return match_key(row["title"], row["author"])


def _category_key(row: Row) -> str | None:
    return row["category"] and category_key(row["category"])


operations = [
    Backfill("books", "search_text", reads=("title", "author", "isbn"), value=_search_text),
    Backfill("books", "author_names", reads=("author",), value=_author_names),
    Backfill("books", "title_order", reads=("title", "uid"), value=_title_order),
    Backfill("books", "match_key", reads=("title", "author"), value=_match_key),
    Backfill("books", "category_key", reads=("category",), value=_category_key),
]

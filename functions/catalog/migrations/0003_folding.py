"""What books are found, sorted and recognised by, written anew: new rules, the same columns.

The revision before this one reads and writes these columns meanwhile. It finds by its own rules
what is written here, since each text has its words too; what it writes is found by its words, and
stands in its order, until the book is changed or the next release writes all of them again.
"""

from functions.catalog.domain.search import search_text
from functions.catalog.domain.sorting import title_order
from functions.catalog.domain.text import author_names, category_key, match_key
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

"""A full-text index for `GET /books?q=`, and the texts that it is made of.

The revision before this one writes search texts as it did; they are found by their plain words.
The release after this one writes them anew once more, and forgets about them.
"""

from functions.catalog.domain.search import search_text
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Row
from functions.kit.data.fulltext import AddFullTextIndex


def _search_text(row: Row) -> str:
    return search_text(row["title"], row["author"])


operations = [
    Backfill("books", "search_text", reads=("title", "author"), value=_search_text),
    AddFullTextIndex("ft_books_search", "books", "search_text"),
]

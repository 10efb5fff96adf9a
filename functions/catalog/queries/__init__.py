"""Reads: books and their list, counts of facets, suggestions.

`books.py` has one book, the list and the snapshot; `facets.py` and `suggestions.py` the other two.
The conditions of a search are in `matching.py`.
"""

from functions.catalog.queries.books import Page, book_states, get_book, list_books
from functions.catalog.queries.facets import count_facets
from functions.catalog.queries.matching import Sample
from functions.catalog.queries.suggestions import suggest

__all__ = [
    "Page",
    "Sample",
    "book_states",
    "count_facets",
    "get_book",
    "list_books",
    "suggest",
]

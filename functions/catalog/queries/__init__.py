"""Reads: books and their list, counts of facets, suggestions, sellers.

`books.py` has one book, the lists and the snapshot; the others are in files of their names.
The conditions of a search are in `matching.py`.
"""

from functions.catalog.queries.books import Page, book_states, get_book, list_books
from functions.catalog.queries.facets import count_facets
from functions.catalog.queries.matching import Sample
from functions.catalog.queries.sellers import get_seller, list_sellers
from functions.catalog.queries.suggestions import suggest

__all__ = [
    "Page",
    "Sample",
    "book_states",
    "count_facets",
    "get_book",
    "get_seller",
    "list_books",
    "list_sellers",
    "suggest",
]

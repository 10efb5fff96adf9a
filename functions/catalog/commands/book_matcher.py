"""The books that a batch of an import is about, and which of them a row means."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from functions.catalog.domain.books import Book
from functions.catalog.domain.import_rows import ImportRow
from functions.catalog.domain.text import match_key
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.base.errors import Text
from functions.kit.data.database import Database


class Match(NamedTuple):
    """The book that a row is about; None for a new one."""

    book: Book | None
    doubt: Text | None = None
    """Why it is not certain enough to change the book."""


class BookMatcher:
    """A row's book is the one with its ISBN; without an ISBN, that of the same title and author.

    A book is changed by a match that is certain only. Another ISBN of the same title is another
    edition; a row with an ISBN takes a book without one where that is the only edition there is. A
    row without an ISBN, or with one that cannot be read, does not say which edition it means, so it
    changes none that has an ISBN. Books that are sold go before those that are retired.
    """

    def __init__(self, books: Iterable[Book]) -> None:
        self._books: dict[int, Book] = {}
        self._by_isbn: dict[str, set[int]] = {}
        self._by_match: dict[str, set[int]] = {}
        for book in books:
            self.put(book)

    def put(self, book: Book) -> None:
        """A book as it stands now."""
        details = book.details
        self._books[book.id] = book
        if details.isbn is not None:
            self._by_isbn.setdefault(details.isbn, set()).add(book.id)
        self._by_match.setdefault(_key(book), set()).add(book.id)

    def ids(self) -> list[int]:
        return sorted(self._books)

    def find(self, row: ImportRow) -> Match:
        details = row.details
        key = match_key(details.title, details.author)
        titled = [book for book in self._all(self._by_match, key) if _key(book) == key]
        if details.isbn is None:
            return _without_isbn(row, titled)
        numbered = [
            book
            for book in self._all(self._by_isbn, details.isbn)
            if book.details.isbn == details.isbn
        ]
        if numbered:
            return Match(min(numbered, key=lambda book: book.retired))
        sold = [book for book in titled if not book.retired]
        if len(sold) == 1 and sold[0].details.isbn is None:
            return Match(sold[0])
        return Match(None)

    def _all(self, index: Mapping[str, set[int]], key: str) -> list[Book]:
        return [self._books[book_id] for book_id in sorted(index.get(key, ()))]


def _key(book: Book) -> str:
    return match_key(book.details.title, book.details.author)


def _without_isbn(row: ImportRow, titled: list[Book]) -> Match:
    sold = [book for book in titled if not book.retired]
    if not sold:
        return Match(titled[0] if titled else None)
    bare = [book for book in sold if book.details.isbn is None]
    for book in bare + sold:
        if row.applied_to(book.details) == book.details:
            return Match(book)
    if row.unreadable_isbn is None and len(bare) == 1:
        return Match(bare[0])
    return Match(sold[0], _doubt(row, bare or sold))


def _doubt(row: ImportRow, books: list[Book]) -> Text:
    ids = ", ".join(str(book.id) for book in books[:5])
    if row.unreadable_isbn is not None:
        return Text(
            f"puede ser el libro {ids}, del mismo título y autor, pero su ISBN"
            f" {row.unreadable_isbn} no se puede leer: corríjalo",
            f"may be book {ids}, of the same title and author, but its ISBN"
            f" {row.unreadable_isbn} cannot be read: correct it",
        )
    return Text(
        f"puede ser el libro {ids}, del mismo título y autor: dé el ISBN para que se sepa cuál es",
        f"may be book {ids}, of the same title and author: give the ISBN, which tells which it is",
    )


async def known_books(database: Database, rows: Iterable[ImportRow]) -> BookMatcher:
    """Every book that one of the rows may mean, locked until the transaction ends."""
    isbns, keys = set(), set()
    for row in rows:
        keys.add(match_key(row.details.title, row.details.author))
        if row.details.isbn is not None:
            isbns.add(row.details.isbn)
    books = []
    for column, values in ((BookRow.isbn, isbns), (BookRow.match_key, keys)):
        if values:
            select = BookRow.select(*BOOK_COLUMNS).where(column.is_in(sorted(values)))
            books += [to_book(row) for row in await database.locked(select)]
    return BookMatcher(books)

"""Finds the existing book that a row of an import is about."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from functions.catalog.domain.books import Book
from functions.catalog.domain.sellers import Editor
from functions.catalog.importing.rows import ImportRow
from functions.catalog.search.match_keys import match_key
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.base.errors import Text
from functions.kit.data.database import Database


class Match(NamedTuple):
    """The existing book of a row; None for a new one."""

    book: Book | None
    doubt: Text | None = None
    """Why the match is too weak to change the book; None for a certain match."""


class BookMatcher:
    """Matches rows to books by ISBN, and rows without an ISBN by title and author.

    Only certain matches change a book. Another ISBN of the same title is another edition. A row
    with an ISBN matches a book without one where that is the only edition. A row whose ISBN is
    missing or unreadable does not identify an edition, so it changes no book that has an ISBN.
    Books for sale are preferred to retired ones. By title and author a seller's row matches only
    the seller's own books: other copies of a title are other offers of it.
    """

    def __init__(self, books: Iterable[Book], editor: Editor) -> None:
        self._editor = editor
        self._books: dict[int, Book] = {}
        self._by_isbn: dict[str, set[int]] = {}
        self._by_match: dict[str, set[int]] = {}
        for book in books:
            self.put(book)

    def put(self, book: Book) -> None:
        """Adds a book, or replaces its earlier state."""
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
        same_title = [
            book
            for book in self._all(self._by_match, key)
            if _key(book) == key and self._editor.may_change(book)
        ]
        if details.isbn is None:
            return _match_without_isbn(row, same_title)
        same_isbn = [
            book
            for book in self._all(self._by_isbn, details.isbn)
            if book.details.isbn == details.isbn
        ]
        if same_isbn:
            return Match(min(same_isbn, key=lambda book: book.retired))
        sold = [book for book in same_title if not book.retired]
        if len(sold) == 1 and sold[0].details.isbn is None:
            return Match(sold[0])
        return Match(None)

    def _all(self, index: Mapping[str, set[int]], key: str) -> list[Book]:
        return [self._books[book_id] for book_id in sorted(index.get(key, ()))]


def _key(book: Book) -> str:
    return match_key(book.details.title, book.details.author)


def _match_without_isbn(row: ImportRow, same_title: list[Book]) -> Match:
    sold = [book for book in same_title if not book.retired]
    if not sold:
        return Match(same_title[0] if same_title else None)
    without_isbn = [book for book in sold if book.details.isbn is None]
    for book in without_isbn + sold:
        if row.applied_to(book.details) == book.details:
            return Match(book)
    if row.unreadable_isbn is None and len(without_isbn) == 1:
        return Match(without_isbn[0])
    return Match(sold[0], _doubt(row, without_isbn or sold))


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


async def known_books(database: Database, rows: Iterable[ImportRow], editor: Editor) -> BookMatcher:
    """Every book that one of the rows may match, locked until the transaction ends."""
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
    return BookMatcher(books, editor)

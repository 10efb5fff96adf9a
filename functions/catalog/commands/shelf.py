"""The books that a batch of an import is about, and which of them a row means."""

from collections.abc import Iterable, Mapping

from functions.catalog.domain.books import Book
from functions.catalog.domain.import_rows import ImportRow
from functions.catalog.domain.text import match_key
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.database import Database


class Shelf:
    """A row's book is the one with its ISBN; else the one of the same title and author.

    Of these, a row with an ISBN takes only one that has none yet, since another ISBN is another
    edition. A book that is sold goes before one that is retired.
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
        key = match_key(details.title, details.author)
        self._by_match.setdefault(key, set()).add(book.id)

    def find(self, row: ImportRow) -> Book | None:
        details = row.details
        titled = self._all(self._by_match, match_key(details.title, details.author))
        if details.isbn is None:
            candidates = sorted(titled, key=lambda book: book.details.isbn is not None)
        else:
            numbered = self._all(self._by_isbn, details.isbn)
            candidates = numbered + [book for book in titled if book.details.isbn is None]
        return min(candidates, key=lambda book: book.retired, default=None)

    def _all(self, index: Mapping[str, set[int]], key: str) -> list[Book]:
        return [self._books[book_id] for book_id in sorted(index.get(key, ()))]


async def known_books(database: Database, rows: Iterable[ImportRow]) -> Shelf:
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
    return Shelf(books)

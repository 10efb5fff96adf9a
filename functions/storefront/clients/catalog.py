"""catalog: books."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from functions.kit.http.response_cache import ResponseCache
from functions.storefront.clients.service import Caller, Refused, ServiceAway, ServiceClient

IMPORT_SECONDS = 280.0
"""Of a file, until its report; Knative ends a request after 300."""
BOOKS_AT_ONCE = 50
"""Ids in one request."""
FACETS_PATH = "/books/facets"
KEEP_TITLES = 2000
"""Books whose title and author are remembered for their covers."""
LIST_SECONDS = 1.0
"""How old a list and its counts may be; catalog's own lists are as old. A book's page and a cart
are never old."""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A book as a page shows it."""

    id: int
    title: str
    author: str
    description: str | None = None
    isbn: str | None = None
    category: str | None = None
    price: Decimal
    currency: str
    stock: int
    stock_as_of: datetime
    year: int | None = None
    """Negative years are BCE."""
    language: str | None = None
    """ISO 639 code."""
    external_rating_hundredths: int | None = None
    external_ratings_count: int = 0
    rating_hundredths: int | None = None
    """Average of the shop's own reviews."""
    reviews_count: int = 0
    ratings_by_stars: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    seller_id: int | None = None
    seller_name: str | None = None
    """Both are none for the shop's own books."""


class ManagedBook(Book, frozen=True, kw_only=True):
    """A book as staff see it."""

    retired: bool
    etag: str
    may_restore: bool = True
    """Of a retired book: not where it is a seller's and staff retired it."""


class Seller(msgspec.Struct, frozen=True):
    id: int
    name: str


class SellerCount(msgspec.Struct, frozen=True):
    value: int
    name: str
    count: int


class FacetValue(msgspec.Struct, frozen=True):
    value: str
    count: int


class PriceRange(msgspec.Struct, frozen=True):
    min_price: Decimal
    max_price: Decimal
    count: int


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """Counts under a search; estimates where they are not exact."""

    total: int
    exact: bool
    category: list[FacetValue] = []
    language: list[FacetValue] = []
    author: list[FacetValue] = []
    price: list[PriceRange] = []
    seller: list[SellerCount] = []


class Suggestion(msgspec.Struct, frozen=True):
    kind: str
    text: str
    book_id: int | None = None


class LineReport(msgspec.Struct, frozen=True):
    line: int
    field: str
    """Empty where it concerns the whole line."""
    reason: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the lines of a file."""

    lines: int
    created: int
    updated: int
    unchanged: int
    refused: int
    warned: int = 0
    errors: list[LineReport] = []
    warnings: list[LineReport] = []
    truncated: bool = False
    unused_columns: list[str] = []


class BookPage(msgspec.Struct, frozen=True):
    books: list[Book]
    next_cursor: str | None


class CatalogClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service
        self._known: dict[int, tuple[str, str]] = {}
        self._lists: ResponseCache[BookPage] = ResponseCache(LIST_SECONDS)
        self._counts: ResponseCache[Facets] = ResponseCache(LIST_SECONDS)

    async def listed(self, caller: Caller, filters: Mapping[str, Any]) -> BookPage:
        """A page of books, which may be `LIST_SECONDS` old."""
        return await self._lists.get(_key(filters), lambda: self.books(caller, filters))

    async def books(self, caller: Caller, filters: Mapping[str, Any]) -> BookPage:
        """A page of books; `filters` are those of `GET /books`."""
        answer = await self._service.request("GET", "/books", caller=caller, params=filters)
        books = answer.read(list[Book])
        self._remember(books)
        return BookPage(books, answer.next_cursor)

    async def facets(self, caller: Caller, filters: Mapping[str, Any]) -> Facets | None:
        """Counts, which may be `LIST_SECONDS` old, for a page that is shown without them too.

        None where catalog has none.
        """

        async def count() -> Facets:
            answer = await self._service.request("GET", FACETS_PATH, caller=caller, params=filters)
            return answer.read(Facets)

        try:
            return await self._counts.get(_key(filters), count)
        except (Refused, ServiceAway):
            return None

    async def popular(self, caller: Caller, limit: int) -> list[Book]:
        """Books in stock that have most ratings elsewhere; none where catalog cannot say."""
        filters = {"sort": "popular", "limit": limit, "in_stock": "true"}
        try:
            page = await self.listed(caller, filters)
        except (Refused, ServiceAway):
            return []
        return [book for book in page.books if book.external_ratings_count]

    async def suggestions(self, caller: Caller, typed: str) -> list[Suggestion] | None:
        """Authors and titles; None where catalog cannot answer, as the search still works."""
        try:
            answer = await self._service.request(
                "GET", "/books/suggestions", caller=caller, params={"q": typed}
            )
            return answer.read(list[Suggestion])
        except (Refused, ServiceAway):
            return None

    async def by_ids(self, caller: Caller, ids: Sequence[int]) -> dict[int, Book]:
        """Books by their id; those that are retired or unknown are missing."""
        found: dict[int, Book] = {}
        for start in range(0, len(ids), BOOKS_AT_ONCE):
            chunk = ids[start : start + BOOKS_AT_ONCE]
            filters = {"ids": ",".join(map(str, chunk)), "limit": BOOKS_AT_ONCE}
            page = await self.books(caller, filters)
            found.update({book.id: book for book in page.books})
        return found

    async def managed(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[ManagedBook], str | None]:
        """A page of books, retired ones included, and the cursor of the next."""
        answer = await self._service.request("GET", "/books/managed", caller=caller, params=filters)
        return answer.read(list[ManagedBook]), answer.next_cursor

    async def own_books(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[ManagedBook], str | None]:
        """A page of the seller's books, retired ones included, and the cursor of the next."""
        answer = await self._service.request(
            "GET", "/sellers/me/books", caller=caller, params=filters
        )
        return answer.read(list[ManagedBook]), answer.next_cursor

    async def seller(self, caller: Caller) -> Seller | None:
        """The seller who calls; None before a name is chosen."""
        try:
            answer = await self._service.request("GET", "/sellers/me", caller=caller)
        except Refused as refusal:
            if refusal.code != "seller-not-found":
                raise
            return None
        return answer.read(Seller)

    async def sellers(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[Seller], str | None]:
        """A page of sellers, and the cursor of the next."""
        answer = await self._service.request("GET", "/sellers", caller=caller, params=filters)
        return answer.read(list[Seller]), answer.next_cursor

    async def assign_seller(self, caller: Caller, book_id: int, seller_id: int | None) -> None:
        """None: the shop itself. Raises `Refused`: 404 for an unknown book or seller."""
        path, body = f"/books/{book_id}/seller", {"seller_id": seller_id}
        await self._service.request("PUT", path, caller=caller, body=body)

    async def name_seller(self, caller: Caller, name: str) -> None:
        """Raises `Refused`: 409 where another seller has the name."""
        await self._service.request("PUT", "/sellers/me", caller=caller, body={"name": name})

    async def managed_book(self, caller: Caller, book_id: int) -> ManagedBook | None:
        """A book, retired or not; None where there never was one."""
        books, _ = await self.managed(caller, {"ids": book_id})
        return books[0] if books else None

    async def add_book(self, caller: Caller, body: Mapping[str, Any], *, key: str) -> int:
        """The new book's id. Raises `Refused`: 400 with its fields, 409 for a taken ISBN."""
        answer = await self._service.request(
            "POST", "/books", caller=caller, body=body, headers={"idempotency-key": key}
        )
        return answer.read(_BookAdded).book_id

    async def change_book(
        self, caller: Caller, book_id: int, changes: Mapping[str, Any], *, etag: str
    ) -> None:
        """Raises `Refused`: 400 with its fields, 409 for a taken ISBN, 410, 412."""
        await self._service.request(
            *("PATCH", f"/books/{book_id}"),
            caller=caller,
            body=changes,
            headers={"if-match": etag},
        )
        self._known.pop(book_id, None)

    async def retire_book(self, caller: Caller, book_id: int) -> None:
        """Raises `Refused`: 404, and 410 where it is retired already."""
        await self._service.request("DELETE", f"/books/{book_id}", caller=caller)

    async def restore_book(self, caller: Caller, book_id: int) -> None:
        """Raises `Refused`: 404, and 409 where another book has its ISBN."""
        path = f"/books/{book_id}/restore"
        await self._service.request("POST", path, caller=caller, repeatable=True)

    async def import_books(
        self, caller: Caller, chunks: AsyncIterator[bytes], params: Mapping[str, Any]
    ) -> ImportReport:
        """Send a CSV file as it arrives. Raises `Refused`: 400, 413, 415."""
        answer = await self._service.upload(
            "/books/import",
            chunks,
            caller=caller,
            content_type="text/csv",
            params=params,
            limit=IMPORT_SECONDS,
        )
        self._known.clear()
        return answer.read(ImportReport)

    async def book(self, caller: Caller, book_id: int) -> Book:
        """Raises `Refused` with 404 for a book that never was, 410 for a retired one."""
        answer = await self._service.request("GET", f"/books/{book_id}", caller=caller)
        book = answer.read(Book)
        self._remember([book])
        return book

    async def title_and_author(
        self, caller: Caller, book_id: int, *, remembered: bool = True
    ) -> tuple[str, str] | None:
        """For a cover; None where there is no such book. `remembered`: as they were last seen."""
        if not remembered or book_id not in self._known:
            try:
                await self.book(caller, book_id)
            except Refused:
                return None
        return self._known.get(book_id)

    def _remember(self, books: Sequence[Book]) -> None:
        for book in books:
            self._known.pop(book.id, None)
            self._known[book.id] = (book.title, book.author)
        while len(self._known) > KEEP_TITLES:
            del self._known[next(iter(self._known))]


class _BookAdded(msgspec.Struct, frozen=True):
    book_id: int


def _key(filters: Mapping[str, Any]) -> bytes:
    """The same for the same filters in any order."""
    return repr(sorted((name, str(value)) for name, value in filters.items())).encode()

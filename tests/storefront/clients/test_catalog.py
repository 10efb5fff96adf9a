"""Lists of books are a second old at most; a book and a cart are never old."""

import json

import httpx

from functions.storefront.clients.catalog import LIST_SECONDS, LISTS, CatalogClient
from functions.storefront.clients.service import Caller, ServiceClient

BOOK = {
    "id": 1,
    "title": "Rayuela",
    "author": "Julio Cortázar",
    "price": 14.5,
    "currency": "USD",
    "stock": 3,
    "stock_as_of": "2026-03-14T09:26:53Z",
}
CALLER = Caller("en")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def client_of(asked: list[str], clock: Clock) -> CatalogClient:
    """Each answer has one copy more in stock."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        book = {**BOOK, "stock": len(asked)}
        one = request.url.path != "/books"
        return httpx.Response(200, content=json.dumps(book if one else [book]))

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    service = ServiceClient("catalog", "http://catalog.test", http, timeout=5)
    return CatalogClient(service, seconds=clock)


async def test_a_list_is_asked_for_once_a_second() -> None:
    """Whatever the order of its filters; another list is another question."""
    asked: list[str] = []
    clock = Clock()
    catalog = client_of(asked, clock)
    first = await catalog.listed(CALLER, {"q": "a", "limit": 5})
    clock.now += LIST_SECONDS * 0.9
    again = await catalog.listed(CALLER, {"limit": 5, "q": "a"})
    await catalog.listed(CALLER, {"limit": 5, "q": "b"})
    clock.now += LIST_SECONDS * 0.2
    later = await catalog.listed(CALLER, {"q": "a", "limit": 5})

    assert [page.books[0].stock for page in (first, again, later)] == [1, 1, 3]


async def test_what_is_bought_is_asked_for_each_time() -> None:
    """A book's page, and the books of a cart."""
    asked: list[str] = []
    catalog = client_of(asked, Clock())
    stocks = [(await catalog.book(CALLER, 1)).stock for _ in range(2)]
    stocks += [(await catalog.by_ids(CALLER, [1]))[1].stock for _ in range(2)]

    assert stocks == [1, 2, 3, 4]


async def test_only_so_many_lists_are_kept() -> None:
    """The oldest goes: a search for anything costs no memory for ever."""
    asked: list[str] = []
    catalog = client_of(asked, Clock())
    for number in range(LISTS + 1):
        await catalog.listed(CALLER, {"q": number})
    await catalog.listed(CALLER, {"q": LISTS})
    await catalog.listed(CALLER, {"q": 0})

    assert len(asked) == LISTS + 2

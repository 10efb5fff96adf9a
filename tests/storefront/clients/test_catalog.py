"""Lists of books are a second old at most; a book and a cart are never old."""

import json

import httpx
import pytest

from functions.kit.http import response_cache
from functions.kit.http.response_cache import MAX_ENTRIES as LISTS
from functions.storefront.clients.catalog import FACETS_PATH, LIST_SECONDS, CatalogClient
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
    """A monotonic clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    hand = Clock()
    monkeypatch.setattr(response_cache, "time", hand)
    return hand


def client_of(asked: list[str]) -> CatalogClient:
    """Each answer has one copy more in stock."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if request.url.path == FACETS_PATH:
            return httpx.Response(200, json={"total": len(asked), "exact": True})
        book = {**BOOK, "stock": len(asked)}
        one = request.url.path != "/books"
        return httpx.Response(200, content=json.dumps(book if one else [book]))

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    service = ServiceClient("catalog", "http://catalog.test", http, timeout=5)
    return CatalogClient(service)


async def test_a_list_is_asked_for_once_a_second(clock: Clock) -> None:
    """Whatever the order of its filters; another list is another question."""
    asked: list[str] = []
    catalog = client_of(asked)
    first = await catalog.listed(CALLER, {"q": "a", "limit": 5})
    clock.now += LIST_SECONDS * 0.9
    again = await catalog.listed(CALLER, {"limit": 5, "q": "a"})
    await catalog.listed(CALLER, {"limit": 5, "q": "b"})
    clock.now += LIST_SECONDS * 0.2
    later = await catalog.listed(CALLER, {"q": "a", "limit": 5})

    assert [page.books[0].stock for page in (first, again, later)] == [1, 1, 3]


async def test_counts_are_asked_for_once_a_second(clock: Clock) -> None:
    """Beside the list, which has the same filters."""
    asked: list[str] = []
    catalog = client_of(asked)
    found = []
    for seconds in (0.0, 0.9, 0.2):
        clock.now += seconds * LIST_SECONDS
        found.append(await catalog.facets(CALLER, {"q": "a"}))

    assert [each and each.total for each in found] == [1, 1, 2]


async def test_what_is_bought_is_asked_for_each_time() -> None:
    """A book's page, and the books of a cart."""
    asked: list[str] = []
    catalog = client_of(asked)
    stocks = [(await catalog.book(CALLER, 1)).stock for _ in range(2)]
    stocks += [(await catalog.by_ids(CALLER, [1]))[1].stock for _ in range(2)]

    assert stocks == [1, 2, 3, 4]


async def test_only_so_many_lists_are_kept(clock: Clock) -> None:
    """The oldest goes: a search for anything costs no memory for ever."""
    asked: list[str] = []
    catalog = client_of(asked)
    for number in range(LISTS + 1):
        await catalog.listed(CALLER, {"q": number})
    await catalog.listed(CALLER, {"q": LISTS})
    await catalog.listed(CALLER, {"q": 0})

    assert len(asked) == LISTS + 2

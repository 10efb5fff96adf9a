"""What a page needs of several services, or twice of one, it asks for at the same time."""

import asyncio

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, Wire, open_storefront

PAGES = {
    "books/1": {"GET /books/1", "GET /books/1/reviews"},
    "books/1/review": {"GET /books/1", "GET /books/1/reviews/own"},
    "account": {"GET /me", "GET /addresses"},
    "account/mails": {"GET /me", "GET /preferences"},
    "checkout/address": {"GET /cart", "GET /addresses"},
    "checkout/delivery?address=1": {"GET /cart", "GET /addresses"},
    "checkout/payment?address=1&provider=1": {"GET /cart", "GET /addresses"},
}
"""The requests of each page that depend on nothing but its address."""


class MeetingWire(Wire):
    """Carries out the requests that meet only once all of them are there."""

    def __init__(self, shop: ShopInProcess) -> None:
        super().__init__(shop)
        self.missing: set[str] = set()
        self.complete = asyncio.Event()

    def expect(self, names: set[str]) -> None:
        self.missing, self.complete = set(names), asyncio.Event()

    async def _route(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}"
        if name in self.missing:
            self.missing.discard(name)
            if not self.missing:
                self.complete.set()
            await self.complete.wait()
        return await super()._route(request)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_side_by_side(shop: ShopInProcess, provider: int, path: str) -> None:
    """One after the other they would wait for each other until the page gives up."""
    await shop.sell(stock=10)
    wire = MeetingWire(shop)
    async with open_storefront(shop, wire.client, SERVICE_TIMEOUT_SECONDS="5") as visitor:
        await sign_up_with_cart(visitor)
        wire.expect(PAGES[path])
        page = await visitor.get(f"/en/{path}")

    assert wire.missing == set()
    assert page.status_code == 200


async def sign_up_with_cart(visitor: Visitor) -> None:
    await visitor.sign_up()
    await visitor.submit("/en/cart/items", book_id=1, quantity=2)
    await visitor.go_to_payment()


@pytest.mark.parametrize("path", ["checkout/address", "checkout/delivery?address=1"])
async def test_the_first_reason_counts(shop: ShopInProcess, path: str) -> None:
    """An empty cart leads to the cart, whatever becomes of the addresses meanwhile."""
    async with open_storefront(shop) as visitor:
        await visitor.sign_up()
        page = await visitor.get(f"/en/{path}")

    assert (page.status_code, page.headers["location"]) == (303, "/en/cart")

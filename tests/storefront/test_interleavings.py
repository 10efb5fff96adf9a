"""Tabs and pods: answers that arrive in any order sign nobody out and take nothing from a cart."""

import random
from http.cookies import SimpleCookie

import httpx
import pytest

from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import SAME_ORIGIN, Visitor, open_storefront

PAGE_TIMEOUT = 20.0
"""`PAGE_TIMEOUT_SECONDS`: until when a page has answered."""
STEPS = 60


class Browser:
    """Its answers arrive when a test says so, each at most `PAGE_TIMEOUT` after its request."""

    def __init__(self, shop: ShopInProcess, pods: list[Visitor], choose: random.Random) -> None:
        self.shop = shop
        self.pods = pods
        self.choose = choose
        self.cookies: dict[str, str] = {}
        self.under_way: list[tuple[float, httpx.Response]] = []

    @property
    def now(self) -> float:
        return self.shop.clock().timestamp()

    async def ask(self, method: str, path: str, **fields: str) -> httpx.Response:
        """A request to any pod, with the cookies that the browser has now."""
        pod = self.choose.choice(self.pods).client
        pod.cookies.clear()
        headers = dict(SAME_ORIGIN)
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        response = await pod.request(method, path, data=fields or None, headers=headers)
        self.under_way.append((self.now, response))
        return response

    def arrive(self, place: int) -> None:
        """The browser stores the cookies of an answer."""
        _, response = self.under_way.pop(place)
        for header in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)

    def arrive_all(self) -> None:
        while self.under_way:
            self.arrive(0)

    def let_pass(self, seconds: float) -> None:
        """Time passes; answers that would take longer than a page may arrive before."""
        until = self.now + seconds
        while self.under_way and self.under_way[0][0] + PAGE_TIMEOUT < until:
            self.arrive(0)
        self.shop.clock.advance(seconds=until - self.now)


@pytest.mark.parametrize("seed", range(6))
async def test_answers_in_any_order_sign_nobody_out(shop: ShopInProcess, seed: int) -> None:
    """Pages of customers, of everybody, and those that show a message once, on two pods. Tokens
    are renewed every ten minutes meanwhile."""
    choose = random.Random(seed)
    async with open_storefront(shop) as first, open_storefront(shop) as second:
        browser = Browser(shop, [first, second], choose)
        await browser.ask(
            *("POST", "/en/register"),
            email="ana@example.org",
            password="ana-has-a-password",
            name="",
        )
        browser.arrive_all()
        ended = []
        for step in range(STEPS):
            action = choose.choice(("orders", "orders", "home", "message", "arrive", "pass"))
            if action == "orders":
                response = await browser.ask("GET", "/en/orders")
                if response.status_code != 200:
                    ended.append((step, response.headers["location"]))
            elif action == "home":
                await browser.ask("GET", "/en")
            elif action == "message":
                await browser.ask("POST", "/en/cart/items", book_id="1", quantity="0")
            elif action == "arrive" and browser.under_way:
                browser.arrive(choose.randrange(len(browser.under_way)))
            else:
                browser.let_pass(choose.choice((0.5, 4, 12, 19, 590, 620, 900)))

    assert ended == []


async def test_a_message_that_is_shown_late_brings_no_old_token_back(
    shop: ShopInProcess,
) -> None:
    """The page was asked for just before the tokens were renewed, and its answer came after that.
    Much later another pod, which knows no successor, meets the newer token."""
    async with open_storefront(shop) as first, open_storefront(shop) as second:
        browser = Browser(shop, [first], random.Random(0))
        await browser.ask(
            *("POST", "/en/register"),
            email="ana@example.org",
            password="ana-has-a-password",
            name="",
        )
        browser.arrive_all()
        await browser.ask("POST", "/en/cart/items", book_id="1", quantity="0")
        browser.arrive_all()
        browser.let_pass(598)
        await browser.ask("GET", "/en")  # shows the message, and is slow
        browser.let_pass(5)
        await browser.ask("GET", "/en/orders")  # renews the tokens
        browser.arrive(1)
        browser.arrive(0)
        browser.let_pass(700)
        browser.pods = [second]
        page = await browser.ask("GET", "/en/orders")

    assert page.status_code == 200

"""The second part of the tour: a visitor buys a book in the storefront, page by page."""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote_plus, urlsplit

from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.invocation import command
from functions.local.tour_pages import Form, Page, TourBrowser
from functions.local.tour_requests import require_equal

Step = Callable[[], Awaitable[None]]

_ADDRESS = {
    "recipient": "Úrsula Iguarán",
    "line1": "Carrera 7 # 32-16",
    "city": "Bogotá",
    "region": "Bogotá",
    "postal_code": "110311",
    "country": "CO",
}


class StorefrontTour:
    def __init__(self, console: Console, browser: TourBrowser) -> None:
        self._console = console
        self._browser = browser
        self._email = f"tour-{secrets.token_hex(4)}@bookstore.example"
        self._password = secrets.token_urlsafe(12)
        self._page = Page(0, "", "")
        self._title = ""
        self._order = ""
        self._payment = Form("")

    def steps(self) -> list[tuple[str, Step]]:
        return [
            ("Open the storefront: it speaks the reader's language", self._home),
            ("Search for a book", self._search),
            ("Look at it", self._look),
            ("Put a copy into the cart, without an account", self._fill_cart),
            ("Register on the way to the checkout: the cart comes along", self._register),
            ("Say where it should go", self._address),
            ("Choose a delivery", self._delivery),
            ("Pay", self._pay),
            ("Send the same form again, as after a lost answer", self._pay_again),
            ("Sign out", self._sign_out),
        ]

    async def run(self, first: int) -> None:
        """Numbers its steps from `first` on. Raises ShopError."""
        for number, (title, step) in enumerate(self.steps(), start=first):
            self._console.print()
            self._console.notice(f"{number:2} · {title}")
            await step()

    async def _home(self) -> None:
        page = await self._browser.get("/")
        require_equal("The first page", page.path.strip("/"), self._language(page))
        books = [link for link in page.links if self._is_book(link.path)]
        if not books:
            again = command("dev -- --fresh")
            raise ShopError(f"No book has copies left. {again} starts with new stock.")
        self._title = books[0].text
        self._browser.remark(f"{len(books)} new books; the tour buys {self._title!r}")
        self._page = page

    async def _search(self) -> None:
        path = self._path("books")
        self._page = await self._browser.get(f"{path}?q={quote_plus(self._title)}")
        found = [link.text for link in self._page.links if self._is_book(link.path)]
        require_equal(f"Whether the search finds {self._title!r}", self._title in found, True)

    async def _look(self) -> None:
        link = next(
            link
            for link in self._page.links
            if self._is_book(link.path) and link.text == self._title
        )
        self._page = await self._browser.get(link.path)
        require_equal("The heading", self._page.heading, self._title)

    async def _fill_cart(self) -> None:
        form = self._page.form(self._path("cart", "items"))
        self._page = await self._browser.send(form, quantity="1")
        require_equal("The page", self._page.path, self._path("cart"))
        require_equal("Whether the cart has it", self._title in self._page.text, True)
        self._browser.remark("the cart is in the cookie, sealed: no service has heard of it")

    async def _register(self) -> None:
        sign_in = await self._browser.get(self._path("checkout", "address"))
        page = await self._browser.get(sign_in.link(self._path("register")).path)
        form = page.form(self._path("register"))
        self._browser.remark("PASSWORD is made up for this tour")
        self._page = await self._browser.send(form, email=self._email, password=self._password)
        require_equal("The page", self._page.path, self._path("checkout", "address"))
        require_equal("Whether the cart came along", self._title in self._page.text, True)
        self._browser.remark("from here on purchase keeps the cart, for every device")

    async def _address(self) -> None:
        form = self._page.form(self._path("checkout", "address"))
        self._page = await self._browser.send(form, **_ADDRESS)
        require_equal(
            "The page", urlsplit(self._page.path).path, self._path("checkout", "delivery")
        )

    async def _delivery(self) -> None:
        form = self._page.form(self._path("checkout", "delivery"))
        self._page = await self._browser.send(form)
        require_equal("The page", urlsplit(self._page.path).path, self._path("checkout", "payment"))

    async def _pay(self) -> None:
        self._payment = self._page.form(self._path("checkout", "payment"))
        self._page = await self._browser.send(self._payment)
        self._order = self._page.path
        require_equal("Whether it is an order", self._order.startswith(self._path("orders")), True)
        require_equal("The title", self._title in self._page.text, True)

    async def _pay_again(self) -> None:
        self._page = await self._browser.send(self._payment)
        require_equal("The order", self._page.path, self._order)
        orders = await self._browser.get(self._path("orders"))
        mine = [link for link in orders.links if link.path.startswith(self._path("orders") + "/")]
        require_equal("The number of orders", len(mine), 1)
        self._browser.remark("one order and one charge: the form has an idempotency key")

    async def _sign_out(self) -> None:
        account = await self._browser.get(self._path("account"))
        await self._browser.send(account.form(self._path("sign-out")))
        closed = await self._browser.get(self._path("orders"))
        require_equal("The page", urlsplit(closed.path).path, self._path("sign-in"))

    def _path(self, *parts: str) -> str:
        return "/".join(["", self._language(self._page), *parts])

    @staticmethod
    def _language(page: Page) -> str:
        """Of a page, by its path."""
        return urlsplit(page.path).path.split("/")[1]

    def _is_book(self, path: str) -> bool:
        parts = urlsplit(path).path.split("/")
        return len(parts) == 4 and parts[2] == "books" and parts[3].isdecimal()

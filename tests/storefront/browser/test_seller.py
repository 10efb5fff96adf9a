"""A seller's day in Chromium, and the pages of sellers for everybody."""

import gzip
import json
import re
import secrets

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.test_quality import MAX_HTML, check


def _json(
    shop: RunningShop, method: str, path: str, token: str = "", **body: object
) -> httpx.Response:
    """A request to a service, whose name is the first part of the path."""
    service, _, rest = path.partition("/")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = httpx.request(
        method, f"{shop.url(service)}/{rest}", json=body or None, headers=headers, timeout=60
    )
    assert answer.is_success, answer.text
    return answer


def account(shop: RunningShop, *roles: str) -> tuple[str, str]:
    """A new account with these roles: email and password."""
    email, password = f"{secrets.token_hex(6)}@example.org", "somebody-has-a-password"
    user = _json(shop, "POST", "auth/register", email=email, password=password).json()
    admin = json.loads((shop.folder / "data" / "admin.json").read_text("utf-8"))
    token = _json(shop, "POST", "auth/login", **admin).json()["token"]
    _json(shop, "PATCH", f"auth/users/{user['id']}", token, roles=list(roles))
    return email, password


def sign_in(page: Page, email: str, password: str, language: str = "en") -> None:
    page.goto(f"/{language}/sign-in")
    page.fill("#f-email", email)
    page.fill("#f-password", password)
    page.click("main form button")
    expect(page).to_have_url(re.compile("/account$"))


def buy(shop: RunningShop, title: str, quantity: int) -> None:
    """A customer finds a book and pays it."""
    email, password = account(shop, "customer")
    token = _json(shop, "POST", "auth/login", email=email, password=password).json()["token"]
    (book,) = _json(shop, "GET", f"catalog/books?q={title}").json()
    bought = {"book_id": book["id"], "quantity": quantity}
    placed = _json(shop, "POST", "purchase/purchase", token, **bought).json()
    paid = {"purchase_id": placed["purchase_id"], "payment_method": "tok_success"}
    _json(shop, "POST", "purchase/payment", token, **paid)


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_a_sellers_day(open_page: OpenPage, shop: RunningShop, *, scripts: bool) -> None:
    """Chooses a name, adds a book, takes a delivery in, and sees what a customer has bought."""
    email, password = account(shop, "customer", "seller")
    title = f"Libro {secrets.token_hex(6)}"
    page = open_page(java_script_enabled=scripts)
    sign_in(page, email, password)
    page.get_by_role("link", name="Back office").click()
    page.get_by_role("link", name="Add a book").click()
    page.fill("#f-name", f"Librería {secrets.token_hex(6)}")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Add a book").click()
    page.fill("#f-title", title)
    page.fill("#f-author", "Juan Rulfo")
    page.fill("#f-price", "12,50")
    page.fill("#f-stock", "1")
    page.get_by_role("button", name="Put it on sale").click()
    expect(page.locator(".message.success")).to_have_text("The book is on sale.")
    page.get_by_role("link", name="Stock").click()
    while page.locator("#f-delta").count() == 0:  # until purchase has the book's event
        page.reload()
    page.fill("#f-delta", "4")
    page.fill("#f-reason", "delivery from the printer")
    page.get_by_role("button", name="Change the stock").click()
    expect(page.locator(".facts dd").nth(2)).to_have_text("5")
    buy(shop, title, 2)
    page.goto("/en/seller/sales")

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("$25.00")
    expect(page.locator(".earned dd").first).to_have_text("$25.00")


def test_the_pages_of_sellers_are_accessible(open_page: OpenPage, shop: RunningShop) -> None:
    """axe-core finds nothing, no page is wider than its window, and each is small."""
    email, password = account(shop, "seller")
    problems = []
    for language, width, scheme in (("es", 320, "light"), ("en", 1280, "dark")):
        page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        sign_in(page, email, password, language)
        if language == "es":
            page.goto("/es/seller/name")
            page.fill("#f-name", f"Librería {secrets.token_hex(6)}")
            page.click("main form button")
            page.goto("/es/seller/books/new")
            for name, text in (("title", "Á" * 200), ("author", "Autora"), ("price", "1")):
                page.fill(f"#f-{name}", text)
            page.click("main form button")
        page.goto(f"/{language}/seller/books")
        book = page.locator("tbody th a").get_attribute("href")
        own = f"/{language}/seller"
        for path in (
            *(f"{own}/books", f"{own}/books/new", f"{own}/sales", f"{own}/name"),
            *(f"{own}/import", f"{book}", f"{book}/stock", f"{book}/retire"),
        ):
            page.goto(path)
            name = re.sub(r"\W+", "-", path)
            problems += check(page, f"seller{name}-{width}-{scheme}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                problems.append(f"{path} is wider than {width}")
            if len(gzip.compress(page.content().encode(), 9)) > MAX_HTML:
                problems.append(f"{path} is too large")

    assert problems == []

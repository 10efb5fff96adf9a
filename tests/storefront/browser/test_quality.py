"""Every page, in both languages, light and dark, on a phone and on a desktop."""

import gzip
import json
import re
import time
from urllib.parse import urljoin, urlsplit

import html5lib
import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from functions.storefront.assets import assets
from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop, artefacts
from tests.storefront.browser.steps import go_to_payment, put_into_cart

PUBLIC = (
    *("", "books", "books?q=la&sort=price", "books/3", "cart", "sign-in", "register", "nowhere"),
    *("forgot-password", "forgot-password?sent=1", "reset-password", "dev/mail"),
    f"unsubscribe?token={'x' * 43}",
    f"unsubscribe?token={'x' * 43}&mails=reviews",
)
MAX_HTML, MAX_CSS, MAX_JS = 15 * 1024, 12 * 1024, 5 * 1024
"""Bytes, compressed."""


LIMIT = 60.0
"""Seconds in which a new book can be bought; far above what that takes."""


def add_book(shop: RunningShop, *, price: float = 9.5, **details: str) -> int:
    """As an admin; returns its id once it can be bought."""
    admin = json.loads((shop.folder / "data" / "admin.json").read_text("utf-8"))
    with httpx.Client(timeout=30) as client:
        login = client.post(shop.url("auth") + "/login", json=admin).raise_for_status().json()
        made = client.post(
            shop.url("catalog") + "/books",
            json={**details, "price": price, "stock": 4},
            headers={"Authorization": f"Bearer {login['token']}"},
        )
        book_id: int = made.raise_for_status().json()["book_id"]
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            book = client.get(f"{shop.url('catalog')}/books/{book_id}").raise_for_status().json()
            if book["stock"] and book["stock_revision"]:
                return book_id
    raise TimeoutError(shop.log())


def check(page: Page, name: str) -> list[str]:
    """What axe finds on a page; its picture is kept."""
    page.screenshot(path=artefacts() / f"{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    return [
        f"{name}: {each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("language", ["es", "en"])
def test_public_pages_are_accessible(
    open_page: OpenPage, language: str, width: int, scheme: str
) -> None:
    """axe-core finds nothing, and no page is wider than its window."""
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems = []
    for path in PUBLIC:
        page.goto(f"/{language}/{path}".rstrip("/"))
        name = re.sub(r"\W+", "-", path) or "home"
        problems += check(page, f"{name}-{language}-{width}-{scheme}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} is wider than {width}")

    assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_a_customers_pages_are_accessible(open_page: OpenPage, width: int, scheme: str) -> None:
    """From the filled cart to the account."""
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    problems = []
    put_into_cart(page, "en", 3, 2)
    problems += check(page, f"filled-cart-{width}-{scheme}")
    go_to_payment(page, "en")
    problems += check(page, f"payment-{width}-{scheme}")
    for step in ("address", page.url.partition("/checkout/")[2].replace("payment", "delivery")):
        page.goto(f"/en/checkout/{step}")
        problems += check(page, f"checkout-{step.partition('?')[0]}-{width}-{scheme}")
    page.go_back()
    page.goto("/en/checkout/address")
    page.click("main form button")
    page.click("main form button")
    page.click("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))
    problems += check(page, f"order-{width}-{scheme}")
    for path in ("orders", "account", "account/mails"):
        page.goto(f"/en/{path}")
        problems += check(page, f"{path.replace('/', '-')}-{width}-{scheme}")

    assert problems == []


SMALL = """() => [...document.querySelectorAll("a, button, select, summary, input")]
    .filter((each) => !each.matches("[type=hidden], .skip, .choice input, .card a, .orders a"))
    .filter((each) => each.checkVisibility())
    .map((each) => [each.getBoundingClientRect().height, each.outerHTML.slice(0, 100)])
    .filter(([height]) => height > 0 && height < 43.5)"""
"""Links, buttons and fields less than 44 pixels high. A choice is as large as its label, a card as
its cover, an order as its row."""


def test_a_finger_meets_what_it_aims_at(open_page: OpenPage) -> None:
    """On a phone, from the first page to the cart."""
    page = open_page(viewport={"width": 390, "height": 800}, locale="es")
    small = []
    put_into_cart(page, "es", 3)
    for path in PUBLIC:
        page.goto(f"/es/{path}".rstrip("/"))
        if page.locator(".filters").count():
            page.click(".filters summary")
        small += [[path, *each] for each in page.evaluate(SMALL)]

    assert small == []


BROKEN_TOTALS = """() => [...document.querySelectorAll(".total > span")]
    .map((each) => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return [range.getClientRects().length, each.textContent];
    })
    .filter(([lines]) => lines !== 1)"""
"""A sum's label and amount that are not each in one line."""


@pytest.mark.parametrize("width", [320, 1280])
def test_long_words_do_not_widen_a_page(open_page: OpenPage, shop: RunningShop, width: int) -> None:
    """In a title, an author, a category, a description and an amount: the book's page, lists and
    the cart.
    """
    book_id = add_book(
        shop,
        title="Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
        author="W" * 80,
        category="c" * 60,
        description="x" * 200,
        price=999_999_999.99,
    )
    page = open_page(viewport={"width": width, "height": 800})
    put_into_cart(page, "es", book_id, 4)
    broken = page.evaluate(BROKEN_TOTALS)
    wide = []
    for path in ("cart", f"books/{book_id}", "", "books?q=donau&min_price=999999999"):
        page.goto(f"/es/{path}".rstrip("/"))
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path)

    assert wide == []
    assert broken == []


BEYOND_MAIN = """() => {
    const main = document.querySelector("main"), style = getComputedStyle(main);
    const edge = main.getBoundingClientRect().right - parseFloat(style.paddingRight);
    return [...main.querySelectorAll("button, input, td, th, p")]
        .filter((each) => each.getBoundingClientRect().right > edge + 0.5)
        .map((each) => each.textContent || each.name);
}"""
"""What stands in the margin of a page. Scripts of a test run also where those of pages do not."""


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("scripts", [True, False])
def test_a_line_of_the_cart_fits_a_small_phone(
    open_page: OpenPage, language: str, *, scripts: bool
) -> None:
    """Without JavaScript it has one button more."""
    page = open_page(viewport={"width": 320, "height": 800}, java_script_enabled=scripts)
    put_into_cart(page, language, 3, 4)
    page.goto(f"/{language}/cart")

    assert page.locator(".quantity button:visible").count() == (1 if scripts else 2)
    assert page.evaluate(BEYOND_MAIN) == []


def test_pages_are_small(shop: RunningShop) -> None:
    """Compressed: a full page of books, the style, the script."""
    with httpx.Client() as client:
        page = client.get(shop.url() + "/en/books")
    sizes = {name: len(gzip.compress(asset.content, 9)) for name, asset in assets().items()}

    assert len(gzip.compress(page.content, 9)) <= MAX_HTML
    assert sizes["shop.css"] <= MAX_CSS
    assert sizes["shop.js"] <= MAX_JS


def test_every_link_leads_somewhere(shop: RunningShop) -> None:
    """Crawled from the first page, in both languages; every page is well-formed HTML."""
    seen: set[str] = set()
    waiting = ["/"]
    wrong = []
    parser = html5lib.HTMLParser(strict=False)
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        while waiting and len(seen) < 400:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            page = client.get(shop.url() + path)
            if page.status_code != 200:
                wrong.append(f"{path}: {page.status_code}")
            if not page.headers["content-type"].startswith("text/html"):
                continue
            parser.parse(page.text)
            wrong += [f"{path}: {error}" for error in parser.errors]
            if page.text.count("<h1") != 1:
                wrong.append(f"{path}: {page.text.count('<h1')} h1")
            for link in re.findall(r'(?:href|src)="([^"]+)"', page.text):
                target = urlsplit(urljoin(str(page.url), link.replace("&amp;", "&")))
                address = target.path + (f"?{target.query}" if target.query else "")
                if "sign-in" not in address and "register" not in address:
                    waiting.append(address)

    assert wrong == []
    assert len(seen) > 50

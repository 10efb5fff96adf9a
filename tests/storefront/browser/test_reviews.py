"""A reader buys a book and reviews it; others read the review, and report it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.steps import go_to_payment, put_into_cart, register
from tests.storefront.browser.test_quality import SMALL, check

BOOK = 7
TEXT = "Cien años <script>alert(1)</script>\n\ny ni uno de más."
SIZES = (("light", 320), ("dark", 320), ("light", 1280), ("dark", 1280))


def look(page: Page, name: str) -> list[str]:
    """What axe finds, what is wider than the window and, on a phone, too small for a finger."""
    problems = []
    before = page.viewport_size
    for scheme, width in SIZES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 800})
        problems += check(page, f"{name}-{width}-{scheme}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{name} is wider than {width}")
        if width == 320:
            problems += [f"{name}: {each}" for each in page.evaluate(SMALL)]
    if before is not None:
        page.set_viewport_size(before)
    return problems


def buy(page: Page, book_id: int) -> None:
    put_into_cart(page, "en", book_id)
    go_to_payment(page, "en")
    page.click("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))


def open_form(page: Page, book_id: int) -> None:
    """The form of a book that was paid: catalog learns of the payment a moment later."""
    page.goto(f"/en/books/{book_id}/review")
    while not page.locator("form[action$='/review']").count():
        page.reload()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_buyer_reviews_a_book_and_others_read_it(
    open_page: OpenPage, *, javascript: bool
) -> None:
    """With and without JavaScript: write by keyboard, edit, read in Spanish, report, delete."""
    book_id = BOOK + javascript
    buyer = open_page(java_script_enabled=javascript)
    buy(buyer, book_id)
    expect(buyer.locator("main .lines a", has_text="Write a review")).to_have_count(1)
    open_form(buyer, book_id)
    buyer.focus("input[name=rating] >> nth=0")
    buyer.keyboard.press("ArrowDown")
    buyer.fill("#f-text", TEXT)
    buyer.fill("#f-reviewer", "Úrsula")
    buyer.click("text=Publish the review")

    expect(buyer.locator("#messages")).to_contain_text("your review is published")
    expect(buyer.locator(".reviews .text")).to_have_text(TEXT)
    buyer.goto(f"/en/books/{book_id}/review")
    expect(buyer.locator("input[name=rating][value='4']")).to_be_checked()
    buyer.check("input[name=rating][value='5']")
    buyer.click("main form button >> nth=0")
    expect(buyer.locator("#messages")).to_contain_text("changed")

    other = open_page(java_script_enabled=javascript, locale="es")
    other.goto("/es/books?sort=rating")
    expect(other.locator(".card .rate").first).to_contain_text("5")
    other.goto(f"/es/books/{book_id}?rating=5")
    expect(other.locator(".reviews .text")).to_have_text(TEXT)
    expect(other.locator(".average")).to_contain_text("1 reseña")
    other.click(".reviews >> text=Denunciar")
    other.click("main a[href*='/register']")
    register(other, "other")
    other.check("input[name=reason][value=spam]")
    other.click("main form button")
    expect(other.locator("#messages")).to_contain_text("la tienda revisará")
    other.goto(f"/es/books/{book_id}/review")
    expect(other.locator("main")).to_contain_text("Solo reseña este libro quien lo compró aquí")

    buyer.goto("/en/account/reviews")
    buyer.click("text=Edit or delete")
    buyer.click("text=Delete my review")
    expect(buyer.locator("#reviews .empty")).to_have_text("Nobody has reviewed this book yet.")


def test_pages_of_reviews_are_accessible(open_page: OpenPage) -> None:
    """axe finds nothing on a phone and a desktop, light and dark; nothing is too wide or small."""
    page = open_page()
    book_id = BOOK + 2
    page.goto(f"/en/books/{book_id}")
    problems = look(page, "book-without-reviews")
    buy(page, book_id)
    problems += look(page, "order-to-review")
    open_form(page, book_id)
    problems += look(page, "review-form")
    page.check("input[name=rating][value='3']")
    page.fill("#f-text", "W" * 300)
    page.fill("#f-reviewer", "ana@example.org")
    page.click("text=Publish the review")
    expect(page.locator("#p-reviewer")).to_contain_text("email")
    problems += look(page, "review-refused")
    page.fill("#f-reviewer", "")
    page.click("text=Publish the review")
    expect(page.locator(".reviews li")).to_have_count(1)
    problems += look(page, "book-with-reviews")
    page.goto("/en/account/reviews")
    problems += look(page, "own-reviews")
    page.goto("/en/books?sort=rating")
    problems += look(page, "search-by-rating")
    page.goto(f"/en/books/{BOOK + 3}/review")
    problems += look(page, "review-not-bought")
    page.goto(f"/en/books/{book_id}")
    page.click(".reviews >> text=Report it")
    problems += look(page, "report")

    assert problems == []

"""A purchase from the first page to the paid order, in a real browser."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.steps import (
    add_to_cart,
    fill_address,
    go_to_payment,
    put_into_cart,
    register,
)

BOOK = 3
"""A book of the seed with many copies."""


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_person_buys_a_book(open_page: OpenPage, language: str, scripts: bool) -> None:
    """From the first page; nothing on the way needs JavaScript."""
    page = open_page(java_script_enabled=scripts, locale=language)
    page.goto("/")
    expect(page).to_have_url(re.compile(f"/{language}$"))
    page.fill("#find", "soledad")
    page.click(".find button")
    page.click(".cards li a")
    page.fill("#quantity", "2")
    add_to_cart(page)
    page.click("main a.button")
    page.click("main a[href*='/register']")
    register(page, "buyer")
    fill_address(page)
    page.click("main form button")
    page.click("main form button")
    expect(page).to_have_url(re.compile(f"/{language}/orders/[0-9]+$"))

    expect(page.locator("p.state")).to_have_text({"es": "Pagado", "en": "Paid"}[language])
    page.goto(f"/{language}/orders")
    expect(page.locator(".orders li")).to_have_count(1)


def test_a_double_click_pays_once(open_page: OpenPage) -> None:
    """One order, one charge, whatever the mouse does."""
    page = open_page()
    put_into_cart(page, "en", BOOK)
    go_to_payment(page, "en")
    page.dblclick("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))
    page.goto("/en/orders")

    expect(page.locator(".orders li")).to_have_count(1)


def test_back_after_paying_leads_to_no_second_order(open_page: OpenPage) -> None:
    """The form that is shown again has the key of the first time."""
    page = open_page()
    put_into_cart(page, "en", BOOK)
    go_to_payment(page, "en")
    page.click("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))
    page.go_back()
    if page.locator("form[data-once] button").count():
        page.click("form[data-once] button")
    page.goto("/en/orders")

    expect(page.locator(".orders li")).to_have_count(1)


def test_a_declined_payment_can_be_made_again(open_page: OpenPage) -> None:
    """The order waits, with its form; the second card is accepted."""
    page = open_page()
    put_into_cart(page, "en", BOOK)
    go_to_payment(page, "en")
    page.check("input[value=tok_decline]")
    page.click("main form button")
    expect(page.locator("p.state").first).to_have_text("Waiting for payment")
    expect(page.get_by_role("alert")).to_be_visible()
    page.check("input[value=tok_success]")
    page.click("form[data-once] button")

    expect(page.locator("p.state").first).to_have_text("Paid")


def test_what_was_typed_is_kept_beside_what_is_wrong(open_page: OpenPage) -> None:
    """A short password; an address without what its country needs."""
    page = open_page()
    put_into_cart(page, "en", BOOK)
    page.goto("/en/register?next=/en/checkout/address")
    page.fill("#f-email", "typed@example.org")
    page.fill("#f-password", "short")
    page.click("main form button")

    expect(page.locator("#f-email")).to_have_value("typed@example.org")
    expect(page.locator("#f-password")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#p-password")).to_be_visible()
    register(page, "typist")
    fill_address(page, region="", postal_code="abc")

    expect(page.locator("#f-recipient")).to_have_value("Úrsula Iguarán")
    expect(page.locator("[aria-invalid=true]")).not_to_have_count(0)


def test_a_refused_form_begins_at_its_problem(open_page: OpenPage) -> None:
    """The title says it, the focus is on it, and Tab goes on to the fields below it."""
    page = open_page()
    page.goto("/en/register")
    page.fill("#f-email", "begun@example.org")
    page.fill("#f-password", "short")
    page.click("main form button")

    expect(page).to_have_title("Error: Create an account · Bookstore")
    expect(page.locator(":focus")).to_have_text("Please look at the fields that are marked.")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_id("f-name")


def test_a_keyboard_is_enough(open_page: OpenPage) -> None:
    """The skip link comes first; a book is found and lands in the cart without a mouse."""
    page = open_page()
    page.goto("/en")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_class("skip")
    page.keyboard.press("Enter")
    page.goto(f"/en/books/{BOOK}")
    page.focus("#quantity")
    page.keyboard.press("Enter")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")


def test_a_book_that_sold_out_in_the_cart_is_said_so(
    open_page: OpenPage, shop: RunningShop
) -> None:
    """Nothing is reserved in a cart; the line says what to do, and the rest can be bought."""
    page = open_page()
    page.goto("/en/books?sort=newest&in_stock=true")
    one_left = page.locator(".card", has=page.locator(".few")).first.locator("a")
    href = one_left.get_attribute("href")
    assert href is not None
    book_id = int(href.rpartition("/")[2])
    put_into_cart(page, "en", book_id)
    left = _buy_all(shop, book_id)
    wrong = page.locator(".wrong")
    page.goto("/en/cart")
    for _ in range(300):  # catalog may give the answer of a second ago once more
        if wrong.count():
            break
        page.wait_for_timeout(100)
        page.reload()

    assert left == 0
    expect(wrong).to_be_visible()
    expect(page.get_by_text("Go to checkout")).to_have_count(0)


def _buy_all(shop: RunningShop, book_id: int) -> int:
    """Another customer takes every copy, through the API; what the catalogue then shows."""
    with httpx.Client(timeout=30) as client:
        account = {"email": f"collector-{book_id}@example.org", "password": "collects-all-books"}
        client.post(shop.url("auth") + "/register", json=account).raise_for_status()
        token = client.post(shop.url("auth") + "/login", json=account).json()["access_token"]
        book = client.get(f"{shop.url('catalog')}/books/{book_id}").json()
        bought = client.post(
            shop.url("purchase") + "/purchase",
            json={"book_id": book_id, "quantity": book["stock"]},
            headers={"authorization": f"Bearer {token}"},
        )
        bought.raise_for_status()
        stock: int = book["stock"]
        while stock:
            stock = client.get(f"{shop.url('catalog')}/books/{book_id}").json()["stock"]
        return stock

"""What a person does in the shop, as a browser does it."""

import itertools
import re

from playwright.sync_api import Page, expect

PASSWORD = "a-long-enough-sentence"
_numbers = itertools.count(1)

ADDRESS = {
    "recipient": "Úrsula Iguarán",
    "line1": "Carrera 7 # 32-16",
    "city": "Bogotá",
    "region": "Bogotá",
    "postal_code": "110311",
}


def register(page: Page, name: str) -> str:
    """On the page of registration; the address that was registered."""
    email = f"{name}-{next(_numbers)}-{id(page)}@example.org"
    page.fill("#f-email", email)
    page.fill("#f-password", PASSWORD)
    page.click("main form button")
    return email


def put_into_cart(page: Page, language: str, book_id: int, copies: int = 1) -> None:
    page.goto(f"/{language}/books/{book_id}")
    page.fill("#quantity", str(copies))
    add_to_cart(page)
    expect(page).to_have_url(re.compile(rf"/{language}/cart$"))


def add_to_cart(page: Page) -> None:
    """From a book's page to the cart: with JavaScript by the link in the message."""
    page.click(".add button")
    page.click("#messages a, body:has(#cart) h1")


def fill_address(page: Page, **changes: str) -> None:
    for name, text in {**ADDRESS, **changes}.items():
        page.fill(f"#f-{name}", text)
    page.click("details form button")


def go_to_payment(page: Page, language: str) -> None:
    """From a cart to the last step, with a new account and address."""
    page.goto(f"/{language}/checkout/address")
    page.click("main a[href*='/register']")
    register(page, "reader")
    fill_address(page)
    page.click("main form button")
    expect(page).to_have_url(re.compile("/checkout/payment"))

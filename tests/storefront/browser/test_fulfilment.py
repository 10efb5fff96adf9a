"""A day of a member of staff with orders, deliveries and refunds, in Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.orders import Orders
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.test_back_office import sign_in
from tests.storefront.browser.test_quality import check

BOOK = 3
HOSTILE = '"><img src=x onerror=alert(1)>' + "W" * 60


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_orders_are_sent_and_refunded(
    open_page: OpenPage, shop: RunningShop, scripts: bool
) -> None:
    """Found, assigned, in transit, failed, sent again and delivered; another one is refunded."""
    customer = Orders(shop)
    sent, refunded = customer.buy(BOOK, recipient=HOSTILE), customer.buy(BOOK)
    page = open_page(java_script_enabled=scripts)
    sign_in(page, shop)
    page.click("a[href='/en/back-office']")
    page.goto("/en/staff/orders")
    page.fill("#n-ids", f"#{sent}")
    page.click(".narrow-down button")
    page.click(f".rows a[href='/en/staff/orders/{sent}']")
    expect(page.locator("p.state")).to_have_text("Paid")

    page.click("text=Assign the delivery")
    expect(page.locator("p.state")).to_have_text("On its way")
    report(page, "in_transit")
    report(page, "failed")
    expect(page.locator("p.state")).to_have_text("Paid")

    page.goto("/en/staff/deliveries")
    page.click(f"button[aria-label='Assign: Order {sent}']")
    expect(page.locator("#messages .success")).to_be_visible()
    page.goto("/en/staff/deliveries/assigned")
    page.click(f"button[aria-label='Delivered: Order {sent}']")
    expect(page.locator("#messages .success")).to_be_visible()
    page.goto(f"/en/staff/orders/{sent}")
    expect(page.locator("p.state")).to_have_text("Delivered")

    page.goto(f"/en/staff/orders/{refunded}")
    page.click("a[href$='#refund']")
    page.fill("#f-amount", "2.50")
    page.fill("#f-reason", "The cover is torn")
    page.dblclick("main form button")
    expect(page.locator(".facts")).to_contain_text("$2.50")
    expect(page.locator(".timeline li")).to_have_count(1)


def report(page: Page, move: str) -> None:
    page.click(f"main button[name=status][value={move}]")
    expect(page.locator("#messages .success")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("es", 320, "dark"), ("en", 1280, "light")]
)
def test_the_pages_of_an_order_are_accessible(
    open_page: OpenPage, shop: RunningShop, language: str, width: int, scheme: str
) -> None:
    """With every form that they have, and the longest of names."""
    customer = Orders(shop)
    waiting, assigned = (customer.buy(BOOK, recipient=HOSTILE) for _ in range(2))
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    sign_in(page, shop, language)
    page.goto(f"/{language}/staff/orders/{assigned}")
    page.click("form.line button")
    expect(page.locator("button[name=status]").first).to_be_visible()
    paths = [
        *(f"staff/orders/{assigned}", f"staff/orders/{waiting}", "staff/deliveries/to-assign"),
        *("staff/deliveries/assigned", "staff/orders?created_from=x", "staff/payments/1"),
    ]
    problems = []
    for path in paths:
        page.goto(f"/{language}/{path}")
        name = re.sub(r"\W+", "-", path)
        problems += check(page, f"fulfilment-{name}-{language}-{width}-{scheme}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} is wider than {width}")

    assert problems == []

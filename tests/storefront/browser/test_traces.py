"""The pages of traces and metrics in Chromium: a purchase is watched from the page to the stock."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.steps import go_to_payment, put_into_cart
from tests.storefront.browser.test_quality import check

LIMIT = 120.0
"""Seconds in which the services have exported their spans; far above what that takes."""


@pytest.fixture(scope="module")
def bought() -> dict[str, str]:
    """The address of the trace of a purchase, once a test has bought something."""
    return {}


def find_purchase(page: Page) -> str:
    """The address of the newest trace of a payment that has reached catalog's stock."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        page.goto("/dev/traces")
        row = page.locator("tr", has_text="/checkout/payment").filter(has_text="POST").first
        if row.count() and "catalog" in row.inner_text():
            address = row.locator("a").get_attribute("href")
            page.goto(address or "")
            if "UPDATE inventory" in page.inner_text("body"):
                return page.url
        page.wait_for_timeout(500)
    raise TimeoutError(page.inner_text("body"))


def test_a_purchase_is_watched_from_the_page_to_the_stock(
    open_page: OpenPage, shop: RunningShop, bought: dict[str, str]
) -> None:
    """One trace: the storefront's request, purchase's, and catalog's change of the stock."""
    buyer = open_page()
    put_into_cart(buyer, "en", 5)
    go_to_payment(buyer, "en")
    buyer.click("main form button")
    expect(buyer).to_have_url(re.compile("/orders/"))

    page = open_page(base_url=shop.url("traces"), java_script_enabled=False)
    bought["address"] = find_purchase(page)

    text = page.inner_text("body")
    assert [each for each in ("storefront", "purchase", "catalog") if each not in text] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_the_pages_are_accessible(
    open_page: OpenPage, shop: RunningShop, bought: dict[str, str], width: int, scheme: str
) -> None:
    """axe-core finds nothing, and no page is wider than its window."""
    page = open_page(
        base_url=shop.url("traces"),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    problems = []
    for name, path in (
        ("traces", "/dev/traces"),
        ("trace", bought.get("address", "/dev/traces")),
        ("metrics", "/dev/metrics"),
    ):
        page.goto(path)
        problems += check(page, f"dev-{name}-{width}-{scheme}")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            problems.append(f"{path} is wider than {width}")

    assert problems == []

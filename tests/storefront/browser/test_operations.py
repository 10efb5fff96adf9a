"""An administrator, woken at night, with a phone: finds a dead letter, and has it replayed."""

import httpx
from playwright.sync_api import expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.test_back_office import sign_in

EVENT = {
    "specversion": "1.0",
    "id": "night-1",
    "source": "/bookstore/elsewhere",
    "type": "bookstore.elsewhere.changed.v1",
    "data": {"title": "<script>alert(1)</script>"},
}


def test_a_dead_letter_is_found_and_replayed(open_page: OpenPage, shop: RunningShop) -> None:
    """From what is wrong, by links and one button; afterwards nothing waits."""
    httpx.post(
        f"{shop.url('purchase')}/events/dead-letter",
        json=EVENT,
        headers={"content-type": "application/cloudevents+json", "ce-knativeerrorcode": "500"},
        timeout=60,
    ).raise_for_status()
    page = open_page(viewport={"width": 320, "height": 700})
    sign_in(page, shop)
    page.goto("/en/admin/operations")
    found = page.locator(".findings li", has_text="Events that purchase has put aside")
    found.get_by_role("link", name="Look at them").click()
    page.locator(".rows a").last.click()
    expect(page.locator("pre")).to_contain_text("<script>alert(1)</script>")
    page.get_by_role("button", name="Replay").click()

    expect(page.locator(".message.success")).to_contain_text("The event was processed again")
    expect(page.locator(".facts .state").first).to_have_text("Replayed")
    page.goto("/en/admin/dead-letters/purchase?state=waiting")
    expect(page.locator(".rows a", has_text="elsewhere")).to_have_count(0)

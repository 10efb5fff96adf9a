"""Somebody who has forgotten a password, in a real browser."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.steps import PASSWORD, register

NEW = "a-sentence-that-is-remembered"
LIMIT = 30.0
"""Seconds in which the runner prints a link; far above what that takes."""


def printed_link(shop: RunningShop, email: str) -> str:
    """The link that `nox -s dev` prints in place of a mail."""
    pattern = re.compile(rf"^{re.escape(email)} .*\n +(http\S+)$", re.MULTILINE)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if found := pattern.findall(shop.log()):
            link: str = found[-1]
            return link
    raise TimeoutError(shop.log())


def sign_in(page: Page, language: str, email: str, password: str) -> None:
    page.goto(f"/{language}/sign-in")
    page.fill("#f-email", email)
    page.fill("#f-password", password)
    page.click("main form button")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_forgotten_password_is_replaced(
    open_page: OpenPage, shop: RunningShop, language: str, scripts: bool
) -> None:
    """In one browser, while another is signed in, which is signed out."""
    other = open_page()
    other.goto(f"/{language}/register")
    email = register(other, "forgetful")
    other.goto(f"/{language}/account")
    expect(other.locator("main p").first).to_have_text(email)

    page = open_page(java_script_enabled=scripts, locale=language)
    page.goto(f"/{language}/sign-in")
    page.click(f'main a[href="/{language}/forgot-password"]')
    page.fill("#f-email", email)
    page.click("main form button")
    expect(page).to_have_url(re.compile(r"/forgot-password\?sent=1$"))
    link = printed_link(shop, email)
    page.goto(link)
    expect(page).to_have_url(re.compile(f"/{language}/reset-password$"))
    assert link.partition("token=")[2] not in page.content()
    page.fill("#f-password", "short")
    page.click("main form button")
    expect(page.locator("#p-password")).to_be_visible()
    expect(page.locator("#f-password")).to_have_value("")
    if scripts:  # axe is a script
        assert Axe().run(page).response["violations"] == []
    page.fill("#f-password", NEW)
    page.click("main form button")
    expect(page).to_have_url(re.compile(f"/{language}/sign-in$"))

    sign_in(page, language, email, PASSWORD)
    expect(page.locator(".message.problem")).to_be_visible()
    sign_in(page, language, email, NEW)
    expect(page).to_have_url(re.compile(f"/{language}/account$"))
    other.goto(f"/{language}/account")
    expect(other).to_have_url(re.compile(f"/{language}/sign-in"))
    page.goto(link)
    page.fill("#f-password", "the-link-again")
    page.click("main form button")
    expect(page.locator(f'main a[href="/{language}/forgot-password"]')).to_be_visible()

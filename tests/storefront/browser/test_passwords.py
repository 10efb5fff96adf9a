"""Somebody who has forgotten a password, in a real browser."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.steps import PASSWORD, register

NEW = "a-sentence-that-is-remembered"
SUBJECTS = {"es": "Elegir una contraseña nueva", "en": "Choose a new password"}
LIMIT = 60.0
"""Seconds in which a mail arrives; far above what that takes."""


def open_mail(page: Page, language: str, email: str) -> str:
    """Open the mail that was sent to an address, in the mailbox; the link in it."""
    mail = page.locator("ul.orders li", has_text=email).filter(has_text=SUBJECTS[language]).first
    deadline = time.monotonic() + LIMIT
    page.goto("/dev/mail")
    while mail.count() == 0:
        if time.monotonic() > deadline:
            raise TimeoutError(page.content())
        page.reload()
    mail.locator("a").click()
    link = page.locator("main a[href*='reset-password']").get_attribute("href")
    assert link is not None
    return link


def check_html_part(page: Page, link: str) -> None:
    """The HTML part of a mail is a page without scripts, and has the same link."""
    page.click("main a[href$='/html']")
    expect(page.locator(f'a[href="{link}"]')).to_be_visible()
    assert page.evaluate("document.scripts.length") == 0
    page.go_back()


def sign_in(page: Page, language: str, email: str, password: str) -> None:
    page.goto(f"/{language}/sign-in")
    page.fill("#f-email", email)
    page.fill("#f-password", password)
    page.click("main form button")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["es", "en"])
def test_a_forgotten_password_is_replaced(
    open_page: OpenPage, language: str, scripts: bool
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
    link = open_mail(page, language, email)
    if scripts:
        assert Axe().run(page).response["violations"] == []
        check_html_part(page, link)
    page.click(f'main a[href="{link}"]')
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

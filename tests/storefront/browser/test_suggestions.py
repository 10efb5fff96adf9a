"""Suggestions under the field of the search, by keyboard and mouse."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage

OPTIONS = "#suggestions [role=option]"


def type_into_search(page: Page, text: str) -> None:
    """Type, and wait for the suggestions of exactly this text."""
    with page.expect_response(re.compile(rf"/suggestions\?q={text}$")):
        page.locator("#find").press_sequentially(text)
    expect(page.locator(OPTIONS).first).to_be_visible()


def test_a_book_is_found_by_the_keyboard(open_page: OpenPage) -> None:
    """Down to the first suggestion, which is announced, and Enter opens it."""
    page = open_page()
    page.goto("/en")
    type_into_search(page, "vor")
    page.keyboard.press("ArrowDown")

    expect(page.locator("#find")).to_have_attribute("aria-activedescendant", "suggestion-0")
    expect(page.locator("#find")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("La vorágine")


def test_enter_without_a_choice_searches_for_what_was_typed(open_page: OpenPage) -> None:
    """As the form does without JavaScript; up from the first one is the field again."""
    page = open_page()
    page.goto("/es")
    type_into_search(page, "aust")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"/es/books\?q=aust$"))


def test_escape_closes_the_list_and_keeps_the_text(open_page: OpenPage) -> None:
    """The next text opens it again."""
    page = open_page()
    page.goto("/en")
    type_into_search(page, "jane")
    page.keyboard.press("Escape")

    expect(page.locator("#suggestions")).to_be_hidden()
    expect(page.locator("#find")).to_have_value("jane")
    expect(page.locator("#find")).to_have_attribute("aria-expanded", "false")


def test_a_suggested_author_leads_to_their_books(open_page: OpenPage) -> None:
    """By a click."""
    page = open_page()
    page.goto("/en")
    type_into_search(page, "borges")
    page.click(f"{OPTIONS}.author")

    expect(page).to_have_url(re.compile(r"author=Jorge%20Luis%20Borges$"))
    expect(page.locator(".cards")).to_contain_text("Ficciones")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_list_is_accessible(open_page: OpenPage, scheme: str) -> None:
    """axe-core finds nothing, on a small phone, where it is no wider than the window."""
    page = open_page(viewport={"width": 320, "height": 800}, color_scheme=scheme)
    page.goto("/es")
    type_into_search(page, "la")
    page.keyboard.press("ArrowDown")

    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320

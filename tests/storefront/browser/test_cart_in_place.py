"""The cart with JavaScript: the same forms without a page load, for eyes, keyboards and readers."""

import re

from playwright.sync_api import Page, Route, expect

from tests.storefront.browser.conftest import OpenPage

BOOK, OTHER = 3, 5


def add(page: Page, book: int, copies: int = 1) -> None:
    """The page stays where it is."""
    page.goto(f"/en/books/{book}")
    page.fill("#quantity", str(copies))
    page.click(".add button")
    expect(page.locator("#messages")).to_contain_text("Added to the cart.")


def test_a_book_is_added_without_leaving_its_page(open_page: OpenPage) -> None:
    """The message is in a live region that was there before, with the way to the cart."""
    page = open_page()
    page.goto(f"/en/books/{BOOK}")
    expect(page.locator("#messages")).to_have_attribute("aria-live", "polite")
    page.click(".add button")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")
    expect(page.locator("#cart-link")).to_have_text("Cart 1")
    expect(page).to_have_url(re.compile(f"/books/{BOOK}$"))
    page.click("#messages a")
    expect(page).to_have_url(re.compile("/en/cart$"))


def test_a_double_click_adds_once(open_page: OpenPage) -> None:
    """While the first is on its way, the second is nothing."""
    page = open_page()
    page.goto(f"/en/books/{BOOK}")
    page.dblclick(".add button")
    expect(page.locator("#messages")).to_contain_text("Added to the cart.")
    page.goto("/en/cart")

    expect(page.locator(".quantity input[type=number]")).to_have_value("1")


def test_each_click_adds_once_its_answer_is_there(open_page: OpenPage) -> None:
    """Without a page load the form gets a new key, so the second click is no repetition."""
    page = open_page()
    page.goto(f"/en/books/{BOOK}")
    for copies in ("1", "2"):
        page.click(".add button")
        expect(page.locator("#cart-link")).to_have_text(f"Cart {copies}")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")


def test_two_tabs_that_add_at_the_same_time_lose_no_book(open_page: OpenPage) -> None:
    """The cart of a visitor is a cookie: the tabs take turns, so that no answer overwrites it."""
    page = open_page()
    other = page.context.new_page()
    for tab, book in ((page, BOOK), (other, OTHER)):
        tab.goto(f"/en/books/{book}")
    for tab in (page, other):
        tab.evaluate("() => document.querySelector('form.add').requestSubmit()")
    for tab in (page, other):
        expect(tab.locator("#messages")).to_contain_text("Added to the cart.")
    page.goto("/en/cart")

    expect(page.locator(".quantity")).to_have_count(2)


def test_a_quantity_changes_in_place_and_keeps_the_focus(open_page: OpenPage) -> None:
    """Total and header follow; what is announced has the total."""
    page = open_page()
    add(page, BOOK)
    page.goto("/en/cart")
    before = page.locator(".total").text_content()
    field = page.locator(f"#q-{BOOK}")
    field.fill("4")
    field.press("Enter")
    expect(page.locator("#cart-link")).to_have_text("Cart 4")

    expect(page.locator(f"#q-{BOOK}")).to_be_focused()
    assert page.locator("#cart .total").text_content() != before
    expect(page.locator("#messages")).to_contain_text("The cart is changed.")
    expect(page.locator("#messages .hidden")).to_contain_text("Total")


def test_leaving_a_changed_quantity_is_enough(open_page: OpenPage) -> None:
    """No click on Change."""
    page = open_page()
    add(page, BOOK)
    page.goto("/en/cart")
    page.fill(f"#q-{BOOK}", "2")
    page.keyboard.press("Tab")

    expect(page.locator("#cart-link")).to_have_text("Cart 2")


def test_a_change_leaves_the_focus_where_the_keyboard_went_on_to(open_page: OpenPage) -> None:
    """To the line's next button by Tab, or to a link outside of the cart."""
    page = open_page()
    add(page, BOOK)
    page.goto("/en/cart")
    page.fill(f"#q-{BOOK}", "2")
    page.keyboard.press("Tab")
    expect(page.locator("#cart-link")).to_have_text("Cart 2")
    expect(page.get_by_role("button", name="Remove")).to_be_focused()
    page.fill(f"#q-{BOOK}", "3")
    page.locator(".brand").focus()
    expect(page.locator("#cart-link")).to_have_text("Cart 3")

    expect(page.locator(".brand")).to_be_focused()


def test_removing_a_line_moves_the_focus_to_the_heading(open_page: OpenPage) -> None:
    """The button that had it is gone."""
    page = open_page()
    add(page, BOOK)
    add(page, OTHER)
    page.goto("/en/cart")
    page.locator("button[name=remove]").first.focus()
    page.keyboard.press("Enter")

    expect(page.locator(".quantity")).to_have_count(1)
    expect(page.locator("h1")).to_be_focused()


def test_changes_that_follow_each_other_all_count(open_page: OpenPage) -> None:
    """Each of them changes the session's cookie: they are sent one after the other."""
    page = open_page()
    add(page, BOOK)
    add(page, OTHER)
    page.goto("/en/cart")
    page.evaluate(
        """() => document.querySelectorAll("form.quantity").forEach((form, index) => {
            form.elements.quantity.value = index + 4;
            form.requestSubmit();
        })"""
    )
    expect(page.locator("#cart-link")).to_have_text("Cart 9")
    page.reload()

    expect(page.locator("#cart-link")).to_have_text("Cart 9")


def test_a_refusal_is_shown_beside_what_was_typed(open_page: OpenPage) -> None:
    """The server's words, as an alert; the page is the one of before."""
    page = open_page()
    page.goto(f"/en/books/{BOOK}")
    page.locator("#quantity").evaluate("field => { field.max = ''; field.value = '5000'; }")
    page.click(".add button")

    expect(page.get_by_role("alert")).to_have_text("Choose a quantity from 1 to 1000.")
    expect(page.locator("#quantity")).to_have_value("5000")


def test_a_connection_that_breaks_is_said_so(open_page: OpenPage) -> None:
    """And the next click is sent."""
    page = open_page()
    page.goto(f"/en/books/{BOOK}")

    def cut(route: Route) -> None:
        route.abort()

    page.route("**/cart/items", cut)
    page.click(".add button")
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached")
    page.unroute("**/cart/items", cut)
    page.click(".add button")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")


def test_back_shows_the_cart_as_it_is(open_page: OpenPage) -> None:
    """Also where the browser keeps pages as they were."""
    page = open_page()
    add(page, BOOK)
    page.goto("/en/cart")
    add(page, OTHER)
    page.go_back()
    expect(page).to_have_url(re.compile("/en/cart$"))

    expect(page.locator(".quantity")).to_have_count(2)

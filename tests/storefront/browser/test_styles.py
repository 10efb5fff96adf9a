"""What the stylesheet promises of texts that people write, of paper and of the dark."""

import re

from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.steps import go_to_payment, put_into_cart

BOOK = 3
HEBREW = "שלום! (2)"

CONTRAST = """(selector) => {
  const field = document.querySelector(selector);
  const brightness = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((each) => {
      const part = each / 255;
      return part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
    });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const text = brightness(getComputedStyle(field, "::placeholder").color);
  const ground = brightness(getComputedStyle(field).backgroundColor);
  return (Math.max(text, ground) + .05) / (Math.min(text, ground) + .05);
}"""
"""Of a field's placeholder, as WCAG 2.2 counts it."""

FIRST_LETTER = """(element) => {
  const range = document.createRange();
  const text = element.firstChild;
  range.setStart(text, 0);
  range.setEnd(text, 1);
  const whole = document.createRange();
  whole.selectNodeContents(element);
  return range.getBoundingClientRect().right === whole.getBoundingClientRect().right;
}"""
"""Whether an element's first letter is its rightmost one."""


def is_too_wide(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def test_a_long_word_widens_no_list_of_orders(open_page: OpenPage) -> None:
    """On a small phone, in a title without any place to break."""
    page = open_page(viewport={"width": 320, "height": 640})
    put_into_cart(page, "en", BOOK)
    go_to_payment(page, "en")
    page.click("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))
    page.goto("/en/orders")
    page.locator(".titles bdi").evaluate("(title) => { title.textContent = 'x'.repeat(255); }")

    assert not is_too_wide(page)


def test_a_title_has_the_direction_of_its_letters(open_page: OpenPage) -> None:
    """On its card, in the cart and in a field: its first letter is on the right."""
    page = open_page()
    put_into_cart(page, "en", BOOK)
    title = page.locator(f"#t-{BOOK}")
    title.evaluate("(link, text) => { link.textContent = text; }", HEBREW)
    in_cart = title.evaluate(FIRST_LETTER)
    page.goto("/en/books")
    name = page.locator(".card .name").first
    name.evaluate("(name, text) => { name.textContent = text; }", HEBREW)

    assert in_cart
    assert name.evaluate(FIRST_LETTER)
    assert page.locator("#find").evaluate("(field) => getComputedStyle(field).unicodeBidi") == (
        "plaintext"
    )


def test_each_paragraph_of_a_review_has_the_direction_of_its_letters(open_page: OpenPage) -> None:
    """A Spanish one below a Hebrew one is not turned round."""
    page = open_page()
    page.goto("/en/books/3")
    direction = page.evaluate(
        """() => {
          const text = document.createElement("p");
          text.className = "text";
          text.dir = "auto";
          document.querySelector("main").append(text);
          return getComputedStyle(text).unicodeBidi;
        }"""
    )

    assert direction == "plaintext"


def test_a_printed_cart_has_its_quantities(open_page: OpenPage) -> None:
    """And nothing to press."""
    page = open_page()
    put_into_cart(page, "en", BOOK, 2)
    page.emulate_media(media="print")

    expect(page.locator(f"#q-{BOOK}")).to_be_visible()
    expect(page.locator("main button:visible, main .button:visible")).to_have_count(0)


def test_what_stands_in_an_empty_field_is_legible(open_page: OpenPage) -> None:
    """4.5:1, in the dark too."""
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.goto("/en")

        assert page.evaluate(CONTRAST, "#find") >= 4.5

"""What a person sees in a browser when a service is away, a token ends, a process restarts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.own_storefront import KEY, OTHER_KEY, OwnStorefront, State
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.steps import go_to_payment, put_into_cart, register
from tests.support.clock import FakeClock

BOOK = 3

HEADINGS = {
    ("catalog", "en"): "The books cannot be shown right now",
    ("catalog", "es"): "Los libros no se pueden mostrar ahora",
    ("purchase", "en"): "Cart and orders are away for a moment",
    ("purchase", "es"): "El carrito y los pedidos no responden por el momento",
    ("auth", "en"): "Accounts are away for a moment",
    ("auth", "es"): "Las cuentas no responden por el momento",
}


@pytest.fixture(scope="module")
def storefront(shop: RunningShop) -> Iterator[OwnStorefront]:
    own = OwnStorefront(shop, FakeClock(datetime.now(UTC)))
    own.open()
    yield own
    own.close()


@pytest.fixture
def page(open_page: OpenPage, storefront: OwnStorefront) -> Page:
    return open_page(base_url=storefront.url)


def signed_in(page: Page, language: str = "en") -> None:
    page.goto(f"/{language}/register")
    register(page, "holding")
    expect(page).to_have_url(re.compile("/account$"))


@pytest.mark.parametrize("state", [State.REFUSING, State.HANGING], ids=lambda state: state.value)
@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    ("away", "blocked", "shown"),
    [
        ("catalog", ("", "books", f"books/{BOOK}"), ("cart", "orders", "account", "sign-in")),
        ("purchase", ("cart", "orders"), ("", "books", f"books/{BOOK}", "account")),
        ("auth", ("account",), ("", "books", f"books/{BOOK}", "cart", "orders")),
    ],
)
def test_the_rest_of_the_shop_goes_on(
    page: Page,
    storefront: OwnStorefront,
    away: str,
    blocked: tuple[str, ...],
    shown: tuple[str, ...],
    language: str,
    state: State,
) -> None:
    """A service refuses connections, or takes them and never answers."""
    storefront.stop()  # it may have kept a list of books for a second
    storefront.start()
    signed_in(page, language)
    with storefront.failing(away, state):
        for path in blocked[:1] if state is State.HANGING else blocked:  # each takes the limit
            answer = page.goto(f"/{language}/{path}".rstrip("/"))

            assert answer is not None
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
            expect(page.locator("h1")).to_have_text(HEADINGS[away, language])
        for path in shown:
            answer = page.goto(f"/{language}/{path}".rstrip("/"))

            assert answer is not None
            assert answer.status == 200, path
            expect(page.locator("h1")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_form_that_failed_is_sent_again_from_its_page(
    open_page: OpenPage, storefront: OwnStorefront, scripts: bool
) -> None:
    """One order, although the first answer was cut off after the purchase was made."""
    page = open_page(base_url=storefront.url, java_script_enabled=scripts)
    put_into_cart(page, "en", BOOK)
    go_to_payment(page, "en")
    with storefront.failing("purchase", State.CUTTING):
        page.click("main form button")
        expect(page.locator("h1")).to_have_text(HEADINGS["purchase", "en"])
    page.click("main form button")
    expect(page).to_have_url(re.compile("/orders/[0-9]+$"))
    expect(page.locator("p.state").first).to_have_text("Paid")
    page.goto("/en/orders")

    expect(page.locator(".orders li")).to_have_count(1)


def test_the_cart_says_beside_what_was_typed_that_purchase_is_away(
    page: Page, storefront: OwnStorefront
) -> None:
    """The page stays; the same click works later."""
    signed_in(page)
    page.goto(f"/en/books/{BOOK}")
    page.fill("#quantity", "3")
    with storefront.failing("purchase", State.REFUSING):
        page.click(".add button")
        expect(page.get_by_role("alert")).to_contain_text(HEADINGS["purchase", "en"])
        expect(page.locator("#quantity")).to_have_value("3")
    page.click(".add button")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")
    expect(page.locator("#cart-link")).to_contain_text("3")


def test_a_shop_that_cannot_be_reached_is_said_so(page: Page, storefront: OwnStorefront) -> None:
    """The storefront itself is gone; the page that is open says it, and works when it is back."""
    page.goto(f"/en/books/{BOOK}")
    storefront.stop()
    try:
        page.click(".add button")
        expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached")
    finally:
        storefront.start()
    page.click(".add button")

    expect(page.locator("#messages")).to_contain_text("Added to the cart.")


def test_two_tabs_go_on_after_their_token_has_ended(page: Page, storefront: OwnStorefront) -> None:
    """Both ask at once, again and again; nobody is signed out."""
    signed_in(page)
    tabs = [page, page.context.new_page()]
    tabs[1].goto("/en")
    for path in ("orders", "cart", "account", "orders"):
        storefront.clock.advance(minutes=16)
        for tab in tabs:
            tab.evaluate("path => { location.href = path }", f"/en/{path}")
        for tab in tabs:
            expect(tab).to_have_url(re.compile(f"/en/{path}$"))
            expect(tab.locator("h1")).to_be_visible()


def test_a_session_outlives_a_restart_and_a_rotation_of_its_keys(
    page: Page, storefront: OwnStorefront
) -> None:
    """The new process opens what the old one sealed; the old key goes when it has sealed anew."""
    signed_in(page)
    try:
        for keys in (KEY, f"{OTHER_KEY},{KEY}", OTHER_KEY):
            storefront.stop()
            storefront.start(keys)
            page.goto("/en/orders")

            expect(page).to_have_url(re.compile("/en/orders$"))
    finally:
        storefront.stop()
        storefront.start()


def test_a_session_that_ended_elsewhere_leads_to_the_sign_in_and_back(
    page: Page, storefront: OwnStorefront
) -> None:
    """The order's page was open; its cookie is one of a login that is over."""
    page.goto("/en/register")
    email = register(page, "holding")
    expect(page).to_have_url(re.compile("/account$"))
    cookies = page.context.cookies()
    page.click("main form button")  # signs out
    expect(page).to_have_url(re.compile("/en$"))
    page.context.add_cookies(
        [{"name": each["name"], "value": each["value"], "url": storefront.url} for each in cookies]
    )
    storefront.clock.advance(minutes=16)
    page.goto("/en/checkout/address")
    expect(page.locator("main")).to_contain_text("Your session has ended")
    page.fill("#f-email", email)
    page.fill("#f-password", "a-long-enough-sentence")
    page.click("main form button")

    expect(page).to_have_url(re.compile("/en/cart$"))  # which is empty: the step before it

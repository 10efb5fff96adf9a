"""Pages that keep a form, in Chromium: whatever one does beside them, the texts stay."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.browser.conftest import OpenPage
from tests.storefront.browser.running import RunningShop
from tests.storefront.browser.steps import register
from tests.storefront.browser.test_back_office import sign_in
from tests.storefront.browser.test_quality import check

OTHER = {"en": "This form is of another account", "es": "Este formulario es de otra cuenta"}
KEPT = "form[target=_self]"


def look(page: Page, name: str, width: int) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth") > width
    return check(page, name) + ([f"{name} is wider than {width}"] if wide else [])


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("language", "width"), [("es", 320), ("en", 1280), ("en", 320)])
def test_a_kept_form_is_sent_in_the_end(
    open_page: OpenPage, shop: RunningShop, language: str, width: int, known: bool
) -> None:
    """Signed out meanwhile, then the wrong account, then the right one; in new windows all of it.

    `known`: the form names the account that its page was shown to, as all of the shop do.
    """
    page = open_page(viewport={"width": width, "height": 800})
    name = f"kept-{language}-{width}-{known}"
    sign_in(page, shop, language)
    page.goto(f"/{language}/staff/providers/new")
    page.fill("#f-name", name)
    page.fill("#f-contact", "x@example.org")
    page.fill("#f-coverage", "CO")
    page.fill("#f-fee", "3")
    beside = page.context.new_page()
    beside.goto(f"/{language}/account")
    beside.click('form[action$="/sign-out"] button')
    page.click(f'form[action="/{language}/staff/providers/new"] button')
    expect(page.locator(KEPT)).to_be_visible()
    problems = look(page, f"{name}-sign-in", width)
    if not known:
        page.eval_on_selector(
            KEPT,
            "form => form.elements.account_id.remove()",
        )
    with page.expect_popup() as opened:
        page.click(f'header a[href^="/{language}/sign-in"]')
    opened.value.goto(f"/{language}/register")
    register(opened.value, "bea")
    expect(opened.value).to_have_url(re.compile("/account$"))
    page.click(f"{KEPT} button")
    expect(page.locator('main form[action$="/sign-out"]')).to_be_visible()
    problems += look(page, f"{name}-refused", width)
    assert (OTHER[language] in page.inner_text("h1")) == known
    with page.expect_popup() as opened:
        page.click('main form[action$="/sign-out"] button')
    opened.value.wait_for_load_state()
    sign_in(opened.value, shop, language)
    page.click(f"{KEPT} button")
    expect(page).to_have_url(re.compile(rf"/{language}/staff/providers"))
    expect(page.locator("main")).to_contain_text(name)

    assert problems == []

"""A form of a page that was shown to one account, sent after another one has signed in."""

import re

import pytest

from functions.storefront.rendering import FOLDER, environment
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.test_forms import BACK_OFFICE, FORMS, address_of, fields_in_templates
from tests.storefront.visitor import (
    SAME_ORIGIN,
    Visitor,
    Wire,
    fields_of,
    open_storefront,
    text_of,
)

REFUSED = "This form is of another account"
OF_NO_ACCOUNT = {
    *("language", "sign-in", "register", "sign-out"),
    *("forgot-password", "reset-password", "unsubscribe"),
    "checkout/delivery",  # leads to the payment's page, which looks for the address
}
"""Forms that do nothing for the account that has signed in, or only begin or end its session."""
WITH_FILE = {"staff/import", "seller/import"}
TIED = sorted((FORMS | BACK_OFFICE).keys() - OF_NO_ACCOUNT)
PASSWORD = "ana-has-a-password"


def test_every_form_names_the_account_that_its_page_was_shown_to() -> None:
    """All that are sent by POST, in every template, as Jinja gets it."""
    tied, left_out = [], []
    for path in sorted(FOLDER.rglob("*.html")):
        source = environment("en").preprocess(path.read_text())
        for form in re.findall(r"<form\b[^>]*method=\"post\"[^>]*>.{0,60}", source):
            tied.append(f"{path.name}: {form}")
            if 'type="hidden" name="account_id"' not in source[source.index(form) :][:300]:
                left_out.append(form)

    assert len(tied) > len(fields_in_templates()) / 2
    assert [form for form in left_out if "data-any-account" not in form] == []
    ways = {
        re.sub(r'.*action="\{\{ visit\.(?:url\("(.*?)"\)|(here)) \}\}".*', r"\1\2", form)
        for form in left_out
    }
    assert ways == {"sign-in", "register", "sign-out", "here"}  # the last is a form that was kept


@pytest.mark.parametrize("path", TIED)
async def test_nothing_is_done_for_another_account(shop: ShopInProcess, path: str) -> None:
    """Each form of the shop: its fields are kept, and no service is asked to change anything."""
    wire = Wire(shop)
    await shop.sign_up("all", "customer", "seller", "staff", "admin")
    other = await shop.sign_up("other", "customer")
    fields = {**(FORMS | BACK_OFFICE)[path], "account_id": str(other)}
    address = f"/en/{address_of(path)}"
    async with open_storefront(shop, wire.client) as visitor:
        await visitor.sign_in("all@example.org", "all-has-a-password")
        wire.sent.clear()
        if path in WITH_FILE:
            content = fields.pop("file").encode()
            page = await visitor.client.post(
                address, data=fields, files={"file": ("a.csv", content)}, headers=SAME_ORIGIN
            )
        else:
            page = await visitor.send(address, **fields)

    assert page.status_code == 403
    assert REFUSED in text_of(page)
    assert "You have signed in as all@example.org." in text_of(page)
    if path in WITH_FILE or any("password" in name for name in fields):
        assert "Load the page again" in text_of(page)
    else:
        assert fields_of(page, address) == fields
    assert [name for name in wire.sent if not name.startswith("GET ")] == []


async def in_another_window(visitor: Visitor, email: str) -> None:
    """The same cookies, so that the pages of the first window are of somebody else now."""
    await visitor.send("/en/sign-out")
    await visitor.sign_in(email, PASSWORD)


async def test_a_page_stays_of_the_account_that_it_was_shown_to(visitor: Visitor) -> None:
    """Its form waits, and is carried out once that account has signed in again."""
    path = "/en/account/name"
    await visitor.sign_up("bea@example.org")
    await visitor.send("/en/sign-out")
    await visitor.sign_up("ana@example.org")
    of_ana = fields_of(await visitor.get("/en/account"), path)
    await in_another_window(visitor, "bea@example.org")
    refused = await visitor.send(path, **{**of_ana, "name": "Ana Magdalena"})
    of_bea = await visitor.get("/en/account")
    await in_another_window(visitor, "ana@example.org")
    await visitor.submit(path, **fields_of(refused, path))
    at_last = await visitor.get("/en/account")

    assert REFUSED in text_of(refused)
    assert "Ana Magdalena" not in of_bea.text
    assert "Ana Magdalena" in at_last.text


async def test_a_stale_page_signs_out(visitor: Visitor) -> None:
    """Whose page it was: somebody who presses it wants nobody to be signed in."""
    await visitor.sign_up("bea@example.org")
    await visitor.send("/en/sign-out")
    await visitor.sign_up("ana@example.org")
    button = fields_of(await visitor.get("/en/account"), "/en/sign-out")
    await in_another_window(visitor, "bea@example.org")
    await visitor.send("/en/sign-out", **button)

    assert "session" not in visitor.client.cookies


async def test_somebody_registers_over_a_session_with_a_cart(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """The form's page was shown to the former account; the cart is handed over to the new one."""
    await shop.sell()
    await visitor.sign_up("ana@example.org")
    page = fields_of(await visitor.get("/en/register"), "/en/register")
    await visitor.send("/en/sign-out")
    await visitor.send("/en/cart/items", book_id=1, quantity=2)
    new = {**page, "email": "bea@example.org", "password": PASSWORD}
    done = await visitor.send("/en/register", **new)

    assert done.status_code == 303
    assert 'value="2"' in (await visitor.get("/en/cart")).text


async def test_a_page_of_a_visitor_goes_on_after_a_sign_in(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """It was shown to no account: what is added then is added to what was in the cart."""
    await shop.sell(stock=10)
    await visitor.sign_up()
    await visitor.send("/en/sign-out")
    page = fields_of(await visitor.get("/en/books/1"), "/en/cart/items")
    await visitor.submit("/en/cart/items", **{**page, "quantity": "1"})
    await visitor.sign_in("ana@example.org", PASSWORD)
    cart = await visitor.submit("/en/cart/items", **{**page, "quantity": "2"})

    assert "account_id" not in page
    assert 'value="3"' in cart.text

"""A forgotten password: the page that asks for a link, and the page that the link opens."""

import asyncio
import logging

import httpx
import pytest

from functions.storefront.sessions import Part
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import ORIGIN, Visitor, open_storefront, text_of

EMAIL, PASSWORD, NEW = "ana@example.org", "ana-has-a-password", "another-long-sentence"
GONE = "This link does not work"


async def link_of(shop: ShopInProcess) -> str:
    """The path and query of the newest link, as its mail would carry it."""
    feed = (await shop.call("auth", "GET", "/internal/streams/accounts")).json()
    (*_, reset_id) = [each["data"]["reset_id"] for each in feed if "reset_id" in each["data"]]
    path = f"/internal/password-resets/{reset_id}/link"
    created = await shop.call("auth", "POST", path)
    link: str = created.json()["link"].removeprefix("http://127.0.0.1:8000")
    return link


async def new_link(visitor: Visitor, shop: ShopInProcess, language: str = "en") -> str:
    await visitor.send(f"/{language}/forgot-password", email=EMAIL)
    return await link_of(shop)


@pytest.mark.parametrize("language", ["es", "en"])
async def test_the_sign_in_page_leads_to_a_link(
    visitor: Visitor, shop: ShopInProcess, language: str
) -> None:
    """In the language of the page, and so is the link."""
    async with open_storefront(shop) as elsewhere:
        await elsewhere.sign_up()
    sign_in = await visitor.get(f"/{language}/sign-in")
    sent = await visitor.submit(f"/{language}/forgot-password", email=EMAIL)

    assert f'href="/{language}/forgot-password"' in sign_in.text
    assert {"es": "Revise su correo", "en": "Look into your mailbox"}[language] in text_of(sent)
    assert (await link_of(shop)).startswith(f"/{language}/reset-password?token=")


async def test_a_new_password_is_chosen(visitor: Visitor, shop: ShopInProcess) -> None:
    """Then the visitor signs in with it, and not with the old one."""
    await visitor.sign_up()
    link = await new_link(visitor, shop)
    await visitor.get(link)
    changed = await visitor.submit("/en/reset-password", password=NEW)
    old = await visitor.send("/en/sign-in", email=EMAIL, password=PASSWORD)
    signed_in = await visitor.send("/en/sign-in", email=EMAIL, password=NEW)

    assert "every device is signed out" in text_of(changed)
    assert str(changed.url).endswith("/en/sign-in")
    assert (old.status_code, signed_in.status_code) == (401, 303)


async def test_other_browsers_are_signed_out(visitor: Visitor, shop: ShopInProcess) -> None:
    """At their next page that is for customers."""
    await visitor.sign_up()
    async with open_storefront(shop) as elsewhere:
        link = await new_link(elsewhere, shop)
        shop.clock.advance(seconds=1)
        await elsewhere.get(link)
        await elsewhere.submit("/en/reset-password", password=NEW)
    page = await visitor.get("/en/account")

    assert page.status_code == 303
    assert page.headers["location"].startswith("/en/sign-in?next=/en/account&ended=")


async def test_the_token_leaves_the_address_at_once(
    visitor: Visitor, shop: ShopInProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """It is sealed in the cookie, in no page and in no log; nothing is cached or passed on."""
    caplog.set_level(logging.DEBUG)
    await visitor.sign_up()
    link = await new_link(visitor, shop)
    token = link.partition("token=")[2]
    opened = await visitor.get(link)
    form = await visitor.get("/en/reset-password")

    assert (opened.status_code, opened.headers["location"]) == (303, "/en/reset-password")
    # The browser of this test logs what it asks for as well, by httpx.
    logged = [each.getMessage() for each in caplog.records if ORIGIN not in each.getMessage()]
    assert any(line.startswith("GET /en/reset-password 303") for line in logged)
    assert [line for line in logged if token in line] == []
    assert token not in form.text
    assert token not in opened.headers["set-cookie"]
    for response in (opened, form):
        assert response.headers["cache-control"] == "private, no-store"
        assert response.headers["referrer-policy"] == "no-referrer"


async def test_every_address_gets_the_same_page(visitor: Visitor, shop: ShopInProcess) -> None:
    """Whether it has an account or not."""
    async with open_storefront(shop) as elsewhere:
        await elsewhere.sign_up()
    known = await visitor.submit("/en/forgot-password", email=EMAIL)
    unknown = await visitor.submit("/en/forgot-password", email="nobody@example.org")

    assert known.status_code == unknown.status_code == 200
    assert known.text == unknown.text


async def test_an_address_with_a_mistake_is_kept(visitor: Visitor) -> None:
    """With what is wrong beside it, in the language of the page."""
    page = await visitor.send("/es/forgot-password", email='ana"at<example')

    assert page.status_code == 400
    assert 'value="ana&#34;at&lt;example"' in page.text
    assert 'id="p-email"' in page.text
    assert "No es una dirección de correo" in text_of(page)


@pytest.mark.parametrize(
    ("password", "problem"),
    [("short", "Must have 8 to 128 characters"), ("", "Is missing"), (EMAIL, "Must not be")],
)
async def test_a_refused_password_may_be_corrected(
    visitor: Visitor, shop: ShopInProcess, password: str, problem: str
) -> None:
    """The link still works, and what was typed is not shown again."""
    await visitor.sign_up()
    await visitor.get(await new_link(visitor, shop))
    refused = await visitor.send("/en/reset-password", password=password)
    corrected = await visitor.send("/en/reset-password", password=NEW)

    assert refused.status_code == 400, text_of(refused)
    assert problem in text_of(refused)
    assert 'id="p-password"' in refused.text
    assert f'value="{password}"' not in refused.text or not password
    assert corrected.status_code == 303


async def test_a_link_that_was_used_says_what_to_do(visitor: Visitor, shop: ShopInProcess) -> None:
    """So do one that has expired, one that was replaced, and one that is none."""
    await visitor.sign_up()
    used, pages = await new_link(visitor, shop), []
    await visitor.get(used)
    await visitor.send("/en/reset-password", password=NEW)
    replaced = await new_link(visitor, shop)
    expired = await new_link(visitor, shop)
    shop.clock.advance(minutes=61)
    for link in (used, replaced, expired, "/en/reset-password?token=" + "x" * 43):
        await visitor.get(link)
        pages.append(await visitor.send("/en/reset-password", password="the-fourth-sentence"))
    later = await visitor.get("/en/reset-password")

    assert [page.status_code for page in pages] == [400] * 4
    for page in [*pages, later]:
        assert GONE in text_of(page)
        assert 'href="/en/forgot-password"' in page.text
    assert (await visitor.send("/en/sign-in", email=EMAIL, password=NEW)).status_code == 303


@pytest.mark.parametrize("token", ["", "short", "x" * 101, "%22%3E%3Cscript%3E" + "a" * 30])
async def test_what_is_no_token_is_not_sent_to_auth(
    visitor: Visitor, shop: ShopInProcess, token: str
) -> None:
    """It replaces the token of an earlier link, too: the newest link counts."""
    await visitor.sign_up()
    await visitor.get(await new_link(visitor, shop))
    opened = await visitor.get(f"/en/reset-password?token={token}")
    page = await visitor.get("/en/reset-password")

    assert opened.headers["location"] == "/en/reset-password"
    assert GONE in text_of(page)


async def test_a_form_of_another_site_changes_nothing(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """As with every other form."""
    await visitor.sign_up()
    await visitor.get(await new_link(visitor, shop))
    headers = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
    answer = await visitor.client.post(
        "/en/reset-password", data={"password": NEW}, headers=headers
    )

    assert answer.status_code == 403
    assert (await visitor.send("/en/sign-in", email=EMAIL, password=PASSWORD)).status_code == 303


async def test_two_clicks_change_the_password_once(visitor: Visitor, shop: ShopInProcess) -> None:
    """The second says that the link was used; the first password holds."""
    await visitor.sign_up()
    await visitor.get(await new_link(visitor, shop))
    cookie = visitor.client.cookies[Part.TOKENS]

    async def click(password: str) -> httpx.Response:
        visitor.client.cookies.set(Part.TOKENS, cookie, domain="shop.test", path="/")
        return await visitor.send("/en/reset-password", password=password)

    both = await asyncio.gather(click(NEW), click("and-a-third-sentence"))

    assert sorted(each.status_code for each in both) == [303, 400]


async def test_too_many_requests_name_the_time_to_wait(visitor: Visitor) -> None:
    """On the form, with what was typed."""
    pages = [await visitor.send("/en/forgot-password", email=EMAIL) for _ in range(6)]

    assert [page.status_code for page in pages] == [303] * 5 + [429]
    assert pages[5].headers["retry-after"] == "3600"
    assert "Try again in 60 minutes." in text_of(pages[5])
    assert f'value="{EMAIL}"' in pages[5].text


async def test_while_auth_is_away_the_link_is_kept(visitor: Visitor, shop: ShopInProcess) -> None:
    """The page says so, and the same form works afterwards."""
    await visitor.sign_up()
    await visitor.get(await new_link(visitor, shop))
    auth = shop.clients.pop("auth")
    away = await visitor.send("/en/reset-password", password=NEW)
    shop.clients["auth"] = auth
    again = await visitor.send("/en/reset-password", password=NEW)

    assert (away.status_code, again.status_code) == (503, 303)

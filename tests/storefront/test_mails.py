"""Mails in the storefront: which a customer wants, the link that ends some, and the mailbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.settings import BadSettings
from functions.local.mailbox.app import App
from functions.local.mailbox.store import Store
from functions.storefront.controllers.mailbox import SANDBOX
from functions.storefront.settings import StorefrontSettings
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import Visitor, open_storefront, text_of

MAIL = b"""From: Bookstore <shop@bookstore.example>
To: ana@example.org
Subject: =?utf-8?q?Su_pedido_7_est=C3=A1_pagado?= <script>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain; charset=utf-8

See http://shop.test/en/orders/7 <script>alert(1)</script>
--x
Content-Type: text/html; charset=utf-8

<p style="color:red">Paid<script>alert(1)</script></p>
--x--
"""


@asynccontextmanager
async def with_mailbox(shop: ShopInProcess, store: Store) -> AsyncIterator[Visitor]:
    """A storefront of a shop that runs on one machine, with its mailbox on the wire."""
    transport = httpx.ASGITransport(App(store))
    async with httpx.AsyncClient(transport=transport) as client:
        shop.serve("mailbox", client)
        async with open_storefront(shop, MAILBOX_URL="http://mailbox.test") as visitor:
            yield visitor
        del shop.clients["mailbox"]


async def test_the_mailbox_shows_what_was_sent(shop: ShopInProcess) -> None:
    """Newest first; what a mail says is text, and its addresses are links."""
    store = Store()
    async with with_mailbox(shop, store) as visitor:
        empty = await visitor.get("/en/dev/mail")
        for _ in range(2):
            store.add(("ana@example.org",), MAIL)
        way = await visitor.get("/dev/mail", accept_language="en")
        listed = await visitor.get("/en/dev/mail")
        mail = await visitor.get("/en/dev/mail/2")

    assert "No mail yet" in text_of(empty)
    assert (way.status_code, way.headers["location"]) == (302, "/en/dev/mail")
    assert listed.text.index("/en/dev/mail/2") < listed.text.index("/en/dev/mail/1")
    assert "Su pedido 7 está pagado" in text_of(mail)
    assert '<a href="http://shop.test/en/orders/7"' in mail.text
    assert "<script>alert" not in mail.text
    assert mail.headers["cache-control"] == "private, no-store"


async def test_the_html_part_is_in_a_sandbox(shop: ShopInProcess) -> None:
    """A page of its own whose policy allows no script, form or request; other pages keep theirs."""
    store = Store()
    store.add(("ana@example.org",), MAIL)
    store.add(("ana@example.org",), b"Subject: plain\n\nOnly text")
    async with with_mailbox(shop, store) as visitor:
        shown = await visitor.get("/en/dev/mail/1/html")
        others = [
            await visitor.get(f"/en/dev/mail/{path}") for path in ("2/html", "3", "99999999", "x")
        ]
        page = await visitor.get("/en/dev/mail/1")

    assert shown.headers["content-security-policy"] == SANDBOX
    assert SANDBOX.startswith("sandbox ")
    assert "allow-scripts" not in SANDBOX
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert [other.status_code for other in others] == [404] * len(others)
    assert "style-src 'self'" in page.headers["content-security-policy"]


async def test_a_shop_for_customers_has_no_mailbox(visitor: Visitor) -> None:
    """Not even an empty page, and production refuses the setting."""
    paths = ("/dev/mail", "/en/dev/mail", "/en/dev/mail/1", "/en/dev/mail/1/html")

    assert [(await visitor.get(path)).status_code for path in paths] == [404] * 4
    with pytest.raises(BadSettings, match="MAILBOX_URL: production refuses it"):
        StorefrontSettings.from_mapping(
            {
                "ENVIRONMENT": "production",
                "SESSION_KEYS": "k" * 32,
                "MAILBOX_URL": "http://mailbox.test",
            }
        )


async def test_a_customer_chooses_mails_and_their_language(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Both are kept by their services, and shown again."""
    await visitor.sign_up()
    first = await visitor.get("/en/account/mails")
    changed = await visitor.submit("/en/account/mails", mail_language="es")
    again = await visitor.get("/en/account/mails")
    feed = await shop.call("auth", "GET", "/users?limit=50", user="admin")

    assert 'name="delivery_updates" value="1" checked' in first.text
    assert 'value="en" checked' in first.text
    assert "Your choice of mails is saved." in text_of(changed)
    assert 'name="delivery_updates" value="1">' in again.text
    assert 'value="es" checked' in again.text
    assert {each["language"] for each in feed.json() if each["email"] == "ana@example.org"} == {
        "es"
    }


async def test_a_link_ends_delivery_updates(visitor: Visitor, shop: ShopInProcess) -> None:
    """Opening it changes nothing; its button does, and so does the one click of a mail program."""
    await visitor.sign_up()
    await visitor.submit("/en/account/mails", delivery_updates="1", mail_language="en")
    database = shop.apps["notifications"].state.services.database
    rows = await database.execute(QueryString("SELECT token FROM subscribers"))
    path = f"/en/unsubscribe?token={rows.rows[0]['token']}"

    async def wanted() -> bool:
        rows = await database.execute(QueryString("SELECT delivery_updates FROM subscribers"))
        return bool(rows.rows[0]["delivery_updates"])

    async with open_storefront(shop) as stranger:
        opened = await stranger.get(path)
        assert await wanted()
        click = await stranger.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert not await wanted()
    await visitor.submit("/en/account/mails", delivery_updates="1", mail_language="en")
    assert await wanted()
    button = await visitor.send(path)

    assert "Do you want no more mails" in text_of(opened)
    assert opened.headers["referrer-policy"] == "no-referrer"
    assert [answer.status_code for answer in (opened, click, button)] == [200, 200, 200]
    assert "You get no more mails about deliveries." in text_of(button)
    assert not await wanted()


async def test_a_link_ends_requests_for_reviews(visitor: Visitor, shop: ShopInProcess) -> None:
    """And nothing else; its page says so, and the account has a choice of its own."""
    await visitor.sign_up()
    both = {"delivery_updates": "1", "review_requests": "1", "mail_language": "en"}
    await visitor.submit("/en/account/mails", **both)
    database = shop.apps["notifications"].state.services.database
    rows = await database.execute(QueryString("SELECT token FROM subscribers"))
    path = f"/en/unsubscribe?token={rows.rows[0]['token']}&mails=reviews"
    opened = await visitor.get(path)
    button = await visitor.send(path)
    unknown = await visitor.send(path.replace("reviews", "money"))
    chosen = await visitor.get("/en/account/mails")

    assert "Do you want no more mails that ask for a review" in text_of(opened)
    assert path.replace("&", "&amp;") in opened.text
    assert "You get no more mails that ask for reviews." in text_of(button)
    assert unknown.status_code == 404
    assert 'name="delivery_updates" value="1" checked' in chosen.text
    assert 'name="review_requests" value="1">' in chosen.text


@pytest.mark.parametrize("token", ["", "short", "x" * 43, "a" * 300, "%00", "<script>"])
async def test_another_link_says_what_to_do(visitor: Visitor, token: str) -> None:
    """The same for a token of nobody and for one that is none."""
    for answer in (
        await visitor.get(f"/en/unsubscribe?token={token}"),
        await visitor.send(f"/en/unsubscribe?token={token}"),
    ):
        known_shape = token == "x" * 43 and answer.request.method == "GET"

        assert answer.status_code == (200 if known_shape else 404)
        assert known_shape or "Copy all of it from the mail" in text_of(answer)

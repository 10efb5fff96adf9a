"""Signed-in visitors: tokens that run out, and what must not sign anybody out."""

import asyncio

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.storefront.sessions import MAX_COOKIE
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import SESSION_KEY, Visitor, open_storefront, text_of

OTHER_KEY = "of-tests-too-" + "1" * 32


async def test_a_token_that_ran_out_is_renewed(visitor: Visitor, shop: ShopInProcess) -> None:
    """The visitor notices nothing, also where two tabs ask at once."""
    await visitor.sign_up()
    shop.clock.advance(minutes=16)
    both = await asyncio.gather(visitor.get("/en/orders"), visitor.get("/en/orders"))
    shop.clock.advance(minutes=16)
    later = await visitor.get("/en/orders")

    assert [page.status_code for page in both] == [200, 200]
    assert later.status_code == 200


async def test_a_token_renewed_before_a_failure_is_kept(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """The page of the failure carries it; its predecessor would end the session."""
    await visitor.sign_up()
    shop.clock.advance(minutes=16)
    purchase = shop.clients.pop("purchase")
    failed = await visitor.get("/en/orders")
    shop.clients["purchase"] = purchase
    shop.clock.advance(minutes=1)
    again = await visitor.get("/en/orders")

    assert (failed.status_code, again.status_code) == (503, 200)


async def test_a_session_that_has_ended_leads_to_the_sign_in_and_back(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """After the refresh token's life, too."""
    await visitor.sign_up()
    shop.clock.advance(days=29)
    await visitor.get("/en")
    shop.clock.advance(hours=30)
    page = await visitor.get("/en/orders")

    assert page.status_code == 303
    assert page.headers["location"].startswith("/en/sign-in?next=/en/orders")


async def test_an_answer_that_is_overtaken_signs_nobody_out(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """A tab that has not renewed writes its cookie last; its token has a successor already."""
    await visitor.sign_up()
    before = visitor.client.cookies["session"]
    shop.clock.advance(minutes=16)
    await visitor.get("/en/orders")
    visitor.client.cookies.set("session", before, domain="shop.test")
    shop.clock.advance(seconds=30)
    page = await visitor.get("/en/orders")
    shop.clock.advance(minutes=16)
    later = await visitor.get("/en/orders")

    assert (page.status_code, later.status_code) == (200, 200)


async def test_a_stolen_cookie_ends_the_session(visitor: Visitor, shop: ShopInProcess) -> None:
    """A token that was used long ago is taken for theft, by this process too."""
    await visitor.sign_up()
    stolen = visitor.client.cookies["session"]
    for _ in range(2):
        shop.clock.advance(minutes=16)
        await visitor.get("/en/orders")
    mine = visitor.client.cookies["session"]
    visitor.client.cookies.set("session", stolen, domain="shop.test")
    shop.clock.advance(minutes=16)
    thief = await visitor.get("/en/orders")
    visitor.client.cookies.set("session", mine, domain="shop.test")
    owner = await visitor.get("/en/orders")

    assert (thief.status_code, owner.status_code) == (303, 303)


async def test_a_session_outlives_a_restart_and_a_rotation_of_keys(shop: ShopInProcess) -> None:
    """The old key is the second one for a while; a page that is shown meanwhile seals anew."""
    cookies = httpx.Cookies()
    statuses = []
    for keys in (SESSION_KEY, SESSION_KEY, f"{OTHER_KEY},{SESSION_KEY}", OTHER_KEY):
        async with open_storefront(shop, SESSION_KEYS=keys) as visitor:
            visitor.client.cookies = cookies
            if not cookies:
                await visitor.sign_up()
            statuses.append((await visitor.get("/en/orders")).status_code)
            cookies = visitor.client.cookies

    assert statuses == [200] * 4


@pytest.mark.parametrize(
    ("method", "path", "fields", "back"),
    [
        ("GET", "orders?after=x", {}, "/en/orders%3Fafter%3Dx"),
        ("POST", "cart/items", {"book_id": "1", "quantity": "1"}, "/en/books/1"),
        ("POST", "orders/7/cancel", {}, "/en/orders/7"),
        ("POST", "account/name", {"name": "x"}, "/en/account"),
        ("POST", "checkout/address", {"address_id": "1"}, "/en/checkout/address"),
        (
            *("POST", "checkout/payment"),
            {"address": "3", "provider": "2", "method": "tok_success"},
            "/en/checkout/payment%3Faddress%3D3%26provider%3D2",
        ),
    ],
)
async def test_a_session_that_was_ended_elsewhere_leads_back_to_where_one_was(
    visitor: Visitor,
    shop: ShopInProcess,
    method: str,
    path: str,
    fields: dict[str, str],
    back: str,
) -> None:
    """As after a change of the password on another device."""
    await visitor.sign_up()
    stale = visitor.client.cookies["session"]
    await visitor.send("/en/sign-out")
    shop.clock.advance(minutes=16)
    visitor.client.cookies.set("session", stale, domain="shop.test")
    sent = await (
        visitor.send(f"/en/{path}", **fields) if method == "POST" else visitor.get(f"/en/{path}")
    )
    page = await visitor.get(sent.headers["location"])

    assert sent.headers["location"] == f"/en/sign-in?next={back.replace('%2F', '/')}&ended=1"
    assert "Your session has ended" in text_of(page)


async def test_a_wrong_current_password_is_one_try_and_signs_nobody_out(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """It is 401 as an expired token is, and no reason to ask again with another token."""
    await visitor.sign_up()
    tries = [
        await visitor.send(
            "/en/account/password", current_password="not-this-one", new_password="a-new-password"
        )
        for _ in range(5)
    ]
    right = await visitor.send(
        "/en/account/password",
        current_password="ana-has-a-password",
        new_password="a-new-password",
    )

    assert {page.status_code for page in tries} == {401}
    assert right.status_code == 303
    assert (await visitor.get("/en/account")).status_code == 200


_values = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=300),
    st.integers(4000, 12_000).map("A".__mul__),
    st.sampled_from(["", ";", "=", '"', "session=x; session=y", "a=b; " * 100, "\t", "%00"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(["session", "__Host-session", "other", ""]), value=_values)
async def test_any_cookie_is_a_visitor_without_a_session(
    visitor: Visitor, name: str, value: str
) -> None:
    """Tampered, foreign, oversized: the page of somebody who has never been here."""
    for path in ("/en/cart", "/en/sign-in"):
        page = await visitor.get(path, cookie=f"{name}={value}")

        assert page.status_code == 200
        assert "set-cookie" not in page.headers


async def test_the_largest_cookie_is_one_that_browsers_keep(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Name, value and attributes of a real session: with roles, a long name, messages."""
    await visitor.send(
        "/en/register",
        email="a" * 60 + "@" + "b" * 60 + "." + "c" * 60 + ".example.org",
        password="ana-has-a-password",
        name="𝔸" * 100,
    )
    for _ in range(3):
        page = await visitor.send("/en/cart/items", book_id=1, quantity=0)
    header = page.headers["set-cookie"]

    assert len(header) <= 4096
    assert len(visitor.client.cookies["session"]) <= MAX_COOKIE

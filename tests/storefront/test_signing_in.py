"""Signed-in visitors: tokens that run out, and what must not sign anybody out."""

import asyncio
import re
from html import unescape
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.auth.tables import RefreshFamilyRow, UserRow
from functions.storefront.services import StorefrontServices
from functions.storefront.sessions import MAX_COOKIE
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.visitor import (
    ADDRESS,
    SAME_ORIGIN,
    SESSION_KEY,
    Visitor,
    Wire,
    fields_of,
    open_storefront,
    text_of,
)

OTHER_KEY = "of-tests-too-" + "1" * 32
KEY = "k" * 24


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

    way, _, mark = sent.headers["location"].partition("&ended=")

    assert way == f"/en/sign-in?next={back.replace('%2F', '/')}"
    assert re.fullmatch("[0-9a-f]{16}", mark)
    assert "Your session has ended" in text_of(page)
    assert "session" not in visitor.client.cookies


NEW_BOOK = {
    "title": "Uno",
    "author": "Dos",
    "price": "9",
    "description": "Tres.\nCuatro.",
    "key": KEY,
}
OWN_BOOK = {**NEW_BOOK, "stock": "3", "isbn": "", "category": "", "year": "", "language": ""}
PROVIDER = {"name": "Correos", "contact": "x@example.org", "coverage": "CO", "fee": "3"}


@pytest.mark.parametrize("way", ["ended elsewhere", "signed out in another window"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/en/books/1/review", {"rating": "4", "text": "Se lee de un tirón.", "key": KEY}),
        ("/en/reviews/1/report", {"reason": "spam", "note": "Es publicidad."}),
        ("/en/checkout/address", {**ADDRESS, "key": KEY}),
        ("/en/staff/books/new", NEW_BOOK),
        ("/en/staff/books/1", {**NEW_BOOK, "etag": '"1.1"', "seen": ""}),
        ("/en/staff/providers/new", PROVIDER),
        ("/en/staff/providers/1", {**PROVIDER, "etag": '"0a"'}),
        ("/en/staff/reviews/1/hide", {"reason": "Insulta."}),
        ("/en/staff/payments/1/refund", {"amount": "1.50", "reason": "torn", "key": KEY}),
        ("/en/seller/books", OWN_BOOK),
        ("/en/seller/books/1", {**OWN_BOOK, "etag": '"1.1"'}),
        ("/en/seller/books/1/stock", {"delta": "5", "reason": "delivery", "key": KEY}),
        ("/en/seller/name", {"name": "Librería Norte"}),
        ("/en/staff/books/1/stock", {"delta": "5", "reason": "delivery", "key": KEY}),
    ],
)
async def test_what_was_written_is_kept_on_the_way_to_a_sign_in(
    shop: ShopInProcess, visitor: Visitor, path: str, fields: dict[str, str], way: str
) -> None:
    """The page has it, and a link to the sign-in that leaves the page where it is."""
    user_id = await shop.sign_up("both", "customer", "seller", "staff")
    await visitor.sign_in("both@example.org", "both-has-a-password")
    stale = visitor.client.cookies["session"]
    await visitor.send("/en/sign-out")
    if way == "ended elsewhere":
        shop.clock.advance(minutes=16)  # services take a token until then
        visitor.client.cookies.set("session", stale, domain="shop.test")
    page = await visitor.send(path, **fields)
    (link,) = re.findall(r'<a class="button" href="([^"]*)" target="_blank">', page.text)
    sign_in = await visitor.get(unescape(link))
    await visitor.sign_in("both@example.org", "both-has-a-password")
    again = await visitor.send(path, **fields_of(page, path))

    assert page.status_code == 401
    assert "so nothing is saved yet" in text_of(page)
    known = {"account_id": str(user_id)} if way == "ended elsewhere" else {}
    assert fields_of(page, path) == {**fields, **known}
    assert ("It is saved for the account that you sign in with." in text_of(page)) == (not known)
    assert fields_of(sign_in, "/en/sign-in")["next"] == "/en/account"
    assert again.status_code not in {401, 500, 503}


async def test_a_kept_form_is_not_carried_out_for_another_account(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Two people in one browser: it stays of the first, however often it is sent."""
    path, fields = "/en/checkout/address", {**ADDRESS, "key": KEY}
    await shop.sell()
    await visitor.sign_up("ana@example.org")
    stale = visitor.client.cookies["session"]
    await visitor.send("/en/sign-out")
    await visitor.sign_up("bea@example.org")
    await visitor.send("/en/cart/items", book_id=1, quantity=1)
    await visitor.send("/en/sign-out")
    shop.clock.advance(minutes=16)  # services take a token until then
    visitor.client.cookies.set("session", stale, domain="shop.test")
    kept = fields_of(await visitor.send(path, **fields), path)
    visitor.client.cookies.delete("session")
    still_kept = fields_of(await visitor.send(path, **kept), path)
    await visitor.sign_in("bea@example.org", "ana-has-a-password")
    refused = await visitor.send(path, **still_kept)
    account = await visitor.get("/en/account")
    await visitor.send("/en/sign-out")
    await visitor.sign_in("ana@example.org", "ana-has-a-password")
    await visitor.send("/en/cart/items", book_id=1, quantity=1)
    added = await visitor.submit(path, **fields_of(refused, path))

    assert refused.status_code == 403
    assert "This form is of another account Nothing is saved" in text_of(refused)
    assert "You have signed in as bea@example.org." in text_of(refused)
    assert ADDRESS["line1"] not in account.text
    assert fields_of(refused, path) == kept
    assert added.url.path == "/en/checkout/delivery"


async def test_a_form_kept_while_a_service_is_away_is_of_the_account_too(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """It can be sent again later, when somebody else may have signed in."""
    await visitor.sign_up("ana@example.org")
    away = shop.clients.pop("catalog")
    page = await visitor.send("/en/books/1/review", rating=4, text="Muy bueno", key=KEY)
    shop.clients["catalog"] = away
    await visitor.send("/en/sign-out")
    await visitor.sign_up("bea@example.org")
    refused = await visitor.send("/en/books/1/review", **fields_of(page, "/en/books/1/review"))

    assert page.status_code == 503
    assert "This form is of another account" in text_of(refused)


@pytest.mark.parametrize("refused", [False, True])
async def test_the_longest_search_is_gone_on_with_in_another_language(
    visitor: Visitor, refused: bool
) -> None:
    """From the sign-in, whose address has it in it; also from the page of a refused sign-in."""
    query = urlencode(
        {"q": "ж" * 200, "author": "Габриэль Гарсиа Маркес", "after": "c" * 120}, quote_via=quote
    )
    page = await visitor.get(f"/en/sign-in?{urlencode({'next': f'/en/books?{query}'})}")
    if refused:
        wrong = {**fields_of(page, "/en/sign-in"), "email": "a@b.es", "password": "not-it-at-all"}
        page = await visitor.send("/en/sign-in", **wrong)
    language = {**fields_of(page, "/en/language"), "language": "es"}
    there = await visitor.submit("/en/language", **language)

    assert page.status_code == (401 if refused else 200)
    assert fields_of(there, "/es/sign-in")["next"] == f"/es/books?{query}"


async def test_a_new_book_is_added_after_the_sign_in(visitor: Visitor, shop: ShopInProcess) -> None:
    """By the form that was kept."""
    await shop.sign_up("clerk", "staff")
    page = await visitor.send("/en/staff/books/new", **NEW_BOOK)
    await visitor.sign_in("clerk@example.org", "clerk-has-a-password")
    kept = fields_of(page, "/en/staff/books/new")
    added = await visitor.submit("/en/staff/books/new", **kept)

    assert "The book is added." in text_of(added)
    assert "Tres." in added.text


PASSWORD = "ana-has-a-password"


@pytest.mark.parametrize("again", ["ana@example.org", "eva@example.org"])
@pytest.mark.parametrize("minutes", [0, 16, 60 * 24 * 29])
@pytest.mark.parametrize("way", ["sign-in", "register"])
async def test_a_sign_in_over_a_session_ends_that_session(
    visitor: Visitor, shop: ShopInProcess, again: str, minutes: int, way: str
) -> None:
    """Of the same user or another one, also where its access token has expired; the new one goes
    on."""
    await visitor.sign_up("eva@example.org")
    await visitor.send("/en/sign-out")
    await visitor.sign_up()
    (former,) = await families(shop, "ana@example.org", open_only=True)
    shop.clock.advance(minutes=minutes)
    entered = await visitor.send(f"/en/{way}", email=again, password=PASSWORD, name="")
    await finish(visitor)

    assert entered.status_code == 303, text_of(entered)
    assert former not in await families(shop, "ana@example.org", open_only=True)
    assert len(await families(shop, again, open_only=True)) == 1
    assert again in text_of(await visitor.get("/en/account"))


async def test_a_sign_in_waits_for_no_session_that_it_ends(shop: ShopInProcess) -> None:
    """auth may be slow with it, or fail: a person who signs in goes on at once."""
    wire = SlowLogout(shop)
    async with open_storefront(shop, wire.client) as visitor:
        await visitor.sign_up()
        await visitor.send("/en/register", email="eva@example.org", password=PASSWORD, name="")
        page = await visitor.get("/en/account")

        assert "eva@example.org" in text_of(page)
        assert await families(shop, "ana@example.org", open_only=True) != []

        wire.goes_on.set()
        await finish(visitor)

        assert await families(shop, "ana@example.org", open_only=True) == []


async def test_a_session_that_auth_cannot_end_fails_no_sign_in(shop: ShopInProcess) -> None:
    """The connection breaks whenever it is tried; the former session expires by itself."""
    wire = Wire(shop)
    wire.losing["POST /logout"] = 1000
    async with open_storefront(shop, wire.client) as visitor:
        await visitor.sign_up()
        await visitor.sign_up("eva@example.org")
        await finish(visitor)
        page = await visitor.get("/en/account")

    assert "POST /logout" in wire.sent
    assert "eva@example.org" in text_of(page)


async def test_two_tabs_that_sign_in_at_once_end_the_session_that_both_had(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """Neither ends the other's, so that the browser goes on with the answer that came last."""
    await visitor.sign_up()
    cookie = f"session={visitor.client.cookies['session']}"
    form = {"email": "ana@example.org", "password": PASSWORD}
    headers = {**SAME_ORIGIN, "cookie": cookie}
    tabs = [visitor.client.post("/en/sign-in", data=form, headers=headers) for _ in range(2)]
    statuses = [answer.status_code for answer in await asyncio.gather(*tabs)]
    await finish(visitor)

    assert statuses == [303, 303]
    assert len(await families(shop, "ana@example.org", open_only=False)) == 3
    assert len(await families(shop, "ana@example.org", open_only=True)) == 2
    assert (await visitor.get("/en/orders")).status_code == 200


async def test_a_late_page_of_the_ended_session_signs_nobody_out(
    visitor: Visitor, shop: ShopInProcess
) -> None:
    """It was asked for by another tab before, and is answered after the sign-in."""
    await visitor.sign_up()
    stale = f"session={visitor.client.cookies['session']}"
    await visitor.sign_up("eva@example.org")
    await finish(visitor)
    shop.clock.advance(minutes=14)
    late = await visitor.get("/en/orders", cookie=stale)
    after = await visitor.get(late.headers["location"])

    assert "&ended=" in late.headers["location"]
    assert after.headers["location"] == "/en/orders"
    assert (await visitor.get("/en/orders")).status_code == 200


class SlowLogout(Wire):
    """auth answers everything at once but the end of a session."""

    def __init__(self, shop: ShopInProcess) -> None:
        super().__init__(shop)
        self.goes_on = asyncio.Event()

    async def _route(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/logout":
            await self.goes_on.wait()
        return await super()._route(request)


def services_of(visitor: Visitor) -> StorefrontServices:
    services: StorefrontServices = visitor.app.state.services
    return services


async def finish(visitor: Visitor) -> None:
    """Wait until the sessions that are to end have ended."""
    await services_of(visitor).tokens.finish()


async def families(shop: ShopInProcess, email: str, *, open_only: bool) -> list[int]:
    """The ids of an account's sessions at auth."""
    database = shop.apps["auth"].state.services.database
    found = await database.execute(
        RefreshFamilyRow.select(RefreshFamilyRow.id, RefreshFamilyRow.ended_at).where(
            RefreshFamilyRow.user_id.is_in(UserRow.select(UserRow.id).where(UserRow.email == email))
        )
    )
    return [row["id"] for row in found.rows if not (open_only and row["ended_at"])]


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


@pytest.mark.parametrize("before", ["\xa0", "\x85", "\x1f", "\xa0 ", "é", "="])
async def test_a_name_beside_the_prefix_is_another_name(shop: ShopInProcess, before: str) -> None:
    """A neighbouring host may set it, and would choose who is signed in."""
    async with open_storefront(shop, SECURE_COOKIES="true") as stranger:
        await stranger.sign_up("eva@example.org")
        session = stranger.client.cookies["__Host-session"]
    async with open_storefront(shop, SECURE_COOKIES="true") as visitor:
        answers = [
            await visitor.client.get(
                "/en", headers={b"cookie": f"{name}={session}".encode("latin-1")}
            )
            for name in ("__Host-session", f"{before}__Host-session")
        ]

    assert ['href="/en/account"' in each.text for each in answers] == [True, False]


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

"""Who may see the back office, and how one finds one's way in it."""

import httpx
import pytest

from functions.storefront.back_office import AREAS, areas_of
from tests.journeys.shop_in_process import ShopInProcess
from tests.storefront.staff_shop import add_order, add_provider
from tests.storefront.test_forms import BACK_OFFICE, address_of
from tests.storefront.visitor import (
    Visitor,
    fields_of,
    open_back_office,
    open_storefront,
    text_of,
)

WRITTEN = {"reason", "name", "title", "contact", "description"}
"""Fields of texts that a person writes."""

PAGES = [f"/{area.name}/{entry.path}" for area in AREAS for entry in area.entries]


async def test_every_page_of_the_navigation_has_a_route(visitor: Visitor) -> None:
    """An entry without a page would be a dead link."""
    routes = {route.path for route in visitor.app.routes}

    assert {f"/{{language:str}}{path}" for path in PAGES} <= routes


async def test_every_route_of_an_area_asks_for_its_role(visitor: Visitor) -> None:
    """Each of them leads a visitor who has not signed in to the sign-in, and that leads back."""
    names = tuple(f"/{{language:str}}/{area.name}" for area in AREAS)
    open_to_anyone = []
    for route in visitor.app.routes:
        if not route.path.startswith(names):
            continue
        path = route.path.replace("{language:str}", "en")
        path = "/".join("7" if part.startswith("{") else part for part in path.split("/"))
        for method in getattr(route, "methods", set()) & {"GET", "POST"}:
            response = await (visitor.get(path) if method == "GET" else visitor.send(path, a=1))
            location = response.headers.get("location", "")
            leads = response.status_code == 303 and location.startswith("/en/sign-in?next=/en/")
            keeps = response.status_code == 401 and "Sign in to go on" in text_of(response)
            if not leads and not keeps:
                open_to_anyone.append(f"{method} {path}: {response.status_code} {location}")

    assert open_to_anyone == []


@pytest.mark.parametrize("path", [path for path in BACK_OFFICE if WRITTEN & set(BACK_OFFICE[path])])
async def test_a_form_with_a_text_is_kept_where_it_is_refused(visitor: Visitor, path: str) -> None:
    """From somebody who has not signed in, and from an account without the role; no secret is."""
    address, fields = f"/en/{address_of(path)}", BACK_OFFICE[path]
    unknown = await visitor.send(address, **fields)
    secret = await visitor.send(address, **fields, password="ana-has-a-password")
    await visitor.sign_up()
    without = await visitor.send(address, **fields_of(unknown, address))
    secret_too = await visitor.send(address, **fields, password="ana-has-a-password")

    assert (unknown.status_code, without.status_code) == (401, 403)
    assert fields_of(unknown, address) == fields_of(without, address) == fields
    assert "What you have typed is kept on this page" in text_of(without)
    assert "Sign out in a new window" in text_of(without)
    assert 'action="/en/language"' not in unknown.text + without.text
    assert '<base target="_blank">' in unknown.text
    assert '<base target="_blank">' in without.text
    assert secret.headers["location"].startswith("/en/sign-in?next=")
    assert secret_too.status_code == 403
    assert "ana-has-a-password" not in secret_too.text
    assert "is kept" not in text_of(secret_too)


@pytest.mark.parametrize("path", ["/back-office", *PAGES])
@pytest.mark.parametrize(("language", "words"), [("en", "Ask an administrator"), ("es", "Pida")])
async def test_a_customer_is_told_what_to_do(
    visitor: Visitor, path: str, language: str, words: str
) -> None:
    """403, with the account that has signed in, and no link to the back office on any page."""
    await visitor.sign_up("ana@example.org")
    page = await visitor.get(f"/{language}{path}")

    assert page.status_code == 403
    assert words in text_of(page)
    assert "ana@example.org" in text_of(page)
    assert f'<a href="/{language}/back-office"' not in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_the_sign_in_leads_back_to_the_page(shop: ShopInProcess) -> None:
    """With its filters."""
    async with open_storefront(shop) as visitor:
        asked = await visitor.get("/en/staff/books?q=mar")
        page = await visitor.submit(
            "/en/sign-in",
            email="staff@example.org",
            password="staff-has-a-password",
            next="/en/staff/books?q=mar",
        )

    assert asked.headers["location"] == "/en/sign-in?next=/en/staff/books%3Fq%3Dmar"
    assert page.status_code == 200
    assert page.url.query == b"q=mar"


async def test_the_header_leads_to_the_first_page(staff: Visitor) -> None:
    """Of those that the role may see; the page of an area leads there too."""
    home = await staff.get("/en")
    begun = await staff.get("/en/back-office")
    area = await staff.get("/en/staff")

    assert 'href="/en/back-office"' in home.text
    assert begun.headers["location"] == "/en/staff/books"
    assert area.headers["location"] == "/en/staff/books"


async def test_the_present_page_is_marked(staff: Visitor) -> None:
    """In the navigation, once."""
    page = await staff.get("/es/staff/books")

    assert page.text.count('aria-current="page"') == 1
    assert '<a href="/es/staff/books" aria-current="page">' in page.text


async def test_a_role_that_was_given_meanwhile_counts_at_once(shop: ShopInProcess) -> None:
    """Without a new sign-in: auth is asked where the session has no such role."""
    user_id = await shop.sign_up("ana")
    async with open_back_office(shop, "ana") as ana:
        before = await ana.get("/en/staff/books")
        await shop.call(
            "auth", "PATCH", f"/users/{user_id}", {"roles": ["customer", "staff"]}, user="admin"
        )
        after = await ana.get("/en/staff/books")

    assert (before.status_code, after.status_code) == (403, 200)


async def test_a_role_that_was_taken_away_is_gone(shop: ShopInProcess) -> None:
    """As soon as the services have heard of it; then the header's link is gone as well."""
    user_id = await shop.sign_up("ana", "customer", "staff")
    async with open_back_office(shop, "ana") as ana:

        async def refused() -> bool:
            return (await ana.get("/en/staff/books")).status_code != httpx.codes.OK

        allowed = not await refused()
        shop.clock.advance(seconds=5)
        await shop.call("auth", "PATCH", f"/users/{user_id}", {"roles": ["customer"]}, user="admin")
        await shop.until(refused)
        page = await ana.get("/en/staff/books")
        home = await ana.get("/en")

    assert allowed
    assert page.status_code in {303, 403}
    assert '<a href="/en/back-office"' not in home.text


def test_an_area_without_pages_is_not_shown() -> None:
    """Nor one of another role."""
    assert areas_of(["customer"]) == ()
    assert [area.name for area in areas_of(["admin"])] == [
        area.name for area in AREAS if area.entries and "admin" in area.roles
    ]


@pytest.mark.parametrize("user", ["staff", "admin"])
async def test_somebody_of_the_shop_sees_only_own_orders_among_them(
    shop: ShopInProcess, user: str
) -> None:
    """The page of a customer's orders is not staff's list, which has everybody's."""
    await shop.sell()
    await add_provider(shop)
    await add_order(shop)
    async with open_back_office(shop, user) as member:
        own = await member.get("/en/orders")
        everybodys = await member.get("/en/staff/orders")

    assert "Order 1" in text_of(everybodys)
    assert "Order 1" not in text_of(own)

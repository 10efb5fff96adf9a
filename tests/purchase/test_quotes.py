"""What books cost with their delivery: by country, the cheapest first."""

from typing import Any

import pytest

from functions.purchase.domain.checkout import MAX_QUOTES
from tests.purchase.shop import PRICE_MINOR, STAFF, Shop, book_event

PROVIDERS = (
    ("Correos", ["ES", "PT"], 12.50),
    ("Everywhere", ["*"], 40),
    ("Not said", None, 45),
    ("Andes", ["CO"], 7.25),
    ("Also Andes", ["CO", "PE"], 7.25),
    ("Retired", ["CO"], 1),
)


async def open_providers(shop: Shop) -> None:
    for name, coverage, fee in PROVIDERS:
        body: dict[str, Any] = {"name": name, "contact": "x", "fee": fee}
        body |= {} if coverage is None else {"coverage": coverage}
        made = await shop.call("POST", "/providers", body, user=STAFF)
        assert made.status_code == 201
    await shop.call("DELETE", f"/providers/{len(PROVIDERS)}", user=STAFF)


async def names(shop: Shop, country: str) -> list[str]:
    """Who delivers to a country."""
    answer = await shop.call("GET", f"/delivery-quotes?country={country}&items=1x1", user=None)
    return [each["provider_name"] for each in answer.json()]


async def test_a_quote_adds_the_fee_to_the_books(shop: Shop) -> None:
    """For anybody, also without an account."""
    await open_providers(shop)
    response = await shop.call("GET", "/delivery-quotes?country=CO&items=1x2,3x1", user=None)

    assert response.status_code == 200
    assert response.json()[0] == {
        "provider_id": 4,
        "provider_name": "Andes",
        "fee": 7.25,
        "fee_minor": 725,
        "subtotal": 59.70,
        "subtotal_minor": 3 * PRICE_MINOR,
        "total": 66.95,
        "total_minor": 3 * PRICE_MINOR + 725,
        "currency": "USD",
    }


async def test_the_cheapest_comes_first_of_those_that_go_there(shop: Shop) -> None:
    """A provider without countries goes everywhere, a retired one nowhere."""
    await open_providers(shop)

    assert await names(shop, "CO") == ["Andes", "Also Andes", "Everywhere", "Not said"]
    assert await names(shop, "es") == ["Correos", "Everywhere", "Not said"]
    assert await names(shop, "JP") == ["Everywhere", "Not said"]


async def test_a_country_where_nobody_goes_has_no_quotes(shop: Shop) -> None:
    """An empty list, and no refusal."""
    assert await names(shop, "CO") == []


async def test_there_are_at_most_fifty(shop: Shop) -> None:
    """However many providers staff has added, the cheapest are shown."""
    for number in range(MAX_QUOTES + 2):
        body = {"name": f"P{number}", "contact": "x", "fee": 100 - number}
        await shop.call("POST", "/providers", body, user=STAFF)
    shown = await names(shop, "CO")

    assert len(shown) == MAX_QUOTES
    assert (shown[0], shown[-1]) == (f"P{MAX_QUOTES + 1}", "P2")


BAD = {
    "country=CO": "items",
    "items=1x1": "country",
    "country=CO&items=": "items",
    "country=CO&items=1": "items",
    "country=CO&items=x": "items",
    "country=CO&items=1x": "items",
    "country=CO&items=x2": "items",
    "country=CO&items=1x0": "items",
    "country=CO&items=0x1": "items",
    "country=CO&items=01x1": "items",
    "country=CO&items=-1x1": "items",
    "country=CO&items=1x1001": "items",
    "country=CO&items=1x1,": "items",
    "country=CO&items=,1x1": "items",
    "country=CO&items=1x1;2x1": "items",
    "country=CO&items=1X1": "items",
    "country=CO&items=1%20x1": "items",
    "country=CO&items=%D9%A1x1": "items",
    "country=CO&items=1x1,1x2": "items",
    "country=CO&items=9223372036854775808x1": "items",
    "country=CO&items=" + "9" * 400 + "x1": "items",
    "country=CO&items=" + ",".join(f"{n}x1" for n in range(1, 52)): "items",
    "country=XX&items=1x1": "country",
    "country=C&items=1x1": "country",
    "country=COL&items=1x1": "country",
    "country=CO&items=1x1&sort=fee": "sort",
    "country=CO&country=ES&items=1x1": "country",
}


@pytest.mark.parametrize("query", BAD)
async def test_what_cannot_be_quoted_is_refused_by_its_name(shop: Shop, query: str) -> None:
    """400, with the parameter and what it must be."""
    response = await shop.call("GET", f"/delivery-quotes?{query}", user=None)

    assert response.status_code == 400, response.text
    assert [each["field"] for each in response.json()["errors"]] == [BAD[query]]


async def test_books_that_are_not_sold_are_refused_as_by_a_purchase(shop: Shop) -> None:
    """An unknown one 404, a retired one 409; the answer names the book."""
    await shop.deliver(book_event(3, sequence=4, revision=2, kind="retired"))
    answers = [
        await shop.call("GET", f"/delivery-quotes?country=CO&items=1x1,{book_id}x1", user=None)
        for book_id in (99, 3)
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (404, "book-not-found"),
        (409, "book-retired"),
    ]
    assert [each.json()["book_id"] for each in answers] == [99, 3]

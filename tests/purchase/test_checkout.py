"""A purchase from the cart, to an address, for a total that its buyer has seen."""

import asyncio
from typing import Any

import httpx
import pytest

from functions.purchase.audit import audit
from tests.purchase.shop import (
    BUYER,
    OTHER,
    PRICE_MINOR,
    STAFF,
    STOCK,
    Shop,
    book_event,
    open_shop,
)
from tests.purchase.test_addresses import ADDRESS, add
from tests.purchase.test_cart import put, quantities

CART = {"from_cart": True}


async def buy(shop: Shop, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    return await shop.call("POST", "/purchase", body, key=key)


async def provider(shop: Shop, name: str = "Andes", coverage: list[str] | None = None) -> int:
    """The id of a delivery provider with a fee of 5.00."""
    body = {"name": name, "contact": "x", "fee": 5, "coverage": coverage}
    made = await shop.call("POST", "/providers", body, user=STAFF)
    provider_id: int = made.json()["provider_id"]
    return provider_id


async def test_all_that_is_in_the_cart_is_bought_and_the_cart_is_empty(shop: Shop) -> None:
    """With the titles and prices of today."""
    await put(shop, 2, 3)
    await put(shop, 1, 1)
    await put(shop, 1, 1, OTHER)
    response = await buy(shop, CART)

    assert response.status_code == 201
    detail = (await shop.call("GET", response.headers["location"])).json()
    assert [(each["book_name"], each["quantity"]) for each in detail["items"]] == [
        ("Libro 1", 1),
        ("Libro 2", 3),
    ]
    assert detail["total_price_minor"] == 4 * PRICE_MINOR
    assert await quantities(shop) == {}
    assert await quantities(shop, OTHER) == {1: 1}
    assert await shop.stock_of(2) == (STOCK, 3, STOCK - 3)


async def test_a_purchase_of_named_books_leaves_the_cart_alone(shop: Shop) -> None:
    """Also where the same book is in it."""
    await put(shop, 1, 2)
    await shop.buy(1, 2)

    assert await quantities(shop) == {1: 2}


async def test_an_empty_cart_buys_nothing(shop: Shop) -> None:
    """A second click without a key is told so, and does not buy again."""
    await put(shop, 1)
    answers = await asyncio.gather(*[buy(shop, CART) for _ in range(4)])

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]
    refused = {each.json()["code"] for each in answers if each.status_code == 409}
    assert refused == {"cart-empty"}
    assert await shop.stock_of(1) == (STOCK, 1, STOCK - 1)


async def test_under_a_key_a_cart_is_bought_once(shop: Shop) -> None:
    """A replay gives the same bytes, and leaves alone what was put into the cart since."""
    await put(shop, 1, 2)
    first = await buy(shop, CART, "k")
    await put(shop, 3, 1)
    again = await buy(shop, CART, "k")

    assert first.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await quantities(shop) == {3: 1}
    assert len((await shop.call("GET", "/purchases")).json()) == 1


async def test_a_cart_that_cannot_be_bought_whole_is_not_bought(shop: Shop) -> None:
    """The refusal names the book, the cart stays, and its key is free again."""
    await put(shop, 1, 1)
    await put(shop, 2, STOCK + 1)
    short = await buy(shop, CART, "k")
    await put(shop, 2, 1)
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="retired"))
    retired = await buy(shop, CART, "k")
    await shop.call("DELETE", "/cart/items/1")
    bought = await buy(shop, CART, "k")

    assert (short.json()["code"], short.json()["book_id"]) == ("insufficient-stock", 2)
    assert (retired.json()["code"], retired.json()["book_id"]) == ("book-retired", 1)
    assert bought.status_code == 201
    assert await quantities(shop) == {}


async def test_overdue_copies_are_freed_for_a_cart(shop: Shop) -> None:
    """As for every purchase: copies that were not paid for in time can be bought by others."""
    await shop.buy(1, STOCK, OTHER)
    await put(shop, 1, 2)
    shop.clock.advance(minutes=16)
    response = await buy(shop, CART)

    assert response.status_code == 201
    assert await shop.stock_of(1) == (STOCK, 2, STOCK - 2)


async def test_a_line_that_is_added_meanwhile_is_bought_or_stays(shop: Shop) -> None:
    """The cart loses exactly what was bought, whatever two tabs do at once."""
    await put(shop, 1, 1)
    bought, *_ = await asyncio.gather(buy(shop, CART), put(shop, 2, 1), put(shop, 3, 1))

    assert bought.status_code == 201
    items = {each["book_id"] for each in bought.json()["items"]}
    assert items | set(await quantities(shop)) == {1, 2, 3}
    assert items & set(await quantities(shop)) == set()


async def test_without_limits_two_tabs_buy_a_cart_once_as_well(database_url: str) -> None:
    """The customer is locked for the cart, though nothing is counted."""
    async with open_shop(database_url, MAX_UNPAID_PURCHASES="0", MAX_UNPAID_COPIES="0") as shop:
        await put(shop, 1, 2)
        answers = await asyncio.gather(*[buy(shop, CART) for _ in range(3)])
        stock = await shop.stock_of(1)

    assert sorted(each.status_code for each in answers) == [201, 409, 409]
    assert stock == (STOCK, 2, STOCK - 2)


async def test_a_purchase_keeps_its_address_whatever_becomes_of_it(shop: Shop) -> None:
    """Its owner and staff see it, and nobody else; lists have no more than recipient and city."""
    address_id = await add(shop)
    body = {"book_id": 1, "quantity": 1, "address_id": address_id}
    purchase = (await buy(shop, body)).headers["location"]
    await shop.call("PATCH", "/addresses/1", {"city": "Lobito"})
    seen = [(await shop.call("GET", purchase, user=user)).json() for user in (BUYER, STAFF)]
    await shop.call("DELETE", "/addresses/1")
    seen.append((await shop.call("GET", purchase)).json())
    other = await shop.call("GET", purchase, user=OTHER)
    listed = await shop.call("GET", "/purchases")

    kept = {**ADDRESS, "region": None, "postal_code": None, "phone": None}
    assert [each["address"] for each in seen] == [kept] * 3
    assert other.status_code == 404
    assert [each["items"][0]["book_name"] for each in listed.json()] == ["Libro 1"]
    assert [each["city"] for each in listed.json()] == ["Luanda"]
    assert not [line for line in ADDRESS["lines"] if line in listed.text]


async def test_a_purchase_without_an_address_has_none(shop: Shop) -> None:
    """As before there were any."""
    purchase_id = await shop.buy(1)

    assert (await shop.call("GET", f"/purchase/{purchase_id}")).json()["address"] is None


async def test_a_provider_delivers_where_it_goes(shop: Shop) -> None:
    """Its fee is part of the total; one that does not go there is refused with those that do."""
    address_id = await add(shop)
    spain, africa = await provider(shop, "Correos", ["ES"]), await provider(shop, "África", ["AO"])
    anywhere = await provider(shop, "Mundo")
    body = {"book_id": 1, "quantity": 1, "address_id": address_id}
    refused = await buy(shop, {**body, "provider_id": spain})
    bought = [await buy(shop, {**body, "provider_id": each}) for each in (africa, anywhere)]

    assert (refused.status_code, refused.json()["code"]) == (409, "provider-does-not-deliver")
    assert (
        refused.json()["detail"]
        == "Correos no entrega en este país: Angola. Entregan: África, Mundo."
    )
    assert refused.json()["providers"] == [
        {"id": africa, "name": "África"},
        {"id": anywhere, "name": "Mundo"},
    ]
    assert [each.json()["total_price_minor"] for each in bought] == [PRICE_MINOR + 500] * 2


async def test_where_nobody_delivers_another_address_is_asked_for(shop: Shop) -> None:
    """The list of those that do is empty, and the text says what to do."""
    address_id = await add(shop)
    spain = await provider(shop, "Correos", ["ES"])
    body = {"book_id": 1, "quantity": 1, "address_id": address_id, "provider_id": spain}
    refused = await shop.call("POST", "/purchase", body, accept_language="en")

    assert refused.json()["detail"] == (
        "Correos does not deliver to this country: Angola. Nobody does: use another address."
    )
    assert refused.json()["providers"] == []
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)


async def test_a_total_that_was_seen_is_the_total_that_is_bought(shop: Shop) -> None:
    """Delivery included; a refusal names the present total and the lines that changed."""
    provider_id = await provider(shop)
    await put(shop, 1, 2)
    await put(shop, 2, 1)
    seen = (3 * PRICE_MINOR + 500) / 100
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="updated", price_minor=2500))
    body = {**CART, "provider_id": provider_id}
    refused = await buy(shop, {**body, "expected_total": seen})
    now = refused.json()["total_minor_actual"]
    bought = await buy(shop, {**body, "expected_total": now / 100})

    assert (refused.status_code, refused.json()["code"]) == (409, "price-changed")
    assert now == 2 * 2500 + PRICE_MINOR + 500
    assert refused.json()["delivery_fee_minor"] == 500
    assert refused.json()["lines"] == [
        {
            "book_id": 1,
            "quantity": 2,
            "unit_price_minor": 2500,
            "seen_unit_price_minor": PRICE_MINOR,
        }
    ]
    assert bought.status_code == 201
    assert bought.json()["total_price_minor"] == now


async def test_a_fee_that_changed_is_another_total(shop: Shop) -> None:
    """No line has changed then; nothing is reserved."""
    provider_id = await provider(shop)
    await put(shop, 1, 1)
    await shop.call("PATCH", f"/providers/{provider_id}", {"fee": 6}, user=STAFF)
    body = {**CART, "provider_id": provider_id, "expected_total": (PRICE_MINOR + 500) / 100}
    refused = await buy(shop, body)

    assert refused.json()["code"] == "price-changed"
    assert refused.json()["lines"] == []
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)
    assert await quantities(shop) == {1: 1}


async def test_a_total_can_be_expected_of_named_books(shop: Shop) -> None:
    """Every line is named where it is not known which prices the buyer has seen."""
    items = [{"book_id": 1, "quantity": 1}, {"book_id": 2, "quantity": 1}]
    refused = await buy(shop, {"items": items, "expected_total": 1})
    bought = await buy(shop, {"items": items, "expected_total": 2 * PRICE_MINOR / 100})

    assert [each["book_id"] for each in refused.json()["lines"]] == [1, 2]
    assert bought.status_code == 201


BAD: dict[str, tuple[dict[str, Any], int]] = {
    "the cart and a book": ({**CART, "book_id": 1, "quantity": 1}, 400),
    "the cart and items": ({**CART, "items": [{"book_id": 1, "quantity": 1}]}, 400),
    "the cart and a price": ({**CART, "expected_unit_price": 1}, 400),
    "neither the cart nor a book": ({"from_cart": False}, 400),
    "from_cart as a text": ({"from_cart": "true"}, 400),
    "from_cart null": ({"from_cart": None}, 400),
    "a total below zero": ({**CART, "expected_total": -1}, 400),
    "a total of three decimals": ({**CART, "expected_total": 1.999}, 400),
    "an address of no number": ({**CART, "address_id": "1"}, 400),
    "an address 0": ({**CART, "address_id": 0}, 400),
    "an address that is not there": ({**CART, "address_id": 99}, 404),
    "a provider that is not there": ({**CART, "provider_id": 99}, 404),
}


@pytest.mark.parametrize("name", BAD)
async def test_purchases_that_cannot_be(shop: Shop, name: str) -> None:
    """Nothing is bought, and the cart stays."""
    body, status = BAD[name]
    await put(shop, 1, 2)
    response = await buy(shop, body)

    assert response.status_code == status, response.text
    assert response.json()["detail"]
    assert await quantities(shop) == {1: 2}
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)


async def test_the_books_add_up_after_purchases_from_carts(shop: Shop) -> None:
    """No invariant of the audit is broken."""
    address_id = await add(shop, default=True)
    await put(shop, 1, 2)
    await buy(shop, {**CART, "address_id": address_id}, "k")
    await put(shop, 2, 1)
    await shop.published("inventory")
    findings = await audit(shop.database)

    assert [finding for finding in findings if finding.breaches] == []

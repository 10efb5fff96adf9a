"""What one customer may keep from the others, and copies that nobody pays for."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from tests.purchase.shop import BUYER, OTHER, STAFF, STOCK, Shop, book_event, open_shop

AT_ONCE = 40


async def codes(answers: list[Awaitable[httpx.Response]]) -> Counter[str]:
    """How often each code was answered, of requests that are sent at once."""
    return Counter(
        str(each.json().get("code", each.status_code)) for each in await asyncio.gather(*answers)
    )


@pytest.mark.parametrize(
    ("settings", "copies", "bought", "code"),
    [
        ({"MAX_UNPAID_PURCHASES": "7"}, 1, 7, "too-many-unpaid-purchases"),
        ({"MAX_UNPAID_COPIES": "20"}, 3, 6, "too-many-reserved-copies"),
        ({"MAX_UNPAID_PURCHASES": "0", "MAX_UNPAID_COPIES": "0"}, 3, AT_ONCE, ""),
    ],
    ids=["purchases", "copies", "no limit"],
)
async def test_a_limit_holds_for_concurrent_purchases(
    database_url: str, settings: dict[str, Any], copies: int, bought: int, code: str
) -> None:
    """Of concurrent purchases exactly the limit succeeds; other customers are not affected."""
    async with open_shop(database_url, books=0, **settings) as shop:
        await shop.deliver(book_event(1, initial_stock=1000))
        body = {"book_id": 1, "quantity": copies}
        answered = await codes([shop.call("POST", "/purchase", body) for _ in range(AT_ONCE)])
        other = await shop.call("POST", "/purchase", body, user=OTHER)
        stock = await shop.stock_of(1)

    assert answered == Counter({"201": bought, code: AT_ONCE - bought})
    assert other.status_code == 201
    assert stock == (1000, (bought + 1) * copies, 1000 - (bought + 1) * copies)


async def test_paid_and_cancelled_purchases_do_not_count(database_url: str) -> None:
    """Paid and cancelled purchases do not count."""
    async with open_shop(database_url, MAX_UNPAID_PURCHASES="2") as shop:
        first, second = await shop.buy(1), await shop.buy(2)
        refused = await shop.call("POST", "/purchase", {"book_id": 3, "quantity": 1})
        await shop.pay(first)
        third = await shop.buy(3)
        await shop.call("DELETE", f"/purchase/{second}")
        await shop.buy(3)
        spanish = await shop.call("POST", "/purchase", {"book_id": 3, "quantity": 1})

    assert third
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-unpaid-purchases")
    assert refused.json()["limit"] == 2
    assert spanish.json()["error"]


async def test_the_limit_of_copies_is_per_book(database_url: str) -> None:
    """It counts the copies of one book in one or several purchases."""
    async with open_shop(database_url, MAX_UNPAID_COPIES="3") as shop:
        await shop.buy(1, 2)
        body = {"items": [{"book_id": 1, "quantity": 2}, {"book_id": 2, "quantity": 1}]}
        refused = await shop.call("POST", "/purchase", body)
        alone = await shop.call("POST", "/purchase", {"book_id": 3, "quantity": 4})
        await shop.buy(2, 3)

        assert await shop.stock_of(2) == (STOCK, 3, STOCK - 3)
    assert [each.json()["code"] for each in (refused, alone)] == ["too-many-reserved-copies"] * 2
    assert refused.json()["book_id"] == 1


async def test_overdue_purchases_do_not_count(database_url: str) -> None:
    """They do not count, also before a background task expires them."""
    async with open_shop(database_url, MAX_UNPAID_PURCHASES="1", MAX_UNPAID_COPIES="3") as shop:
        first = await shop.buy(1, 3)
        shop.clock.advance(minutes=15)
        await shop.buy(1, 2)

        assert await shop.status_of(first) == "Expired"
        assert await shop.stock_of(1) == (STOCK, 2, STOCK - 2)


async def test_an_overdue_reservation_is_released_on_demand(shop: Shop) -> None:
    """At the end of the time to pay, and for the requested books only."""
    first, other = await shop.buy(1, STOCK), await shop.buy(2, STOCK)
    body = {"book_id": 1, "quantity": STOCK}
    shop.clock.advance(minutes=14, seconds=59)
    before = await shop.call("POST", "/purchase", body, user=OTHER)
    shop.clock.advance(seconds=1)
    after = await shop.call("POST", "/purchase", body, user=OTHER)

    assert (before.status_code, before.json()["code"]) == (409, "insufficient-stock")
    assert after.status_code == 201
    assert [await shop.status_of(each) for each in (first, other)] == ["Expired", "Pending Payment"]
    assert await shop.stock_of(1) == (STOCK, STOCK, 0)


async def test_an_overdue_reservation_is_sold_once(shop: Shop) -> None:
    """Of concurrent purchases of its copies one succeeds."""
    await shop.buy(1, STOCK)
    shop.clock.advance(minutes=15)
    body = {"book_id": 1, "quantity": 1}
    answered = await codes(
        [shop.call("POST", "/purchase", body, user=OTHER, key=f"k{n}") for n in range(3 * STOCK)]
    )

    assert answered == {"201": STOCK, "insufficient-stock": 2 * STOCK}
    assert await shop.stock_of(1) == (STOCK, STOCK, 0)


async def test_an_adjustment_releases_overdue_reservations(shop: Shop) -> None:
    """Overdue reservations are released for it; other reserved copies cannot be removed."""
    first = await shop.buy(1, STOCK)
    body = {"delta": -STOCK, "reason": "lost"}
    path = "/inventory/1/adjustments"
    before = await shop.call("POST", path, body, user=STAFF, key="a")
    shop.clock.advance(minutes=15)
    after, again = [await shop.call("POST", path, body, user=STAFF, key="b") for _ in range(2)]

    assert (before.status_code, before.json()["code"]) == (409, "stock-would-be-negative")
    assert (after.status_code, after.content) == (201, again.content)
    assert await shop.status_of(first) == "Expired"
    assert await shop.stock_of(1) == (0, 0, 0)


async def test_an_open_payment_keeps_the_copies_reserved(shop: Shop) -> None:
    """Also after the time to pay, until the payment has an outcome."""
    first = await shop.buy(1, STOCK)
    await shop.pay(first, "tok_pending")
    shop.clock.advance(minutes=15)
    refused = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1}, user=OTHER)
    await shop.reconcile()

    assert refused.json()["code"] == "insufficient-stock"
    assert await shop.status_of(first) == "Paid"


async def test_a_late_payment_releases_the_copies(shop: Shop) -> None:
    """A late payment is refused, and the copies are available at that moment."""
    first = await shop.buy(1, STOCK)
    shop.clock.advance(minutes=15)
    body = {"purchase_id": first, "payment_method": "cash"}
    refused = await shop.call("POST", "/payment", body)

    assert (refused.status_code, refused.json()["code"]) == (409, "purchase-expired")
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)
    assert await shop.buy(1, STOCK, user=BUYER)

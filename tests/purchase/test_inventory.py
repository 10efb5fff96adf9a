import asyncio

from tests.purchase.shop import STAFF, STOCK, Shop


async def test_an_adjustment_is_made_once_for_its_key(shop: Shop) -> None:
    """A repeated request adds the copies once and gets the same response."""
    body = {"delta": 7, "reason": "delivery from the publisher"}
    first, second = [
        await shop.call("POST", "/inventory/1/adjustments", body, user=STAFF, key="d")
        for _ in range(2)
    ]

    assert first.status_code == 201
    assert second.content == first.content
    assert await shop.stock_of(1) == (STOCK + 7, 0, STOCK + 7)


async def test_an_adjustment_requires_a_key(shop: Shop) -> None:
    """Without an `Idempotency-Key` it is refused, because it is not idempotent."""
    body = {"delta": 7, "reason": "x"}
    response = await shop.call("POST", "/inventory/1/adjustments", body, user=STAFF)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_reserved_copies_cannot_be_removed(shop: Shop) -> None:
    """Only available copies can be removed."""
    await shop.buy(1, 2)
    body = {"delta": -STOCK, "reason": "lost"}
    refused = await shop.call("POST", "/inventory/1/adjustments", body, user=STAFF, key="1")
    body = {"delta": -(STOCK - 2), "reason": "lost"}
    taken = await shop.call("POST", "/inventory/1/adjustments", body, user=STAFF, key="2")

    assert (refused.status_code, refused.json()["code"]) == (409, "stock-would-be-negative")
    assert refused.json()["stock_actual"] == STOCK - 2
    assert taken.status_code == 201
    assert await shop.stock_of(1) == (2, 2, 0)


async def test_concurrent_adjustments_and_sales_add_up(shop: Shop) -> None:
    """Concurrent adjustments and sales add up."""
    await asyncio.gather(
        *[
            shop.call(
                "POST",
                "/inventory/1/adjustments",
                {"delta": 1, "reason": "found"},
                user=STAFF,
                key=f"k{number}",
            )
            for number in range(10)
        ],
        *[shop.buy(1) for _ in range(5)],
    )

    assert await shop.stock_of(1) == (STOCK + 10, 5, STOCK + 5)


async def test_the_stock_of_a_book_has_a_history(shop: Shop) -> None:
    """Newest first, in pages; the first entry is the initial stock."""
    for number in range(3):
        body = {"delta": number + 1, "reason": f"found {number}"}
        path = "/inventory/1/adjustments"
        await shop.call("POST", path, body, user=STAFF, key=f"k{number}")
    first = await shop.call("GET", "/inventory/1/adjustments?limit=3", user=STAFF)
    link = first.headers["link"].partition(">")[0].lstrip("<")
    last = await shop.call("GET", link, user=STAFF)
    unknown = await shop.call("GET", "/inventory/99/adjustments", user=STAFF)

    assert [each["delta"] for each in first.json()] == [3, 2, 1]
    assert [(each["delta"], each["user_id"]) for each in last.json()] == [(STOCK, None)]
    assert unknown.status_code == 404


async def test_unknown_books_have_no_stock(shop: Shop) -> None:
    """Reading and adjusting are answered 404."""
    seen = await shop.call("GET", "/inventory/99", user=STAFF)
    changed = await shop.call(
        "POST", "/inventory/99/adjustments", {"delta": 1, "reason": "x"}, user=STAFF, key="k"
    )

    assert (seen.status_code, changed.status_code) == (404, 404)

"""What sellers see of their sales, and the stock that they may change."""

import asyncio
from typing import Any

import pytest

from tests.purchase.shop import (
    BUYER,
    OTHER_SELLER,
    PRICE_MINOR,
    SELLER,
    STAFF,
    STOCK,
    Shop,
    book_event,
)


async def sell_by(shop: Shop, book_id: int, seller_id: int | None, *, revision: int = 2) -> None:
    """Catalog reports the seller of a book."""
    await shop.deliver(
        book_event(
            book_id,
            kind="updated",
            revision=revision,
            sequence=10 * revision + book_id,
            seller_id=seller_id,
        )
    )


async def sales(shop: Shop, query: str = "", user: int = SELLER) -> list[dict[str, Any]]:
    response = await shop.call("GET", f"/sales?{query}", user=user)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


async def summary(shop: Shop, query: str = "", user: int = SELLER) -> dict[str, Any]:
    response = await shop.call("GET", f"/sales/summary?{query}", user=user)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def refund(shop: Shop, payment_id: int, amount: float | None, key: str) -> None:
    body = {} if amount is None else {"amount": amount}
    path = f"/payments/{payment_id}/refunds"
    response = await shop.call("POST", path, body, user=STAFF, key=key)
    assert response.status_code == 201, response.text


async def test_a_sale_keeps_the_seller_of_its_time(shop: Shop) -> None:
    """A book that changes hands leaves its earlier sales with the seller who made them."""
    await sell_by(shop, 1, SELLER)
    first = await shop.buy(1, 2)
    await sell_by(shop, 1, OTHER_SELLER, revision=3)
    second = await shop.buy(1)

    (mine,) = await sales(shop)
    (theirs,) = await sales(shop, user=OTHER_SELLER)
    assert (mine["purchase_id"], theirs["purchase_id"]) == (first, second)
    assert (mine["quantity"], mine["unit_price_minor"], mine["amount_minor"]) == (
        2,
        PRICE_MINOR,
        2 * PRICE_MINOR,
    )
    assert mine["status"] == "Pending Payment"
    events = [each for each in await shop.published("orders") if "items" in each["data"]]
    assert [each["data"]["items"][0]["seller_id"] for each in events] == [SELLER, OTHER_SELLER]


async def test_a_sale_shows_nothing_about_the_buyer(shop: Shop) -> None:
    """Neither their id nor their address."""
    await sell_by(shop, 1, SELLER)
    await shop.buy(1)
    (sale,) = await sales(shop)

    assert set(sale) == {
        *("id", "sold_at", "purchase_id", "book_id", "book_name", "quantity", "unit_price"),
        *("unit_price_minor", "amount", "amount_minor", "revenue", "revenue_minor"),
        *("currency", "status"),
    }


async def test_only_the_sellers_lines_of_a_purchase_are_theirs(shop: Shop) -> None:
    """Other books of the same purchase are in nobody else's sales."""
    await sell_by(shop, 1, SELLER)
    await sell_by(shop, 2, OTHER_SELLER)
    items = [{"book_id": each, "quantity": 1} for each in (1, 2, 3)]
    made = await shop.call("POST", "/purchase", {"items": items})

    assert made.status_code == 201
    assert [each["book_id"] for each in await sales(shop)] == [1]
    assert [each["book_id"] for each in await sales(shop, user=OTHER_SELLER)] == [2]
    assert [each["book_id"] for each in await sales(shop, f"seller_id={SELLER}", STAFF)] == [1]


async def test_the_list_has_pages_and_filters(shop: Shop) -> None:
    """Newest first, each once; by status, book and day."""
    await sell_by(shop, 1, SELLER)
    await sell_by(shop, 2, SELLER)
    for book_id in (1, 2, 1):
        await shop.buy(book_id)
    paid = await shop.buy(2)
    await shop.pay(paid)
    shop.clock.advance(days=1)
    tomorrow = await shop.buy(1)
    seen: list[int] = []
    path: str | None = "/sales?limit=2"
    while path is not None:
        page = await shop.call("GET", path, user=SELLER)
        seen += [each["purchase_id"] for each in page.json()]
        path = page.links.get("next", {}).get("url")
    day = shop.clock().date().isoformat()

    assert seen == [tomorrow, paid, paid - 1, paid - 2, paid - 3]
    assert [each["purchase_id"] for each in await sales(shop, "status=Paid")] == [paid]
    assert [each["purchase_id"] for each in await sales(shop, f"created_from={day}")] == [tomorrow]
    assert tomorrow not in [
        each["purchase_id"] for each in await sales(shop, "created_to=2026-03-14")
    ]
    assert {each["book_id"] for each in await sales(shop, "book_id=2")} == {2}


async def test_the_summary_is_of_paid_sales_net_of_refunds(shop: Shop) -> None:
    """An unpaid sale counts nothing; a part that was refunded is shared, a whole one is all."""
    await sell_by(shop, 1, SELLER)
    await sell_by(shop, 2, SELLER)
    await shop.buy(1)
    await shop.pay(await shop.buy(1, 2))
    whole = await shop.pay(await shop.buy(2))
    partly = await shop.pay(await shop.buy(2))
    await refund(shop, whole, None, "whole")
    await refund(shop, partly, 5, "part")
    found = await summary(shop)

    (total,) = found["totals"]
    assert (total["currency"], total["sales"], total["copies"], total["refunded_copies"]) == (
        "USD",
        3,
        3,
        1,
    )
    assert total["gross_minor"] == 4 * PRICE_MINOR
    assert total["refunded_minor"] == PRICE_MINOR + 500
    assert total["revenue_minor"] == 3 * PRICE_MINOR - 500
    assert [(each["book_id"], each["revenue_minor"]) for each in found["books"]] == [
        (1, 2 * PRICE_MINOR),
        (2, PRICE_MINOR - 500),
    ]
    assert found["more_books"] is False
    listed = [each["revenue_minor"] for each in await sales(shop)]
    assert sum(listed) == total["revenue_minor"]
    best = await summary(shop, "limit=1")
    assert (len(best["books"]), best["more_books"], best["totals"]) == (1, True, found["totals"])
    assert await summary(shop, "created_to=2026-03-13") == {
        "totals": [],
        "books": [],
        "more_books": False,
    }


@pytest.mark.parametrize("path", ["/sales", "/sales/summary"])
async def test_the_sales_of_others_are_refused(shop: Shop, path: str) -> None:
    """A seller is answered 403 for another's; staff must say whose."""
    other = await shop.call("GET", f"{path}?seller_id={OTHER_SELLER}", user=SELLER)
    own = await shop.call("GET", f"{path}?seller_id={SELLER}", user=SELLER)
    nobody = await shop.call("GET", path, user=STAFF)
    anyone = await shop.call("GET", f"{path}?seller_id={OTHER_SELLER}", user=STAFF)
    customer = await shop.call("GET", path, user=BUYER)

    statuses = [each.status_code for each in (other, own, nobody, anyone, customer)]
    assert statuses == [403, 200, 400, 200, 403]
    assert nobody.json()["errors"][0]["field"] == "seller_id"


@pytest.mark.parametrize(
    "query",
    [
        "seller_id=0",
        "seller_id=x",
        f"seller_id={2**63}",
        "status=Sold",
        "created_from=yesterday",
        "created_to=2026-02-30",
        "limit=0",
        "limit=101",
        "after=x",
        "after=WzFd",
        "page=2",
    ],
)
async def test_a_malformed_query_is_refused(shop: Shop, query: str) -> None:
    """With 400."""
    assert (await shop.call("GET", f"/sales?{query}", user=SELLER)).status_code == 400


async def test_a_forged_cursor_is_harmless(shop: Shop) -> None:
    """A time beyond every calendar begins or ends the list."""
    await sell_by(shop, 1, SELLER)
    await shop.buy(1)
    from functions.kit.http.pagination import encode_cursor

    late = await sales(shop, f"after={encode_cursor(2**63 - 1, 2**63 - 1)}")
    early = await sales(shop, f"after={encode_cursor(-(2**62), 1)}")

    assert (len(late), early) == (1, [])


async def test_a_seller_adjusts_the_stock_of_own_books_only(shop: Shop) -> None:
    """Another's, the shop's own and an unknown book are refused by 403, and stay as they are."""
    await sell_by(shop, 1, SELLER)
    await sell_by(shop, 2, OTHER_SELLER)
    body = {"delta": 3, "reason": "llegó la entrega"}
    answers = {
        book_id: [
            await shop.call("GET", f"/inventory/{book_id}", user=SELLER),
            await shop.call("GET", f"/inventory/{book_id}/adjustments", user=SELLER),
            await shop.call(
                "POST", f"/inventory/{book_id}/adjustments", body, user=SELLER, key=f"k{book_id}"
            ),
        ]
        for book_id in (1, 2, 3, 99)
    }

    assert [each.status_code for each in answers.pop(1)] == [200, 200, 201]
    for refused in answers.values():
        assert [(each.status_code, each.json()["code"]) for each in refused] == [
            (403, "not-your-book")
        ] * 3
    assert [await shop.stock_of(each) for each in (1, 2, 3)] == [
        (STOCK + 3, 0, STOCK + 3),
        (STOCK, 0, STOCK),
        (STOCK, 0, STOCK),
    ]


async def test_a_sale_while_the_seller_changes_has_one_seller(shop: Shop) -> None:
    """Concurrent sales and assignments lose no sale and count none twice."""
    await sell_by(shop, 1, SELLER)
    await asyncio.gather(
        *[shop.buy(1) for _ in range(STOCK)], sell_by(shop, 1, OTHER_SELLER, revision=3)
    )

    mine, theirs = await sales(shop), await sales(shop, user=OTHER_SELLER)
    assert len({each["id"] for each in (*mine, *theirs)}) == STOCK


async def test_an_older_event_does_not_bring_a_seller_back(shop: Shop) -> None:
    """The newest revision counts, in whatever order events arrive."""
    await sell_by(shop, 1, None, revision=3)
    await sell_by(shop, 1, SELLER, revision=2)
    refused = await shop.call("GET", "/inventory/1", user=SELLER)

    assert refused.status_code == 403

"""A customer's own cart: today's prices, nothing reserved, and two tabs that write at once."""

import asyncio
from typing import Any

import httpx
import pytest

from functions.kit.base.orders import MAX_LINES, MAX_QUANTITY, MAX_TOTAL_MINOR
from tests.purchase.shop import BUYER, OTHER, PRICE_MINOR, STOCK, Shop, book_event, open_shop


async def put(shop: Shop, book_id: int, quantity: int = 1, user: int = BUYER) -> int:
    """The status of putting copies into the cart."""
    path = f"/cart/items/{book_id}"
    return (await shop.call("PUT", path, {"quantity": quantity}, user=user)).status_code


async def quantities(shop: Shop, user: int = BUYER) -> dict[int, int]:
    """The copies in a cart by book."""
    shown = (await shop.call("GET", "/cart", user=user)).json()
    return {item["book_id"]: item["quantity"] for item in shown["items"]}


async def test_a_cart_shows_what_it_holds_and_reserves_nothing(shop: Shop) -> None:
    """In the order in which the books were added."""
    answers = [await put(shop, 2, 3)]
    shop.clock.advance(seconds=1)
    answers.append(await put(shop, 1))
    response = await shop.call("GET", "/cart")

    assert answers == [201, 201]
    cart = response.json()
    assert cart["items"][0] == {
        "book_id": 2,
        "title": "Libro 2",
        "quantity": 3,
        "price": 19.90,
        "price_minor": PRICE_MINOR,
        "currency": "USD",
        "price_when_added": 19.90,
        "price_when_added_minor": PRICE_MINOR,
        "price_changed": False,
        "available": STOCK,
        "in_stock": True,
        "retired": False,
        "max_quantity": 100,
        "unpaid_quantity": 0,
    }
    assert {name: cart[name] for name in ("quantity", "total_minor", "currency")} == {
        "quantity": 4,
        "total_minor": 4 * PRICE_MINOR,
        "currency": "USD",
    }
    assert '"total":79.60,' in response.text
    assert await shop.stock_of(2) == (STOCK, 0, STOCK)


async def test_an_empty_cart_is_a_cart(shop: Shop) -> None:
    """Nobody has to make one first."""
    cart = (await shop.call("GET", "/cart")).json()

    assert cart == {
        "items": [],
        "quantity": 0,
        "total": 0.0,
        "total_minor": 0,
        "currency": None,
        "max_total": MAX_TOTAL_MINOR / 100,
        "max_total_minor": MAX_TOTAL_MINOR,
        "unpaid_purchases": 0,
        "max_unpaid_purchases": 20,
    }


async def test_setting_a_quantity_can_be_repeated(shop: Shop) -> None:
    """201 with `Location` for a new line, 200 afterwards; the quantity is set, not added."""
    answers = [await shop.call("PUT", "/cart/items/1", {"quantity": q}) for q in (2, 2, 5)]

    assert [each.status_code for each in answers] == [201, 200, 200]
    assert answers[0].headers["location"] == "/cart"
    assert [each.json()["items"][0]["quantity"] for each in answers] == [2, 2, 5]
    assert await quantities(shop) == {1: 5}


async def add(shop: Shop, book_id: int, quantity: int, key: str | None = None) -> httpx.Response:
    body = {"book_id": book_id, "quantity": quantity}
    return await shop.call("POST", "/cart/items", body, key=key)


async def test_copies_that_are_added_at_the_same_time_are_all_counted(shop: Shop) -> None:
    """Two tabs, and a client that sends many requests at once."""
    answers = await asyncio.gather(*[add(shop, 1, quantity) for quantity in (1, 2, 3) * 4])

    assert sorted(each.status_code for each in answers) == [200] * 11 + [201]
    assert {each.headers.get("location") for each in answers} == {"/cart", None}
    assert await quantities(shop) == {1: 24}


async def test_an_addition_under_one_key_adds_once(shop: Shop) -> None:
    """Sent at the same time and again later; another key adds again, another body is refused."""
    at_once = await asyncio.gather(*[add(shop, 1, 2, "one") for _ in range(6)])
    later = await add(shop, 1, 2, "one")
    after_replays = await quantities(shop)
    other_body = await add(shop, 1, 3, "one")
    other_key = await add(shop, 1, 2, "two")

    assert {(each.status_code, each.content) for each in [*at_once, later]} == {
        (201, later.content)
    }
    assert later.headers["idempotency-replayed"] == "true"
    assert after_replays == {1: 2}
    assert other_body.json()["code"] == "idempotency-key-reused"
    assert other_key.json()["items"][0]["quantity"] == 4


async def test_a_line_holds_1000_copies_however_they_arrive(shop: Shop) -> None:
    """What does not fit is refused whole, the limit is named, and the key stays free."""
    await put(shop, 1, 998)
    answers = await asyncio.gather(*[add(shop, 1, 1) for _ in range(4)])
    refused = await add(shop, 1, 1, "key")
    await put(shop, 1, 1)
    retried = await add(shop, 1, 1, "key")

    assert sorted(each.status_code for each in answers) == [200, 200, 409, 409]
    problem = refused.json()
    assert (problem["code"], problem["in_cart"], problem["limit"]) == ("cart-line-full", 1000, 1000)
    assert "1000" in problem["detail"]
    assert retried.json()["items"][0]["quantity"] == 2


async def test_carts_are_everyones_own(shop: Shop) -> None:
    """What one customer does changes no other one's."""
    await put(shop, 1, 2)
    await put(shop, 1, 4, OTHER)
    await put(shop, 2, 1, OTHER)
    await shop.call("DELETE", "/cart", user=OTHER)

    assert await quantities(shop) == {1: 2}
    assert await quantities(shop, OTHER) == {}


async def test_a_price_that_changes_is_shown_beside_the_first(shop: Shop) -> None:
    """The total is today's; another quantity does not hide the change."""
    await put(shop, 1, 2)
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="updated", price_minor=2500))
    await put(shop, 1, 3)
    cart = (await shop.call("GET", "/cart")).json()

    (item,) = cart["items"]
    assert (item["price_minor"], item["price_when_added_minor"]) == (2500, PRICE_MINOR)
    assert item["price_changed"] is True
    assert cart["total_minor"] == 7500


async def test_totals_are_of_what_can_be_sold(shop: Shop) -> None:
    """A retired book and one of which too few copies are free stay in the cart and cost nothing."""
    for book_id in (1, 2, 3):
        await put(shop, book_id, 2)
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="retired"))
    await shop.buy(2, STOCK - 1, OTHER)
    cart = (await shop.call("GET", "/cart")).json()

    shown = [(each["available"], each["in_stock"], each["retired"]) for each in cart["items"]]
    assert shown == [(0, False, True), (1, False, False), (STOCK, True, False)]
    assert (cart["quantity"], cart["total_minor"]) == (2, 2 * PRICE_MINOR)


async def test_books_that_cannot_be_put_into_it_are_refused(shop: Shop) -> None:
    """An unknown one and a retired one; the cart stays as it was."""
    await put(shop, 3)
    await shop.deliver(book_event(3, sequence=4, revision=2, kind="retired"))
    answers = [await shop.call("PUT", f"/cart/items/{each}", {"quantity": 2}) for each in (99, 3)]
    answers += [await add(shop, each, 2) for each in (99, 3)]

    assert [(each.status_code, each.json()["code"]) for each in answers] == 2 * [
        (404, "book-not-found"),
        (409, "book-retired"),
    ]
    assert await quantities(shop) == {3: 1}


async def test_before_the_first_book_has_arrived_one_waits(database_url: str) -> None:
    """409 with Retry-After, as for a purchase; no item is thrown away."""
    async with open_shop(database_url, books=0) as shop:
        answers = [
            await shop.call("PUT", "/cart/items/1", {"quantity": 1}),
            await shop.call("POST", "/cart/merge", {"items": [{"book_id": 1, "quantity": 1}]}),
            await add(shop, 1, 1),
        ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (409, "book-not-ready")
    }
    assert {each.headers["retry-after"] for each in answers} == {"2"}


async def test_removing_can_be_repeated(shop: Shop) -> None:
    """204 also where there is nothing to remove."""
    await put(shop, 1)
    await put(shop, 2)
    removed = [await shop.call("DELETE", "/cart/items/1") for _ in range(2)]
    left = await quantities(shop)
    emptied = [await shop.call("DELETE", "/cart") for _ in range(2)]

    assert [(each.status_code, each.content) for each in removed + emptied] == [(204, b"")] * 4
    assert left == {2: 1}
    assert await quantities(shop) == {}


BAD_QUANTITIES: tuple[Any, ...] = (0, -1, 1001, 1.5, "1", True, None, [], 10**30)


@pytest.mark.parametrize("quantity", BAD_QUANTITIES, ids=repr)
async def test_a_quantity_is_between_1_and_1000(shop: Shop, quantity: Any) -> None:
    """In a line, in an addition and in a merge; the field is named."""
    item = {"book_id": 1, "quantity": quantity}
    line = await shop.call("PUT", "/cart/items/1", {"quantity": quantity})
    added = await shop.call("POST", "/cart/items", item)
    merged = await shop.call("POST", "/cart/merge", {"items": [item]})

    assert (line.status_code, added.status_code, merged.status_code) == (400, 400, 400)
    assert [each["field"] for each in line.json()["errors"]] == ["quantity"]
    assert [each["field"] for each in added.json()["errors"]] == ["quantity"]
    assert [each["field"] for each in merged.json()["errors"]] == ["items[0].quantity"]
    assert await quantities(shop) == {}


BAD_MERGES = {
    "no items": {},
    "items as an object": {"items": {}},
    "a book twice": {"items": [{"book_id": 1, "quantity": 1}, {"book_id": 1, "quantity": 2}]},
    "51 books": {"items": [{"book_id": n, "quantity": 1} for n in range(1, 52)]},
    "a book of no number": {"items": [{"book_id": "1", "quantity": 1}]},
    "a book 0": {"items": [{"book_id": 0, "quantity": 1}]},
    "an unknown member": {"items": [], "user_id": 8},
    "a price": {"items": [{"book_id": 1, "quantity": 1, "price": 1}]},
}


@pytest.mark.parametrize("name", BAD_MERGES)
async def test_merges_that_cannot_be(shop: Shop, name: str) -> None:
    """400, and the cart stays as it was."""
    await put(shop, 2)
    response = await shop.call("POST", "/cart/merge", BAD_MERGES[name])

    assert response.status_code == 400
    assert response.json()["detail"]
    assert await quantities(shop) == {2: 1}


async def test_a_merge_takes_the_larger_quantity_and_names_what_it_leaves(shop: Shop) -> None:
    """The answer is the cart afterwards; sent again, it changes nothing."""
    await put(shop, 1, 4)
    await put(shop, 2, 1)
    await shop.deliver(book_event(3, sequence=4, revision=2, kind="retired"))
    items = [{"book_id": n, "quantity": 3} for n in (1, 2, 3, 99)]
    answers = [await shop.call("POST", "/cart/merge", {"items": items}) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    merged = answers[0].json()
    assert {each["book_id"]: each["quantity"] for each in merged["items"]} == {1: 4, 2: 3}
    assert merged["total_minor"] == 7 * PRICE_MINOR
    assert merged["left_out"] == [
        {"book_id": 3, "reason": "book-retired"},
        {"book_id": 99, "reason": "book-not-found"},
    ]


async def test_merging_nothing_is_no_change(shop: Shop) -> None:
    """A user who signs in with an empty cart keeps the cart of their account."""
    await put(shop, 1, 4)
    merged = await shop.call("POST", "/cart/merge", {"items": []})

    assert merged.status_code == 200
    assert merged.json()["left_out"] == []
    assert await quantities(shop) == {1: 4}


async def test_fifty_books_fit_however_many_tabs_add_them(database_url: str) -> None:
    """The places that are left are not given twice; a full cart can still be changed."""
    books = MAX_LINES + 4
    async with open_shop(database_url, books=books) as shop:
        half = [{"book_id": n, "quantity": 1} for n in range(1, MAX_LINES - 1)]
        await shop.call("POST", "/cart/merge", {"items": half})
        rest = range(MAX_LINES - 1, books + 1)
        statuses = await asyncio.gather(*[put(shop, book_id) for book_id in rest])
        refused = await shop.call("PUT", f"/cart/items/{books}", {"quantity": 1})
        changed = await put(shop, 1, 9)
        held = await quantities(shop)

    assert sorted(statuses) == [201, 201, *[409] * (len(rest) - 2)]
    assert changed == 200
    assert len(held) == MAX_LINES
    if books not in held:
        assert refused.json()["code"] == "cart-full"


async def test_two_tabs_and_a_merge_lose_no_book(shop: Shop) -> None:
    """Whatever the order, the larger of the merge and the last set quantity is there."""
    items = [{"book_id": n, "quantity": 2} for n in (1, 2)]
    await asyncio.gather(
        put(shop, 1, 5),
        put(shop, 3, 1),
        shop.call("POST", "/cart/merge", {"items": items}),
        put(shop, 1, 5),
        shop.call("POST", "/cart/merge", {"items": items}),
    )

    assert await quantities(shop) == {1: 5, 2: 2, 3: 1}


@pytest.mark.parametrize(("limit", "most"), [("7", 7), ("0", MAX_QUANTITY), ("5000", MAX_QUANTITY)])
async def test_a_cart_says_how_many_copies_one_order_can_have(
    database_url: str, limit: str, most: int
) -> None:
    """As many as the shop lets a customer hold unpaid, and that many can be ordered."""
    async with open_shop(database_url, MAX_UNPAID_COPIES=limit) as shop:
        await shop.deliver(book_event(9, sequence=4, initial_stock=2 * MAX_QUANTITY))
        await put(shop, 9, most)
        said = (await shop.call("GET", "/cart")).json()["items"][0]["max_quantity"]
        placed = await shop.call("POST", "/purchase", {"from_cart": True})

    assert said == most
    assert placed.status_code == 201, placed.text


@pytest.mark.parametrize(
    ("unpaid", "left"), [((), 5), ((2,), 3), ((2, 1), 2), ((5,), 0), ((3, 2), 0)]
)
async def test_a_cart_counts_the_unpaid_copies_of_its_owner(
    database_url: str, unpaid: tuple[int, ...], left: int
) -> None:
    """So many and no more can be ordered. Another customer's copies do not count, nor other books'.

    Too many copies are in no sum of what can be bought.
    """
    async with open_shop(database_url, MAX_UNPAID_COPIES="5") as shop:
        await shop.deliver(book_event(9, sequence=4, initial_stock=100))
        for copies in unpaid:
            await shop.buy(9, copies)
        await shop.buy(2, 4)
        await shop.buy(9, 3, user=OTHER)
        await put(shop, 9, left + 1)
        beyond = (await shop.call("GET", "/cart")).json()
        refused = await shop.call("POST", "/purchase", {"from_cart": True})
        await put(shop, 9, max(left, 1))
        fits = (await shop.call("GET", "/cart")).json()
        placed = await shop.call("POST", "/purchase", {"from_cart": True})

    (item,) = beyond["items"]
    assert (item["max_quantity"], item["unpaid_quantity"]) == (left, sum(unpaid))
    assert (item["in_stock"], item["available"]) == (False, 100 - sum(unpaid) - 3)
    assert (beyond["quantity"], beyond["total_minor"]) == (0, 0)
    assert refused.json()["code"] == "too-many-reserved-copies"
    assert fits["items"][0]["in_stock"] == bool(left)
    assert placed.status_code == (201 if left else 409), placed.text


async def test_a_cart_counts_what_a_purchase_of_it_would_count(database_url: str) -> None:
    """Not what is paid or overdue; an overdue purchase with an open payment does count."""

    async def shown(shop: Shop) -> tuple[int, int, int]:
        cart = (await shop.call("GET", "/cart")).json()
        (item,) = cart["items"]
        return cart["unpaid_purchases"], item["unpaid_quantity"], item["max_quantity"]

    async with open_shop(database_url, MAX_UNPAID_COPIES="5") as shop:
        await shop.deliver(book_event(9, sequence=4, initial_stock=100))
        await put(shop, 9, 1)
        paid, open_payment = await shop.buy(9, 1), await shop.buy(9, 2)
        await shop.buy(9, 1)
        counted = [await shown(shop)]
        await shop.pay(paid)
        counted.append(await shown(shop))
        await shop.pay(open_payment, "tok_pending")
        shop.clock.advance(minutes=15)
        counted.append(await shown(shop))
        await put(shop, 9, 3)
        placed = await shop.call("POST", "/purchase", {"from_cart": True})

    assert counted == [(3, 4, 1), (2, 3, 2), (1, 2, 3)]
    assert placed.status_code == 201, placed.text


@pytest.mark.parametrize(
    ("limit", "most", "status"), [("2", 2, 409), ("3", 3, 201), ("0", None, 201)]
)
async def test_a_cart_says_whether_another_purchase_can_be_placed(
    database_url: str, limit: str, most: int | None, status: int
) -> None:
    """By the caller's unpaid purchases and the most that there can be; null where none is set."""
    async with open_shop(database_url, MAX_UNPAID_PURCHASES=limit) as shop:
        for book_id in (1, 2):
            await shop.buy(book_id)
        await put(shop, 3)
        cart = (await shop.call("GET", "/cart")).json()
        placed = await shop.call("POST", "/purchase", {"from_cart": True})

    assert (cart["unpaid_purchases"], cart["max_unpaid_purchases"]) == (2, most)
    assert placed.status_code == status, placed.text


@pytest.mark.parametrize(("beyond", "status"), [(0, 201), (1, 409)])
async def test_one_order_has_at_most_the_total_that_the_cart_says(
    shop: Shop, beyond: int, status: int
) -> None:
    """A minor unit more is refused, with the limit; nothing is reserved then."""
    half = MAX_TOTAL_MINOR // 2
    await shop.deliver(book_event(8, sequence=4, price_minor=half))
    await shop.deliver(book_event(9, sequence=5, price_minor=half + beyond))
    for book_id in (8, 9):
        await put(shop, book_id)
    cart = (await shop.call("GET", "/cart")).json()
    placed = await shop.call("POST", "/purchase", {"from_cart": True})

    assert cart["total_minor"] == cart["max_total_minor"] + beyond
    assert placed.status_code == status, placed.text
    if beyond:
        assert (placed.json()["code"], placed.json()["limit_minor"]) == (
            "order-too-large",
            cart["max_total_minor"],
        )
        assert await shop.stock_of(9) == (STOCK, 0, STOCK)

import asyncio
from typing import Any

import pytest

from tests.purchase.shop import (
    BUYER,
    OTHER,
    STAFF,
    STOCK,
    Shop,
    book_event,
    open_shop,
)


async def test_curl_without_a_content_type_buys(shop: Shop) -> None:
    """`curl -d '{...}'` labels its body as a form; it is read as JSON."""
    response = await shop.client.post(
        "/purchase",
        content='{"book_id": 3, "quantity": 2}',
        headers={**shop.caller(), "content-type": "application/x-www-form-urlencoded"},
    )

    assert response.status_code == 201
    answer = response.json()
    assert answer["message"] == "Compra creada"
    assert answer["remaining_stock"] == STOCK - 2
    assert answer["status"] == "Pending Payment"
    assert '"total_price":39.80,' in response.text


async def test_a_purchase_reserves_copies_and_publishes_it(shop: Shop) -> None:
    """State, timeline and both events are written in one transaction."""
    purchase_id = await shop.buy(2, 3)

    assert await shop.stock_of(2) == (STOCK, 3, STOCK - 3)
    detail = (await shop.call("GET", f"/purchase/{purchase_id}")).json()
    assert [entry["status"] for entry in detail["timeline"]] == ["Pending Payment"]
    assert detail["expires_at"] == "2026-03-14T09:41:53.589793Z"
    (placed,) = await shop.published("orders")
    assert placed["type"] == "bookstore.purchase.placed.v1"
    assert placed["subject"] == f"purchase/{purchase_id}"
    last = (await shop.published("inventory"))[-1]
    assert last["data"]["available"] == STOCK - 3


async def test_the_time_to_pay_is_a_setting(database_url: str) -> None:
    """After thirty seconds, as `nox -s dev -- --fast-clock` sets, the copies are available."""
    async with open_shop(database_url, TIME_TO_PAY_SECONDS="30") as shop:
        purchase_id = await shop.buy(2, 3)
        detail = (await shop.call("GET", f"/purchase/{purchase_id}")).json()

    assert detail["expires_at"] == "2026-03-14T09:27:23.589793Z"


async def test_several_books_are_sold_together_or_not_at_all(shop: Shop) -> None:
    """One line without stock refuses the whole purchase."""
    items = [{"book_id": 3, "quantity": 1}, {"book_id": 1, "quantity": STOCK + 1}]
    refused = await shop.call("POST", "/purchase", {"items": items})

    assert refused.status_code == 409
    assert refused.json()["stock_actual"] == STOCK
    assert await shop.stock_of(3) == (STOCK, 0, STOCK)

    items = [{"book_id": 3, "quantity": 1}, {"book_id": 1, "quantity": 2}]
    taken = await shop.call("POST", "/purchase", {"items": items})

    assert taken.status_code == 201
    shown = (await shop.call("GET", f"/purchase/{taken.json()['purchase_id']}")).json()
    assert (shown["book_id"], shown["book_name"], shown["quantity"]) == (None, None, 3)
    assert taken.json()["total_price"] == 59.7
    assert [item["book_id"] for item in taken.json()["items"]] == [1, 3]


async def test_of_two_buyers_of_the_last_copy_one_gets_it(shop: Shop) -> None:
    """One gets it; the refusal of the other has the number of copies left."""
    await shop.deliver(book_event(9, sequence=9, initial_stock=1))
    answers = await asyncio.gather(
        *[
            shop.call("POST", "/purchase", {"book_id": 9, "quantity": 1}, user=user)
            for user in (BUYER, OTHER)
        ]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "insufficient-stock"
    assert refused.json()["stock_actual"] == 0
    assert await shop.stock_of(9) == (1, 1, 0)


async def test_many_buyers_never_buy_more_than_there_is(shop: Shop) -> None:
    """Forty concurrent purchases of ten copies sell ten; the original sold 103."""
    await shop.deliver(book_event(9, sequence=9, initial_stock=10))
    answers = await asyncio.gather(
        *[shop.call("POST", "/purchase", {"book_id": 9, "quantity": 1}) for _ in range(40)]
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * 30
    assert await shop.stock_of(9) == (10, 10, 0)


async def test_a_key_makes_a_retry_safe(shop: Shop) -> None:
    """Twenty concurrent requests under one key make one purchase and get the same bytes."""
    body = {"book_id": 1, "quantity": 1}
    answers = await asyncio.gather(
        *[shop.call("POST", "/purchase", body, key="once") for _ in range(20)]
    )

    assert {(answer.status_code, answer.content) for answer in answers} == {
        (201, answers[0].content)
    }
    assert await shop.stock_of(1) == (STOCK, 1, STOCK - 1)


async def test_a_key_belongs_to_its_body_its_user_and_its_route(shop: Shop) -> None:
    """Another body under the key is refused; keys of other users are independent."""
    await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1}, key="k")
    other_body = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 2}, key="k")
    other_user = await shop.call(
        "POST", "/purchase", {"book_id": 1, "quantity": 2}, key="k", user=OTHER
    )

    assert other_body.status_code == 422
    assert other_body.json()["code"] == "idempotency-key-reused"
    assert other_user.status_code == 201


async def test_a_refusal_leaves_the_key_free(shop: Shop) -> None:
    """A refused request can be repeated under its key."""
    body = {"book_id": 1, "quantity": STOCK + 1}
    refused = await shop.call("POST", "/purchase", body, key="again")
    await shop.call(
        "POST", "/inventory/1/adjustments", {"delta": 1, "reason": "found"}, user=STAFF, key="a"
    )
    taken = await shop.call("POST", "/purchase", body, key="again")

    assert (refused.status_code, taken.status_code) == (409, 201)


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "with space", "tab\tkey"])
async def test_a_malformed_key_is_refused(shop: Shop, key: str) -> None:
    """It is not ignored."""
    response = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1}, key=key)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_another_price_than_the_expected_one_is_refused(shop: Shop) -> None:
    """Another price than the expected one is refused."""
    body = {"book_id": 1, "quantity": 1, "expected_unit_price": 18.5}
    response = await shop.call("POST", "/purchase", body)

    assert response.status_code == 409
    assert response.json()["code"] == "price-changed"
    assert response.json()["price_minor_actual"] == 1990


async def test_a_purchase_keeps_the_price_of_its_time(shop: Shop) -> None:
    """Later changes of the book do not change the purchase."""
    purchase_id = await shop.buy(1)
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="updated", price_minor=5))
    detail = (await shop.call("GET", f"/purchase/{purchase_id}")).json()

    assert detail["total_price_minor"] == 1990


async def test_a_retired_book_is_not_sold(shop: Shop) -> None:
    """Earlier purchases of it are kept."""
    purchase_id = await shop.buy(1)
    await shop.deliver(book_event(1, sequence=4, revision=2, kind="retired"))
    response = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1})

    assert response.status_code == 409
    assert response.json()["code"] == "book-retired"
    assert await shop.status_of(purchase_id) == "Pending Payment"


async def test_before_any_book_is_known_the_refusal_is_temporary(database_url: str) -> None:
    """Before the first event of catalog the refusal is temporary, not 404."""
    async with open_shop(database_url, books=0) as empty:
        response = await empty.call("POST", "/purchase", {"book_id": 1, "quantity": 1})

    assert response.status_code == 409
    assert response.json()["code"] == "book-not-ready"
    assert response.headers["retry-after"] == "2"


async def test_a_chosen_provider_adds_its_fee(shop: Shop) -> None:
    """The total includes the fee, and the payment must be the total."""
    await shop.call("POST", "/providers", {"name": "Envia", "contact": "x", "fee": 20}, user=STAFF)
    body = {"book_id": 1, "quantity": 1, "provider_id": 1}
    response = await shop.call("POST", "/purchase", body)
    unknown = await shop.call("POST", "/purchase", {**body, "provider_id": 99})

    assert response.json()["total_price_minor"] == 1990 + 2000
    assert unknown.status_code == 404


async def test_buyers_see_their_own_purchases_and_staff_all(shop: Shop) -> None:
    """Newest first, in pages with a `Link` header."""
    mine = [await shop.buy(1), await shop.buy(2)]
    theirs = await shop.buy(3, user=OTHER)

    own = (await shop.call("GET", "/purchases")).json()
    everybodys = (await shop.call("GET", "/purchases", user=STAFF)).json()
    one_users = (await shop.call("GET", f"/purchases?user_id={OTHER}", user=STAFF)).json()
    peeking = (await shop.call("GET", f"/purchases?user_id={OTHER}")).json()

    assert [each["id"] for each in own] == mine[::-1]
    assert [each["id"] for each in everybodys] == [theirs, *mine[::-1]]
    assert [each["id"] for each in one_users] == [theirs]
    assert [each["id"] for each in peeking] == mine[::-1]


async def test_pages_list_every_purchase_once(shop: Shop) -> None:
    """Also while purchases are added."""
    made = [await shop.buy(1) for _ in range(5)]
    first = await shop.call("GET", "/purchases?limit=2")
    await shop.buy(2)
    seen = [each["id"] for each in first.json()]
    link = first.headers.get("link")
    while link is not None:
        page = await shop.call("GET", link.partition(">")[0].lstrip("<"))
        seen += [each["id"] for each in page.json()]
        link = page.headers.get("link")

    assert seen == made[::-1]


async def test_purchases_are_filtered_by_status(shop: Shop) -> None:
    """The filter has the labels of responses."""
    kept, given_up = await shop.buy(1), await shop.buy(1)
    await shop.call("DELETE", f"/purchase/{given_up}")

    waiting = (await shop.call("GET", "/purchases?status=Pending%20Payment")).json()
    wrong = await shop.call("GET", "/purchases?status=Bought")

    assert [each["id"] for each in waiting] == [kept]
    assert wrong.status_code == 400


async def test_a_purchase_of_another_is_not_found(shop: Shop) -> None:
    """404 rather than 403, so that its existence is not revealed."""
    purchase_id = await shop.buy(1)
    looked = await shop.call("GET", f"/purchase/{purchase_id}", user=OTHER)
    cancelled = await shop.call("DELETE", f"/purchase/{purchase_id}", user=OTHER)
    paid = await shop.call(
        "POST", "/payment", {"purchase_id": purchase_id, "payment_method": "cash"}, user=OTHER
    )

    assert [each.status_code for each in (looked, cancelled, paid)] == [404, 404, 404]
    assert await shop.status_of(purchase_id) == "Pending Payment"


async def test_created_resources_have_a_location(shop: Shop) -> None:
    """Every 201 and its replay have `Location`."""
    answers = []
    for _ in range(2):
        body: dict[str, Any] = {"book_id": 1, "quantity": 1}
        answers.append(await shop.call("POST", "/purchase", body, key="buy"))
        purchase_id = answers[-1].json()["purchase_id"]
        body = {"purchase_id": purchase_id, "payment_method": "cash"}
        answers.append(await shop.call("POST", "/payment", body, key="pay"))
    body = {"name": "DHL", "contact": "x"}
    answers.append(await shop.call("POST", "/providers", body, user=STAFF))
    body = {"purchase_id": purchase_id, "provider_id": answers[-1].json()["provider_id"]}
    answers.append(await shop.call("POST", "/assignments", body, user=STAFF))
    body = {"delta": 1, "reason": "found"}
    answers.append(
        await shop.call("POST", "/inventory/1/adjustments", body, user=STAFF, key="more")
    )
    found = [await shop.call("GET", each.headers["location"], user=STAFF) for each in answers]

    assert {each.status_code for each in answers} == {201}
    assert {each.status_code for each in found} == {200}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/books"), ("PUT", "/books/3"), ("PATCH", "/books/3"), ("DELETE", "/books/3")],
)
async def test_writes_of_books_redirect_to_catalog(shop: Shop, method: str, path: str) -> None:
    """The original's routes are answered 308 with the address in the body too."""
    answer = await shop.call(method, path, {"title": "x"}, user=STAFF)

    assert answer.status_code == 308
    assert answer.headers["location"] == f"http://127.0.0.1:5001{path}"
    assert f"http://127.0.0.1:5001{path}" in answer.json()["detail"]


async def test_reads_of_books_redirect_to_catalog(shop: Shop) -> None:
    """The original's routes are redirected, with their query."""
    listing = await shop.client.get("/books?q=quijote")
    one = await shop.client.get("/books/3")

    assert (listing.status_code, one.status_code) == (308, 308)
    assert listing.headers["location"] == "http://127.0.0.1:5001/books?q=quijote"
    assert one.headers["location"] == "http://127.0.0.1:5001/books/3"

"""What `GET /purchase/{id}` says of a purchase as a whole: moves, payments, deliveries, who."""

import secrets
from typing import Any

from tests.purchase.shop import BUYER, STAFF, Shop


async def read(shop: Shop, purchase_id: int, user: int = STAFF) -> dict[str, Any]:
    response = await shop.call("GET", f"/purchase/{purchase_id}", user=user)
    found: dict[str, Any] = response.json()
    return found


async def do(shop: Shop, move: str, details: dict[str, Any]) -> int:
    """The status of a request that makes the move."""
    purchase_id = details["id"]
    deliveries, payments = details["deliveries"], details["payments"]
    match move:
        case "pay":
            body: dict[str, Any] = {"purchase_id": purchase_id, "payment_method": "tok_success"}
            response = await shop.call("POST", "/payment", body, user=STAFF)
        case "cancel":
            response = await shop.call("DELETE", f"/purchase/{purchase_id}", user=STAFF)
        case "assign":
            body = {"purchase_id": purchase_id, "provider_id": 1}
            response = await shop.call("POST", "/assignments", body, user=STAFF)
        case "refund":
            path = f"/payments/{payments[-1]['id'] if payments else 99}/refunds"
            response = await shop.call("POST", path, {}, user=STAFF, key=secrets.token_hex(8))
        case _:
            path = f"/assignments/{deliveries[-1]['id'] if deliveries else 99}"
            response = await shop.call("PATCH", path, {"status": move}, user=STAFF)
    return response.status_code


MOVES = ["pay", "cancel", "assign", "in_transit", "delivered", "failed", "refund"]
HISTORIES = [
    [],
    ["cancel"],
    ["expire"],
    ["pay"],
    ["pay", "refund"],
    ["pay", "assign"],
    ["pay", "assign", "in_transit"],
    ["pay", "assign", "failed"],
    ["pay", "assign", "failed", "assign"],
    ["pay", "assign", "in_transit", "delivered"],
    ["pay", "assign", "delivered", "refund"],
]


async def live(shop: Shop, history: list[str]) -> int:
    """A purchase that has gone through a history."""
    await shop.call("POST", "/providers", {"name": "DHL", "contact": "x"}, user=STAFF)
    purchase_id = await shop.buy(1)
    for move in history:
        if move == "expire":
            shop.clock.advance(hours=1)
            await shop.expire()
        else:
            assert await do(shop, move, await read(shop, purchase_id)) in {200, 201}
    return purchase_id


async def test_exactly_the_listed_moves_are_possible(shop: Shop) -> None:
    """From every state, each listed move is made and each other one is refused."""
    await shop.call("POST", "/inventory/1/adjustments", {"delta": 500, "reason": "delivery"},
                    user=STAFF, key="more")  # fmt: skip
    for history in HISTORIES:
        listed = (await read(shop, await live(shop, history)))["moves"]
        made = []
        for move in MOVES:
            purchase_id = await live(shop, history)
            status = await do(shop, move, await read(shop, purchase_id))
            # Cancelling twice is no error, and changes nothing.
            if status in {200, 201} and not (move == "cancel" and history == ["cancel"]):
                made.append(move)
            else:
                assert status in {200, 404, 409}

            await shop.expire()
            await shop.call("DELETE", f"/purchase/{purchase_id}", user=STAFF)

        assert (history, listed) == (history, made)


async def test_customers_see_the_moves_that_are_theirs(shop: Shop) -> None:
    """Pay and cancel, as long as the purchase waits for its payment."""
    purchase_id = await shop.buy(1)
    before = (await read(shop, purchase_id, BUYER))["moves"]
    await shop.pay(purchase_id)
    after = (await read(shop, purchase_id, BUYER))["moves"]

    assert (before, after) == (["pay", "cancel"], [])


async def test_an_open_payment_leaves_no_move(shop: Shop) -> None:
    """Until the provider has answered, neither cancelling nor another payment is possible."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")

    assert (await read(shop, purchase_id))["moves"] == []


async def test_a_purchase_has_its_payments_refunds_and_deliveries(shop: Shop) -> None:
    """Each with its timeline or its refunds; staff reads who did it, and the buyer does not."""
    purchase_id = await live(shop, ["pay", "assign", "in_transit", "failed"])
    payment_id = (await read(shop, purchase_id))["payments"][0]["id"]
    body = {"amount": 5, "reason": "torn cover"}
    await shop.call("POST", f"/payments/{payment_id}/refunds", body, user=STAFF, key="torn")
    to_staff, to_buyer = await read(shop, purchase_id), await read(shop, purchase_id, BUYER)
    (payment,), (delivery,) = to_staff["payments"], to_staff["deliveries"]

    assert (payment["refunded"], payment["refundable"]) == (5, 14.9)
    assert [(each["amount"], each["reason"], each["status"]) for each in payment["refunds"]] == [
        (5, "torn cover", "Paid")
    ]
    assert (delivery["provider_name"], delivery["status"]) == ("DHL", "Failed")
    assert [each["status"] for each in delivery["timeline"]] == [
        "Assigned",
        "In Transit",
        "Failed",
    ]
    assert [(each["status"], each["by"]) for each in to_buyer["timeline"]] == [
        ("Pending Payment", "customer"),
        ("Paid", "staff"),
        ("On Delivery", "staff"),
        ("Paid", "staff"),
    ]
    assert {
        *(each["user_id"] for each in delivery["timeline"]),
        *(each["requested_by"] for each in payment["refunds"]),
    } == {STAFF}
    assert {
        *(each["user_id"] for each in to_buyer["timeline"]),
        *(each["user_id"] for each in to_buyer["deliveries"][0]["timeline"]),
        *(each["requested_by"] for each in to_buyer["payments"][0]["refunds"]),
    } == {None}


async def test_a_delivery_of_an_older_release_has_its_first_and_last_status(shop: Shop) -> None:
    """That release wrote no entries."""
    purchase_id = await live(shop, ["pay", "assign", "in_transit"])
    await shop.query("DELETE FROM assignment_timeline")
    (delivery,) = (await read(shop, purchase_id))["deliveries"]

    assert [each["status"] for each in delivery["timeline"]] == ["Assigned", "In Transit"]


async def test_lists_say_whom_a_purchase_is_sent_to(shop: Shop) -> None:
    """From the copy of the address; null where there is none."""
    address = {"recipient": "Ana", "lines": ["Calle 1"], "city": "Luanda", "country": "AO"}
    await shop.call("POST", "/addresses", address)
    body = {"book_id": 1, "quantity": 1, "address_id": 1}
    sent = (await shop.call("POST", "/purchase", body)).json()["purchase_id"]
    unsent = await shop.buy(1)
    for purchase_id in (sent, unsent):
        await shop.pay(purchase_id)
        await shop.assign(purchase_id)
    found = {}
    for path in ("/purchases?sort=created", "/assignments?sort=created"):
        rows = (await shop.call("GET", path, user=STAFF)).json()
        found[path] = [(row["recipient"], row["city"], row["country"]) for row in rows]

    assert found == {path: [("Ana", "Luanda", "AO"), (None, None, None)] for path in found}

import asyncio

import pytest

from tests.purchase.shop import OTHER, STAFF, STOCK, Shop


async def test_a_delivery_takes_a_paid_purchase_to_its_buyer(shop: Shop) -> None:
    """Assigned, in transit, delivered; the copies are fulfilled with the last one."""
    purchase_id = await shop.buy(1, 2)
    await shop.pay(purchase_id)
    assignment_id = await shop.assign(purchase_id)
    on_the_way = await shop.status_of(purchase_id)
    path = f"/assignments/{assignment_id}"
    updated = await shop.call("PATCH", path, {"status": "in_transit"}, user=STAFF)
    arrived = await shop.call("PATCH", path, {"status": "delivered"}, user=STAFF)

    assert on_the_way == "On Delivery"
    assert (updated.json()["status"], updated.json()["purchase_status"]) == (
        "In Transit",
        "On Delivery",
    )
    assert arrived.json()["purchase_status"] == "Delivered"
    assert await shop.stock_of(1) == (STOCK - 2, 0, STOCK - 2)


async def test_a_failed_delivery_can_be_assigned_again(shop: Shop) -> None:
    """The purchase is paid again, and its copies stay reserved."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    first = await shop.assign(purchase_id)
    await shop.call("PATCH", f"/assignments/{first}", {"status": "failed"}, user=STAFF)
    status = await shop.status_of(purchase_id)
    second = await shop.assign(purchase_id)
    stale = await shop.call("PATCH", f"/assignments/{first}", {"status": "delivered"}, user=STAFF)

    assert status == "Paid"
    assert second != first
    assert stale.status_code == 409
    assert await shop.stock_of(1) == (STOCK, 1, STOCK - 1)


async def test_staff_may_end_a_delivery_on_the_purchase(shop: Shop) -> None:
    """`PUT /purchase` ends the delivery in progress too."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    assignment_id = await shop.assign(purchase_id)
    changed = await shop.call(
        "PUT", f"/purchase/{purchase_id}", {"status": "Delivered"}, user=STAFF
    )
    delivery = (await shop.call("GET", f"/assignments/{assignment_id}", user=STAFF)).json()

    assert changed.json()["status"] == "Delivered"
    assert delivery["status"] == "Delivered"


async def test_only_paid_purchases_are_delivered_and_once(shop: Shop) -> None:
    """Each refusal has the status of the purchase."""
    purchase_id = await shop.buy(1)
    await shop.call("POST", "/providers", {"name": "DHL", "contact": "x"}, user=STAFF)
    body = {"purchase_id": purchase_id, "provider_id": 1}
    unpaid = await shop.call("POST", "/assignments", body, user=STAFF)
    await shop.pay(purchase_id)
    nobody = await shop.call("POST", "/assignments", {**body, "provider_id": 9}, user=STAFF)
    nothing = await shop.call("POST", "/assignments", {**body, "purchase_id": 9}, user=STAFF)
    taken = await shop.call("POST", "/assignments", body, user=STAFF)
    twice = await shop.call("POST", "/assignments", body, user=STAFF)

    assert [
        (each.status_code, each.json().get("code"))
        for each in (unpaid, nobody, nothing, taken, twice)
    ] == [
        (409, "not-paid"),
        (404, "provider-not-found"),
        (404, "purchase-not-found"),
        (201, None),
        (409, "already-assigned"),
    ]
    assert unpaid.json()["status_actual"] == "Pending Payment"


async def test_buyers_read_their_own_deliveries(shop: Shop) -> None:
    """Deliveries of others are answered 404."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    assignment_id = await shop.assign(purchase_id)
    own = (await shop.call("GET", "/assignments")).json()
    others = (await shop.call("GET", "/assignments", user=OTHER)).json()
    peek = await shop.call("GET", f"/assignments/{assignment_id}", user=OTHER)

    assert [each["id"] for each in own] == [assignment_id]
    assert others == []
    assert peek.status_code == 404


@pytest.mark.parametrize("status", ["assigned", "Assigned", "lost", ""])
async def test_another_status_of_a_delivery_is_refused(shop: Shop, status: str) -> None:
    """The refusal lists the valid statuses."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    assignment_id = await shop.assign(purchase_id)
    response = await shop.call(
        "PATCH", f"/assignments/{assignment_id}", {"status": status}, user=STAFF
    )

    assert response.status_code == 400


async def test_provider_names_are_unique(shop: Shop) -> None:
    """Names are unique, the list is public, and fees are exact."""
    body = {"name": "FedEx", "contact": "fedex@example.org", "coverage": ["mx", "US"], "fee": 45}
    first = await shop.call("POST", "/providers", body, user=STAFF)
    twice = await shop.call("POST", "/providers", body, user=STAFF)
    listed = await shop.call("GET", "/providers", user=None)

    assert first.status_code == 201
    assert first.json()["message"] == "Proveedor agregado"
    assert (twice.status_code, twice.json()["code"]) == (409, "provider-exists")
    assert listed.json() == [
        {
            "id": first.json()["provider_id"],
            "name": "FedEx",
            "contact": "fedex@example.org",
            "coverage": ["MX", "US"],
            "fee": 45.0,
            "fee_minor": 4500,
            "retired": False,
        }
    ]


async def test_a_retired_provider_gets_nothing_new(shop: Shop) -> None:
    """It is neither listed nor chosen; its deliveries continue, and staff can restore it."""
    body = {"name": "Envia", "contact": "x", "coverage": ["*", "CO"]}
    made = await shop.call("POST", "/providers", body, user=STAFF)
    path = made.headers["location"]
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    retired = await shop.call("DELETE", path, user=STAFF)
    listed = (await shop.call("GET", "/providers")).json()
    chosen = await shop.call("POST", "/purchase", {"book_id": 1, "quantity": 1, "provider_id": 1})
    given = {"purchase_id": purchase_id, "provider_id": 1}
    assigned = await shop.call("POST", "/assignments", given, user=STAFF)
    change = {"retired": False, "fee": 3.5, "name": "Envía"}
    back = await shop.call("PATCH", path, change, user=STAFF)
    shown = (await shop.call("GET", path)).json()
    again = await shop.call("POST", "/assignments", given, user=STAFF)

    assert [retired.status_code, listed] == [200, []]
    assert [each.json()["code"] for each in (chosen, assigned)] == ["provider-retired"] * 2
    assert (back.status_code, again.status_code) == (200, 201)
    assert (shown["name"], shown["coverage"], shown["fee"]) == ("Envía", ["*"], 3.5)


@pytest.mark.parametrize("coverage", [["XX"], ["Colombia"], ["c"], "CO", [1], ["CO", ""]])
async def test_coverage_is_a_list_of_countries(shop: Shop, coverage: object) -> None:
    """The refusal names the unknown codes."""
    body = {"name": "Envia", "contact": "x", "coverage": coverage}
    response = await shop.call("POST", "/providers", body, user=STAFF)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].startswith("coverage")


async def test_a_changed_provider_keeps_omitted_members(shop: Shop) -> None:
    """Omitted members are kept; unknown providers and taken names are refused."""
    for name in ("A", "B"):
        body = {"name": name, "contact": name, "fee": 1, "coverage": ["ES"]}
        await shop.call("POST", "/providers", body, user=STAFF)
    taken = await shop.call("PATCH", "/providers/2", {"name": "A"}, user=STAFF)
    nobody = await shop.call("PATCH", "/providers/9", {"name": "C"}, user=STAFF)
    nothing = await shop.call("PATCH", "/providers/2", {}, user=STAFF)
    await shop.call("PATCH", "/providers/2", {"contact": "new"}, user=STAFF)
    shown = (await shop.call("GET", "/providers/2")).json()

    assert (taken.status_code, taken.json()["code"]) == (409, "provider-exists")
    assert (nobody.status_code, nothing.status_code) == (404, 200)
    assert (shown["name"], shown["contact"], shown["coverage"]) == ("B", "new", ["ES"])


async def test_a_list_has_offered_retired_or_all_providers(shop: Shop) -> None:
    """Without `status` those that are offered; an unknown one is refused by name."""
    for name in ("A", "B"):
        await shop.call("POST", "/providers", {"name": name, "contact": name}, user=STAFF)
    await shop.call("DELETE", "/providers/1", user=STAFF)
    found = {
        query: [each["name"] for each in (await shop.call("GET", f"/providers{query}")).json()]
        for query in ("", "?status=offered", "?status=retired", "?status=all")
    }
    refused = await shop.call("GET", "/providers?status=gone")

    assert found == {
        "": ["B"],
        "?status=offered": ["B"],
        "?status=retired": ["A"],
        "?status=all": ["A", "B"],
    }
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "status"


async def test_a_provider_that_was_changed_meanwhile_is_not_changed(shop: Shop) -> None:
    """With `If-Match`; each answer has the tag of the present version."""
    await shop.call("POST", "/providers", {"name": "A", "contact": "x"}, user=STAFF)
    read = (await shop.call("GET", "/providers/1")).headers["etag"]
    first = await shop.call("PATCH", "/providers/1", {"fee": 3}, user=STAFF, if_match=read)
    late = await shop.call("PATCH", "/providers/1", {"fee": 4}, user=STAFF, if_match=read)
    tag = first.headers["etag"]
    again = await shop.call("PATCH", "/providers/1", {"fee": 5}, user=STAFF, if_match=tag)
    malformed = await shop.call("PATCH", "/providers/1", {"fee": 6}, user=STAFF, if_match="3")
    shown = await shop.call("GET", "/providers/1")

    assert [each.status_code for each in (first, late, again, malformed)] == [200, 412, 200, 400]
    assert late.json()["code"] == "precondition-failed"
    assert shown.json()["fee"] == 5
    assert shown.headers["etag"] == again.headers["etag"]


async def test_of_two_changes_of_one_version_one_is_made(shop: Shop) -> None:
    """At the same time."""
    await shop.call("POST", "/providers", {"name": "A", "contact": "x"}, user=STAFF)
    tag = (await shop.call("GET", "/providers/1")).headers["etag"]
    answers = await asyncio.gather(
        *(
            shop.call("PATCH", "/providers/1", {"fee": fee}, user=STAFF, if_match=tag)
            for fee in (1, 2, 3)
        )
    )

    assert sorted(each.status_code for each in answers) == [200, 412, 412]

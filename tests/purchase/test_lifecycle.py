from tests.purchase.shop import STAFF, STOCK, Shop


async def test_cancelling_a_purchase_releases_its_copies(shop: Shop) -> None:
    """The history is kept, and cancelling is idempotent."""
    purchase_id = await shop.buy(1, 2)
    first = await shop.call("DELETE", f"/purchase/{purchase_id}")
    second = await shop.call("DELETE", f"/purchase/{purchase_id}")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["message"] == "Compra eliminada"
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)
    detail = (await shop.call("GET", f"/purchase/{purchase_id}")).json()
    assert [entry["status"] for entry in detail["timeline"]] == ["Pending Payment", "Cancelled"]


async def test_an_unpaid_purchase_expires(shop: Shop) -> None:
    """After fifteen minutes its copies are available, and it cannot be paid."""
    purchase_id = await shop.buy(1, 2)
    shop.clock.advance(minutes=14, seconds=59)
    too_early = await shop.expire()
    shop.clock.advance(seconds=1)
    late = await shop.call(
        "POST", "/payment", {"purchase_id": purchase_id, "payment_method": "cash"}
    )
    in_time = await shop.expire()

    assert (too_early, in_time) == (0, 0)  # the refused payment has ended it
    assert late.status_code == 409
    assert late.json()["code"] == "purchase-expired"
    assert await shop.status_of(purchase_id) == "Expired"
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)


async def test_a_ping_runs_the_background_tasks(shop: Shop) -> None:
    """A PingSource's event runs the background tasks of a service that was scaled to zero."""
    purchase_id = await shop.buy(1)
    shop.clock.advance(minutes=16)
    answer = await shop.client.post(
        "/events",
        headers={
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "/apis/v1/namespaces/bookstore/pingsources/ping-purchase",
            "ce-type": "dev.knative.sources.ping",
            "content-type": "application/json",
        },
        content="{}",
    )
    while await shop.status_of(purchase_id) == "Pending Payment":
        pass

    assert (answer.status_code, answer.content) == (202, b"")
    assert await shop.status_of(purchase_id) == "Expired"


async def test_staff_sets_permitted_statuses_only(shop: Shop) -> None:
    """Statuses that need a payment or a provider are refused with the route."""
    purchase_id = await shop.buy(1)
    paid = await shop.call("PUT", f"/purchase/{purchase_id}", {"status": "Paid"}, user=STAFF)
    delivered = await shop.call(
        "PUT", f"/purchase/{purchase_id}", {"status": "Delivered"}, user=STAFF
    )
    cancelled = await shop.call(
        "PUT", f"/purchase/{purchase_id}", {"status": "Cancelled"}, user=STAFF
    )
    after = await shop.call("PUT", f"/purchase/{purchase_id}", {"status": "Paid"}, user=STAFF)

    assert [each.status_code for each in (paid, delivered, cancelled, after)] == [
        409,
        409,
        200,
        409,
    ]
    assert "POST /payment" in paid.json()["detail"]
    assert cancelled.json()["message"] == "Compra actualizada"


async def test_an_unknown_status_is_refused(shop: Shop) -> None:
    """Unlike in the original, which accepted any text."""
    purchase_id = await shop.buy(1)
    response = await shop.call(
        "PUT", f"/purchase/{purchase_id}", {"status": "Entregado"}, user=STAFF
    )

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "status"


async def test_a_paid_purchase_is_refunded_instead_of_cancelled(shop: Shop) -> None:
    """Cancelling it is refused with the route of refunds."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id)
    response = await shop.call("DELETE", f"/purchase/{purchase_id}")

    assert response.status_code == 409
    assert response.json()["status_actual"] == "Paid"


async def test_revisions_of_a_purchase_grow_with_each_of_its_events(shop: Shop) -> None:
    """Consumers order the events of a purchase by revision."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_success")
    assignment_id = await shop.assign(purchase_id)
    await shop.call("PATCH", f"/assignments/{assignment_id}", {"status": "delivered"}, user=STAFF)
    events = await shop.published("orders")

    assert [event["type"].removeprefix("bookstore.").removesuffix(".v1") for event in events] == [
        "purchase.placed",
        "payment.succeeded",
        "purchase.paid",
        "delivery.assigned",
        "delivery.updated",
    ]
    revisions = [int(event["revision"]) for event in events]
    assert revisions == sorted(set(revisions))
    assert [int(event["sequence"]) for event in events] == [1, 2, 3, 4, 5]

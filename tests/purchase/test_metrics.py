"""What purchase counts: money, refusals and changes of the stock, each once and when it is so."""

import asyncio

import pytest

from functions.purchase.commands import payments
from functions.purchase.metrics import ADJUSTMENTS, REFUNDED, REFUSED, REVENUE
from tests.purchase.shop import STAFF, Shop, book_event, counted


async def test_a_payment_counts_once(shop: Shop) -> None:
    """Also where its request is sent again, under its key or without one."""
    metrics = shop.app.state.services.metrics
    body = {"purchase_id": await shop.buy(1, 2), "payment_method": "tok_success"}
    answers = [await shop.call("POST", "/payment", body, key=key) for key in ("a", "a", "b")]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert counted(metrics, REVENUE, "USD") == counted(metrics, REVENUE) == 3980
    assert counted(metrics, REFUNDED) == 0


async def test_a_refund_counts_what_it_gives_back(shop: Shop) -> None:
    """Its amount, and not what was given back in all."""
    metrics = shop.app.state.services.metrics
    payment_id = await shop.pay(await shop.buy(1, 2))
    for number, amount in enumerate((5, 7.5)):
        path = f"/payments/{payment_id}/refunds"
        await shop.call("POST", path, {"amount": amount}, user=STAFF, key=str(number))
        await shop.call("POST", path, {"amount": amount}, user=STAFF, key=str(number))

    assert counted(metrics, REVENUE, "USD") == 3980
    assert counted(metrics, REFUNDED, "USD") == 1250


async def test_a_change_that_is_rolled_back_is_not_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The charge is counted when it is recorded after all."""
    metrics = shop.app.state.services.metrics
    purchase_id = await shop.buy(1)

    async def fail(*_: object) -> None:
        raise LookupError("the last write of the transaction")

    with monkeypatch.context() as broken:
        broken.setattr(payments, "_complete_key", fail)
        body = {"purchase_id": purchase_id, "payment_method": "tok_success"}
        failed = await shop.call("POST", "/payment", body, key="a")
    uncounted = counted(metrics, REVENUE)
    shop.clock.advance(minutes=1)
    await shop.reconcile()

    assert (failed.status_code, uncounted) == (500, 0)
    assert counted(metrics, REVENUE, "USD") == 1990


async def test_concurrent_requests_of_one_key_count_once(shop: Shop) -> None:
    """One of them charges."""
    metrics = shop.app.state.services.metrics
    body = {"purchase_id": await shop.buy(1), "payment_method": "tok_success"}
    await asyncio.gather(*[shop.call("POST", "/payment", body, key="a") for _ in range(5)])

    assert counted(metrics, REVENUE, "USD") == 1990


async def test_refusals_are_counted_by_their_code(shop: Shop) -> None:
    """Of placing and of paying; a malformed request is none."""
    metrics = shop.app.state.services.metrics
    purchase_id = await shop.buy(1)
    for path, body in (
        ("/purchase", {"book_id": 1, "quantity": 90}),
        ("/purchase", {"book_id": 99, "quantity": 1}),
        ("/purchase", {"book_id": "x"}),
        ("/payment", {"purchase_id": purchase_id, "payment_method": "tok_decline"}),
        ("/payment", {"purchase_id": purchase_id, "payment_method": "cash", "amount": 0.01}),
        ("/payment", {"purchase_id": 99, "payment_method": "cash"}),
    ):
        await shop.call("POST", path, body)
    found = {labels[0]: each.value for labels, each in metrics.add(REFUSED).series.items()}

    assert found == {
        "insufficient-stock": 1,
        "book-not-found": 1,
        "payment-declined": 1,
        "amount-mismatch": 1,
        "purchase-not-found": 1,
    }


async def test_a_refusal_that_is_sent_again_keeps_its_reason(shop: Shop) -> None:
    """Its requests have the code as `error.type`; it is counted as refused once."""
    metrics = shop.app.state.services.metrics
    body = {"purchase_id": await shop.buy(1), "payment_method": "tok_decline"}
    answers = [await shop.call("POST", "/payment", body, key="a") for _ in range(3)]
    refused = metrics.duration.labels("POST", "/payment", "402", "payment-declined")

    assert [answer.status_code for answer in answers] == [402, 402, 402]
    assert refused.count == 3
    assert counted(metrics, REFUSED, "payment-declined") == 1


async def test_adjustments_are_counted_by_their_kind(shop: Shop) -> None:
    """What people write as a reason is not a label."""
    metrics = shop.app.state.services.metrics
    await shop.deliver(book_event(7))
    for number, delta in enumerate((3, 2, -1, -900)):
        body = {"delta": delta, "reason": f"reason {number}"}
        for _ in range(2):
            await shop.call("POST", "/inventory/7/adjustments", body, user=STAFF, key=str(number))
    series = metrics.add(ADJUSTMENTS).series

    assert {labels[0]: each.value for labels, each in series.items()} == {
        "initial": 4,
        "addition": 2,
        "removal": 1,
    }

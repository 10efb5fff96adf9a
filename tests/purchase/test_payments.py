"""Money: taken once, recorded always, given back where it cannot pay."""

import asyncio
import hashlib

import msgspec
import pytest

from functions.kit.http.idempotency import Scope
from functions.purchase.commands.payments import ROUTE, begin_payment
from functions.purchase.commands.reconciliation import LedgerMonitor
from functions.purchase.domain.moves import NewPayment
from functions.purchase.payment_provider import Charge, Report
from tests.purchase.shop import BUYER, OTHER, STAFF, STOCK, Shop, book_event, open_shop


async def test_a_purchase_is_paid_in_full_once(shop: Shop) -> None:
    """A second payment is refused and takes no money."""
    purchase_id = await shop.buy(1, 2)
    body = {"purchase_id": purchase_id, "payment_method": "tok_success", "amount": 39.80}
    first = await shop.call("POST", "/payment", body)
    second = await shop.call("POST", "/payment", body)

    assert first.status_code == 201
    assert first.json()["message"] == "Pago registrado"
    assert first.json()["status"] == "Completed"
    assert (second.status_code, second.json()["code"]) == (409, "already-paid")
    assert await shop.kept_by_provider() == 3980
    assert await shop.status_of(purchase_id) == "Paid"


async def test_the_original_name_of_the_method_is_taken(shop: Shop) -> None:
    """Its document said `method`, its code read `payment_method`; both work here."""
    purchase_id = await shop.buy(1)
    response = await shop.call("POST", "/payment", {"purchase_id": purchase_id, "method": "cash"})
    (payment,) = (await shop.call("GET", "/payments")).json()

    assert response.status_code == 201
    assert payment["method"] == "cash"
    assert payment["status"] == "Completed"


@pytest.mark.parametrize("amount", [0.01, 19.89, 19.91, 0])
async def test_another_amount_than_the_total_is_refused(shop: Shop, amount: float) -> None:
    """In the original a payment of 0.01 made a purchase paid."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "cash", "amount": amount}
    response = await shop.call("POST", "/payment", body)

    assert response.status_code == 400
    assert response.json()["code"] == "amount-mismatch"
    assert await shop.status_of(purchase_id) == "Pending Payment"


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "card 5500-0000-0000-0004"]
)
async def test_card_numbers_stay_outside(shop: Shop, number: str) -> None:
    """Nothing of them is written anywhere."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": number}
    response = await shop.call("POST", "/payment", body)

    assert response.status_code == 400
    assert response.json()["code"] == "card-number-refused"
    assert number not in response.text
    assert (await shop.call("GET", "/payments")).json() == []


async def test_a_declined_payment_can_be_tried_again(shop: Shop) -> None:
    """It is kept as failed; the copies stay reserved."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_decline"}
    declined = await shop.call("POST", "/payment", body, key="try")
    await shop.pay(purchase_id)
    payments = (await shop.call("GET", "/payments")).json()

    assert declined.status_code == 402
    assert declined.json()["error"] == "Pago rechazado"
    assert [payment["status"] for payment in payments] == ["Completed", "Failed"]
    assert await shop.status_of(purchase_id) == "Paid"


async def test_an_unanswered_payment_is_found_out_later(shop: Shop) -> None:
    """The answer got lost, the money did not: the purchase becomes paid."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_late"}
    response = await shop.call("POST", "/payment", body, key="late")
    other = await shop.call(
        "POST", "/payment", {"purchase_id": purchase_id, "payment_method": "cash"}
    )
    shop.clock.advance(seconds=31)
    await shop.reconcile()

    assert (response.status_code, response.json()["status"]) == (202, "Processing")
    assert (other.status_code, other.json()["code"]) == (409, "payment-in-progress")
    assert await shop.status_of(purchase_id) == "Paid"
    assert await shop.kept_by_provider() == 1990


async def test_a_payment_that_never_reached_the_provider_fails(shop: Shop) -> None:
    """But not before the provider's own limit is over: it may still be on its way."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    shop.clock.advance(seconds=29)
    early = await shop.reconcile()
    shop.clock.advance(seconds=61)
    late = await shop.reconcile()
    (payment,) = (await shop.call("GET", "/payments")).json()

    assert (early, late) == (0, 1)
    assert payment["status"] == "Failed"
    assert await shop.status_of(purchase_id) == "Pending Payment"


async def test_an_open_payment_keeps_its_purchase_from_ending(shop: Shop) -> None:
    """It is neither cancelled nor expired until the provider has said what became of it."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_pending")
    cancelled = await shop.call("DELETE", f"/purchase/{purchase_id}")
    shop.clock.advance(minutes=16)
    expired = await shop.expire()
    await shop.reconcile()

    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "payment-in-progress")
    assert int(cancelled.headers["retry-after"]) >= 1
    assert expired == 0
    assert await shop.status_of(purchase_id) == "Paid"


async def test_money_that_comes_too_late_is_given_back(shop: Shop) -> None:
    """A charge that nobody believed in any more is recorded, and owed back at once."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    shop.clock.advance(minutes=16)
    await shop.reconcile()
    await shop.expire()
    (failed,) = (await shop.call("GET", "/payments")).json()
    reference = await shop.reference_of(failed["id"])
    await shop.provider.capture(reference, "tok_success", 1990, "USD")
    await shop.reconcile()
    (payment,) = (await shop.call("GET", "/payments")).json()
    (refund,) = (await shop.call("GET", f"/payments/{failed['id']}/refunds")).json()

    assert failed["status"] == "Failed"
    assert await shop.status_of(purchase_id) == "Expired"
    assert (payment["status"], payment["refunded"]) == ("Refunded", 19.9)
    assert (refund["status"], refund["amount"]) == ("Paid", 19.9)
    assert await shop.kept_by_provider() == 0


async def test_money_that_comes_late_pays_a_purchase_that_still_waits(shop: Shop) -> None:
    """The payment had failed, but the purchase can be paid by it."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    shop.clock.advance(minutes=2)
    await shop.reconcile()
    reference = await shop.reference_of(1)
    await shop.provider.capture(reference, "tok_success", 1990, "USD")
    await shop.reconcile()
    (payment,) = (await shop.call("GET", "/payments")).json()

    assert payment["status"] == "Completed"
    assert await shop.status_of(purchase_id) == "Paid"
    assert await shop.kept_by_provider() == 1990


async def test_a_charge_without_a_payment_is_kept_for_an_operator(shop: Shop) -> None:
    """It belongs to a purchase that was lost with a database, or to another shop."""
    await shop.provider.capture("nobody-knows-it", "tok_success", 500, "USD")
    first, second = await shop.reconcile(), await shop.reconcile()
    (row,) = await shop.query("SELECT * FROM unmatched_charges")

    assert (first, second) == (1, 0)
    assert (row["reference"], row["amount_minor"]) == ("nobody-knows-it", 500)


async def test_the_ledger_is_looked_at_also_by_a_clock_that_was_put_back(shop: Shop) -> None:
    """Every five minutes, and at once where the last look was in the future."""
    watch = LedgerMonitor(shop.provider, shop.app.state.services.outbox, shop.clock)
    found = []
    for number, minutes in enumerate((0, 1, 4, -600, 1, 600)):
        shop.clock.advance(minutes=minutes)
        await shop.provider.capture(f"unknown-{number}", "cash", 500, "USD")
        await watch.look(shop.database)
        found.append(len(await shop.query("SELECT reference FROM unmatched_charges")))

    assert found == [1, 1, 3, 4, 4, 6]


async def test_refunds_never_exceed_the_payment(shop: Shop) -> None:
    """In parts or whole; the last of it ends the purchase and frees its copies."""
    purchase_id = await shop.buy(1)
    payment_id = await shop.pay(purchase_id)
    path = f"/payments/{payment_id}/refunds"
    part = await shop.call("POST", path, {"amount": 5}, user=STAFF, key="part")
    replay = await shop.call("POST", path, {"amount": 5}, user=STAFF, key="part")
    too_much = await shop.call("POST", path, {"amount": 15}, user=STAFF, key="too-much")
    status_between = await shop.status_of(purchase_id)
    rest = await shop.call("POST", path, {}, user=STAFF, key="rest")
    nothing_left = await shop.call("POST", path, {}, user=STAFF, key="nothing")

    assert [each.status_code for each in (part, replay, too_much, rest, nothing_left)] == [
        201,
        201,
        409,
        201,
        409,
    ]
    assert replay.content == part.content
    assert too_much.json()["refundable_minor"] == 1490
    assert status_between == "Paid"
    assert await shop.status_of(purchase_id) == "Refunded"
    assert await shop.stock_of(1) == (STOCK, 0, STOCK)
    assert await shop.kept_by_provider() == 0


async def test_refunds_are_given_by_staff(shop: Shop) -> None:
    """Not by the buyer."""
    payment_id = await shop.pay(await shop.buy(1))
    response = await shop.call("POST", f"/payments/{payment_id}/refunds", {})

    assert response.status_code == 403


async def test_payments_are_seen_by_their_buyer_and_by_staff(shop: Shop) -> None:
    """The original showed everybody everything."""
    await shop.pay(await shop.buy(1))
    own = (await shop.call("GET", "/payments", user=BUYER)).json()
    others = (await shop.call("GET", "/payments", user=OTHER)).json()
    everybodys = (await shop.call("GET", "/payments", user=STAFF)).json()

    assert (len(own), len(others), len(everybodys)) == (1, 0, 1)


async def test_a_payment_is_idempotent_by_its_key(shop: Shop) -> None:
    """A retry after the answer got lost is answered as the first was."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_success"}
    first = await shop.call("POST", "/payment", body, key="pay")
    again = await shop.call("POST", "/payment", body, key="pay")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await shop.kept_by_provider() == 1990


@pytest.mark.parametrize(
    ("method", "before", "after"),
    [("tok_late", 202, 201), ("tok_timeout", 202, 402), ("tok_pending", 202, 201)],
)
async def test_a_key_is_answered_with_what_became_of_its_payment(
    shop: Shop, method: str, before: int, after: int
) -> None:
    """202 while the payment is open; once it is decided always the same bytes."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": method}
    first = await shop.call("POST", "/payment", body, key="k")
    shop.clock.advance(minutes=2)
    decided, again = [await shop.call("POST", "/payment", body, key="k") for _ in range(2)]
    other = await shop.call("POST", "/payment", {**body, "amount": 19.9}, key="k")
    payments = (await shop.call("GET", "/payments")).json()

    assert [each.status_code for each in (first, decided, again)] == [before, after, after]
    assert decided.content == again.content
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert len(payments) == 1


async def test_a_request_sent_again_goes_on_where_its_process_ended(shop: Shop) -> None:
    """The process ended before it asked the provider: the charge is sent then, once."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_success"}
    raw = msgspec.json.encode(body)
    scope = Scope(BUYER, ROUTE, "k", hashlib.sha256(raw).hexdigest())
    await begin_payment(
        shop.database,
        shop.provider,
        purchase_id,
        NewPayment("tok_success", None, BUYER, "k", "es"),
        scope=scope,
        staff=False,
        outbox=shop.app.state.services.outbox,
        clock=shop.clock,
    )
    early = await shop.call("POST", "/payment", body, key="k")
    shop.clock.advance(seconds=11)
    answers = [await shop.call("POST", "/payment", body, key="k") for _ in range(2)]

    assert (early.status_code, early.json()["code"]) == (409, "in-progress")
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert await shop.kept_by_provider() == 1990
    assert await shop.status_of(purchase_id) == "Paid"


async def test_reconciliation_finishes_the_key_too(shop: Shop) -> None:
    """Whoever learns the outcome writes the answer, in the language of the request."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_late"}
    await shop.call("POST", "/payment", body, key="k", accept_language="en")
    shop.clock.advance(seconds=31)
    await shop.reconcile()
    (key,) = await shop.query("SELECT status, body FROM idempotency_keys")
    answer = await shop.call("POST", "/payment", body, key="k")

    assert key["status"] == 201
    assert answer.content == key["body"].encode()
    assert answer.json()["message"] == "Payment recorded"
    assert answer.headers["idempotency-replayed"] == "true"


async def test_a_declined_payment_is_declined_again_under_its_key(shop: Shop) -> None:
    """Another try has another key."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_decline"}
    answers = [await shop.call("POST", "/payment", body, key="k") for _ in range(3)]

    assert [each.status_code for each in answers] == [402] * 3
    assert {each.content for each in answers} == {answers[0].content}
    assert {each.headers["content-type"] for each in answers} == {"application/problem+json"}


async def test_one_key_pays_one_purchase(shop: Shop) -> None:
    """Sent for two at once, it charges one of them, and the other request is refused."""
    first, second = await shop.buy(1), await shop.buy(2)
    answers = await asyncio.gather(
        *[
            shop.call(
                "POST", "/payment", {"purchase_id": each, "payment_method": "cash"}, key="one"
            )
            for each in (first, second)
        ]
    )

    assert sorted(each.status_code for each in answers) == [201, 422]
    assert await shop.kept_by_provider() == 1990


async def test_a_double_click_charges_once(shop: Shop) -> None:
    """Eight at once under one key: one is handled, the others wait or get its answer."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "cash"}
    answers = await asyncio.gather(
        *[shop.call("POST", "/payment", body, key="click") for _ in range(8)]
    )
    last = await shop.call("POST", "/payment", body, key="click")

    assert {(each.status_code, each.json().get("code")) for each in answers} <= {
        (201, None),
        (409, "in-progress"),
    }
    assert {each.content for each in answers if each.status_code == 201} == {last.content}
    assert all(each.headers["retry-after"] for each in answers if each.status_code == 409)
    assert await shop.kept_by_provider() == 1990


async def test_a_refusal_says_which_end_a_purchase_came_to(shop: Shop) -> None:
    """Cancelled is not expired, and refunded is not paid."""
    cancelled, expired, refunded = [await shop.buy(book_id) for book_id in (1, 2, 3)]
    await shop.call("DELETE", f"/purchase/{cancelled}")
    payment_id = await shop.pay(refunded)
    await shop.call("POST", f"/payments/{payment_id}/refunds", {}, user=STAFF, key="r")
    shop.clock.advance(minutes=16)
    codes = [
        (await shop.call("POST", "/payment", {"purchase_id": each, "method": "cash"})).json()[
            "code"
        ]
        for each in (cancelled, expired, refunded)
    ]

    assert codes == ["purchase-cancelled", "purchase-expired", "purchase-refunded"]
    assert await shop.stock_of(2) == (STOCK, 0, STOCK)


async def test_a_refund_needs_a_key(shop: Shop) -> None:
    """A sum that changes must not be sent twice by accident."""
    payment_id = await shop.pay(await shop.buy(1))
    response = await shop.call("POST", f"/payments/{payment_id}/refunds", {}, user=STAFF)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_refund_that_the_provider_refuses_stays_owed(shop: Shop) -> None:
    """The answer is not an error: the refund is recorded, and shown as what it is."""
    payment_id = await shop.pay(await shop.buy(1), "tok_refund_refused")
    path = f"/payments/{payment_id}/refunds"
    response = await shop.call("POST", path, {}, user=STAFF, key="r")
    (refund,) = (await shop.call("GET", path)).json()

    assert response.status_code == 201
    assert refund["status"] == "Refused"
    assert await shop.kept_by_provider() == 1990


async def test_a_free_purchase_ends_like_any_other(shop: Shop) -> None:
    """It can be cancelled, paid without a provider, delivered, and given back."""
    for book_id in (11, 12):
        await shop.tell(book_event(book_id, sequence=book_id, price_minor=0))
    given_up, kept = await shop.buy(11), await shop.buy(12)
    cancelled = await shop.call("DELETE", f"/purchase/{given_up}")
    paid = await shop.call("POST", "/payment", {"purchase_id": kept, "method": "cash"}, key="p")
    path = f"/payments/{paid.json()['payment_id']}/refunds"
    first = await shop.call("POST", path, {}, user=STAFF, key="r")
    second = await shop.call("POST", path, {}, user=STAFF, key="s")

    assert [each.status_code for each in (cancelled, paid, first, second)] == [200, 201, 201, 409]
    assert first.json()["refund_id"] is None
    assert await shop.status_of(kept) == "Refunded"
    assert await shop.stock_of(12) == (STOCK, 0, STOCK)
    assert [entry async for entry in shop.provider.entries()] == []


@pytest.mark.parametrize("copies", [1, 2])
async def test_a_webhook_says_what_the_answer_did_not(shop: Shop, copies: int) -> None:
    """Once or twice; its signature is checked."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    reference = await shop.reference_of(1)
    await shop.provider.capture(reference, "tok_success", 1990, "USD")
    headers, body = shop.provider.sign_webhook(Report(reference, Charge.CAPTURED), "m-1")
    for _ in range(copies):
        answer = await shop.client.post("/payment-webhooks", headers=headers, content=body)

        assert (answer.status_code, answer.content) == (202, b"")
    assert await shop.status_of(purchase_id) == "Paid"
    assert await shop.kept_by_provider() == 1990


async def test_a_webhook_that_nobody_signed_changes_nothing(shop: Shop) -> None:
    """Another body, another time, another secret, no header: each is refused."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    reference = await shop.reference_of(1)
    headers, body = shop.provider.sign_webhook(Report(reference, Charge.CAPTURED), "m-1")
    forged = [
        ({}, body),
        (headers, body.replace(b"captured", b"declined")),
        ({**headers, "webhook-id": "m-2"}, body),
        ({**headers, "webhook-timestamp": "1"}, body),
        ({**headers, "webhook-timestamp": "x" * 30}, body),
        ({**headers, "webhook-signature": "v1,\u00e9".encode("latin-1").decode("latin-1")}, body),
        ({**headers, "webhook-signature": ""}, body),
    ]
    for wrong, content in forged:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in wrong.items()]
        answer = await shop.client.post("/payment-webhooks", headers=sent, content=content)

        assert (answer.status_code, answer.json()["code"]) == (400, "bad-webhook")
    assert await shop.status_of(purchase_id) == "Pending Payment"


async def test_without_a_secret_nobodys_webhooks_are_read(database_url: str) -> None:
    """The route is not there."""
    async with open_shop(database_url, PAYMENT_WEBHOOK_SECRET="") as shop:
        answer = await shop.client.post("/payment-webhooks", content=b"{}")

    assert answer.status_code == 404


async def test_a_payment_and_its_refunds_are_their_buyers(shop: Shop) -> None:
    """Anothers are not there."""
    payment_id = await shop.pay(await shop.buy(1))
    paths = (f"/payments/{payment_id}", f"/payments/{payment_id}/refunds")
    own = [(await shop.call("GET", path)).status_code for path in paths]
    others = [(await shop.call("GET", path, user=OTHER)).status_code for path in paths]

    assert (own, others) == ([200, 200], [404, 404])

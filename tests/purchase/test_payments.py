"""Money: taken once, recorded always, given back where it cannot pay."""

import asyncio
import hashlib

import msgspec
import pytest

from functions.kit.data.idempotency_keys import Scope
from functions.purchase.commands.payments import ROUTE, begin_payment
from functions.purchase.commands.reconciliation import LedgerMonitor
from functions.purchase.domain.transitions import NewPayment
from functions.purchase.payment_provider import Charge, ChargeReport
from tests.purchase.shop import BUYER, OTHER, STAFF, STOCK, Shop, book_event, open_shop


async def test_a_purchase_is_paid_in_full_once(shop: Shop) -> None:
    """A second payment is refused and charges nothing."""
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


async def test_both_names_of_the_method_are_accepted(shop: Shop) -> None:
    """The original's document has `method` and its code `payment_method`; both are accepted."""
    purchase_id = await shop.buy(1)
    response = await shop.call("POST", "/payment", {"purchase_id": purchase_id, "method": "cash"})
    (payment,) = (await shop.call("GET", "/payments")).json()

    assert response.status_code == 201
    assert payment["method"] == "cash"
    assert payment["status"] == "Completed"


@pytest.mark.parametrize("amount", [0.01, 19.89, 19.91, 0])
async def test_another_amount_than_the_total_is_refused(shop: Shop, amount: float) -> None:
    """In the original a payment of 0.01 paid a purchase."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "cash", "amount": amount}
    response = await shop.call("POST", "/payment", body)

    assert response.status_code == 400
    assert response.json()["code"] == "amount-mismatch"
    assert await shop.status_of(purchase_id) == "Pending Payment"


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "card 5500-0000-0000-0004"]
)
async def test_card_numbers_are_refused(shop: Shop, number: str) -> None:
    """They are refused, and stored nowhere."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": number}
    response = await shop.call("POST", "/payment", body)

    assert response.status_code == 400
    assert response.json()["code"] == "card-number-refused"
    assert number not in response.text
    assert (await shop.call("GET", "/payments")).json() == []


async def test_a_declined_payment_can_be_tried_again(shop: Shop) -> None:
    """It is stored as failed, and the copies stay reserved."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_decline"}
    declined = await shop.call("POST", "/payment", body, key="try")
    await shop.pay(purchase_id)
    payments = (await shop.call("GET", "/payments")).json()

    assert declined.status_code == 402
    assert declined.json()["error"] == "Pago rechazado"
    assert [payment["status"] for payment in payments] == ["Completed", "Failed"]
    assert await shop.status_of(purchase_id) == "Paid"


async def test_an_unanswered_payment_is_reconciled(shop: Shop) -> None:
    """Reconciliation records the charge, and the purchase becomes paid."""
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
    """But only after the provider's time limit, since it may be on its way until then."""
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


async def test_an_open_payment_prevents_the_end_of_its_purchase(shop: Shop) -> None:
    """It is neither cancelled nor expired until the payment has an outcome."""
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


async def test_a_charge_that_comes_too_late_is_refunded(shop: Shop) -> None:
    """A charge after the end of the purchase is recorded and refunded at once."""
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


async def test_a_late_charge_pays_a_pending_purchase(shop: Shop) -> None:
    """A charge after the payment had failed pays a pending purchase."""
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
    """Its purchase was lost with a database, or belongs to another shop."""
    await shop.provider.capture("nobody-knows-it", "tok_success", 500, "USD")
    first, second = await shop.reconcile(), await shop.reconcile()
    (row,) = await shop.query("SELECT * FROM unmatched_charges")

    assert (first, second) == (1, 0)
    assert (row["reference"], row["amount_minor"]) == ("nobody-knows-it", 500)


async def test_the_ledger_is_read_after_the_clock_was_set_back(shop: Shop) -> None:
    """Every five minutes, and at once where the last read was in the future."""
    watch = LedgerMonitor(shop.provider, shop.app.state.services.outbox, shop.clock)
    found = []
    for number, minutes in enumerate((0, 1, 4, -600, 1, 600)):
        shop.clock.advance(minutes=minutes)
        await shop.provider.capture(f"unknown-{number}", "cash", 500, "USD")
        await watch.check(shop.database)
        found.append(len(await shop.query("SELECT reference FROM unmatched_charges")))

    assert found == [1, 1, 3, 4, 4, 6]


async def test_refunds_never_exceed_the_payment(shop: Shop) -> None:
    """In parts or in full; the last one ends the purchase and releases its copies."""
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


async def test_only_staff_may_refund(shop: Shop) -> None:
    """Buyers are answered 403."""
    payment_id = await shop.pay(await shop.buy(1))
    response = await shop.call("POST", f"/payments/{payment_id}/refunds", {})

    assert response.status_code == 403


async def test_payments_are_seen_by_their_buyer_and_by_staff(shop: Shop) -> None:
    """Other customers do not see them, unlike in the original."""
    await shop.pay(await shop.buy(1))
    own = (await shop.call("GET", "/payments", user=BUYER)).json()
    others = (await shop.call("GET", "/payments", user=OTHER)).json()
    everybodys = (await shop.call("GET", "/payments", user=STAFF)).json()

    assert (len(own), len(others), len(everybodys)) == (1, 0, 1)


async def test_a_payment_is_idempotent_by_its_key(shop: Shop) -> None:
    """A retry after a lost response gets the same response."""
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
async def test_a_key_gets_the_outcome_of_its_payment(
    shop: Shop, method: str, before: int, after: int
) -> None:
    """202 while the payment is open, then always the same bytes."""
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


async def test_a_repeated_request_resumes_its_payment(shop: Shop) -> None:
    """If the process ended before the call, the repeated request charges once."""
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


async def test_reconciliation_completes_the_key(shop: Shop) -> None:
    """The stored response has the language of the request."""
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
    """Another attempt needs another key."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_decline"}
    answers = [await shop.call("POST", "/payment", body, key="k") for _ in range(3)]

    assert [each.status_code for each in answers] == [402] * 3
    assert {each.content for each in answers} == {answers[0].content}
    assert {each.headers["content-type"] for each in answers} == {"application/problem+json"}


async def test_one_key_pays_one_purchase(shop: Shop) -> None:
    """Of two concurrent requests for different purchases one charges, the other is refused."""
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
    """Of eight concurrent requests under one key one charges; the others get its response."""
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


async def test_a_refusal_has_the_status_of_the_purchase(shop: Shop) -> None:
    """Cancelled, expired and refunded purchases have different codes."""
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


async def test_a_refund_requires_a_key(shop: Shop) -> None:
    """Without an `Idempotency-Key` it is refused, because it is not idempotent."""
    payment_id = await shop.pay(await shop.buy(1))
    response = await shop.call("POST", f"/payments/{payment_id}/refunds", {}, user=STAFF)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_a_refund_that_the_provider_refuses_stays_owed(shop: Shop) -> None:
    """The request succeeds, and the refund is shown as refused."""
    payment_id = await shop.pay(await shop.buy(1), "tok_refund_refused")
    path = f"/payments/{payment_id}/refunds"
    response = await shop.call("POST", path, {}, user=STAFF, key="r")
    (refund,) = (await shop.call("GET", path)).json()

    assert response.status_code == 201
    assert refund["status"] == "Refused"
    assert await shop.kept_by_provider() == 1990


async def test_a_free_purchase_ends_like_any_other(shop: Shop) -> None:
    """It can be cancelled, paid without a provider, delivered, and refunded."""
    for book_id in (11, 12):
        await shop.deliver(book_event(book_id, sequence=book_id, price_minor=0))
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
async def test_a_webhook_reports_the_outcome(shop: Shop, copies: int) -> None:
    """A signed report is recorded once, however often it is sent."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    reference = await shop.reference_of(1)
    await shop.provider.capture(reference, "tok_success", 1990, "USD")
    headers, body = shop.provider.sign_webhook(ChargeReport(reference, Charge.CAPTURED), "m-1")
    for _ in range(copies):
        answer = await shop.client.post("/payment-webhooks", headers=headers, content=body)

        assert (answer.status_code, answer.content) == (202, b"")
    assert await shop.status_of(purchase_id) == "Paid"
    assert await shop.kept_by_provider() == 1990


async def test_a_webhook_without_a_valid_signature_is_refused(shop: Shop) -> None:
    """Another body, time, secret or no header: each is refused."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    reference = await shop.reference_of(1)
    headers, body = shop.provider.sign_webhook(ChargeReport(reference, Charge.CAPTURED), "m-1")
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


async def test_without_a_secret_webhooks_are_refused(database_url: str) -> None:
    """The route is answered 404."""
    async with open_shop(database_url, PAYMENT_WEBHOOK_SECRET="") as shop:
        answer = await shop.client.post("/payment-webhooks", content=b"{}")

    assert answer.status_code == 404


async def test_a_payment_and_its_refunds_belong_to_the_buyer(shop: Shop) -> None:
    """Those of others are answered 404."""
    payment_id = await shop.pay(await shop.buy(1))
    paths = (f"/payments/{payment_id}", f"/payments/{payment_id}/refunds")
    own = [(await shop.call("GET", path)).status_code for path in paths]
    others = [(await shop.call("GET", path, user=OTHER)).status_code for path in paths]

    assert (own, others) == ([200, 200], [404, 404])

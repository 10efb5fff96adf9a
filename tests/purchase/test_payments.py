from collections.abc import AsyncIterator

import pytest

from functions.purchase.commands.lifecycle import expire_purchases
from functions.purchase.commands.payments import reconcile_payments, settle_refunds
from functions.purchase.payment_provider import Charge, ProviderUnreachable, SimulatedProvider
from tests.purchase.shop import BUYER, OTHER, STAFF, STOCK, Shop, open_shop


class CountingProvider(SimulatedProvider):
    """The simulated provider with a ledger, as a real one has: a reference counts once."""

    def __init__(self) -> None:
        self.captured: dict[str, int] = {}
        self.refunded: dict[str, int] = {}
        self.reachable = True

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        if method == "tok_late":
            self.captured[reference] = amount_minor
        charge = await super().capture(reference, method, amount_minor, currency)
        if charge is Charge.CAPTURED:
            self.captured[reference] = amount_minor
        return charge

    async def refund(self, reference: str, charge: str, amount_minor: int, currency: str) -> None:
        if not self.reachable:
            raise ProviderUnreachable
        self.refunded[reference] = amount_minor

    @property
    def kept(self) -> int:
        return sum(self.captured.values()) - sum(self.refunded.values())


@pytest.fixture
def provider() -> CountingProvider:
    return CountingProvider()


@pytest.fixture
async def shop(database_url: str, provider: CountingProvider) -> AsyncIterator[Shop]:
    async with open_shop(database_url, payment_provider=provider) as running:
        yield running


async def test_a_purchase_is_paid_in_full_once(shop: Shop, provider: CountingProvider) -> None:
    """A second payment is refused and takes no money."""
    purchase_id = await shop.buy(1, 2)
    body = {"purchase_id": purchase_id, "payment_method": "tok_success", "amount": 39.80}
    first = await shop.call("POST", "/payment", body)
    second = await shop.call("POST", "/payment", body)

    assert first.status_code == 201
    assert first.json()["message"] == "Pago registrado"
    assert first.json()["status"] == "Completed"
    assert (second.status_code, second.json()["code"]) == (409, "already-paid")
    assert provider.kept == 3980
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


async def test_an_unanswered_payment_is_found_out_later(
    shop: Shop, provider: CountingProvider
) -> None:
    """The answer got lost, the money did not: the purchase becomes paid."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_late"}
    response = await shop.call("POST", "/payment", body, key="late")
    other = await shop.call(
        "POST", "/payment", {"purchase_id": purchase_id, "payment_method": "cash"}
    )
    shop.clock.advance(seconds=31)
    await reconcile_payments(
        shop.database, provider, outbox=shop.app.state.outbox, now=shop.clock()
    )

    assert (response.status_code, response.json()["status"]) == (202, "Processing")
    assert (other.status_code, other.json()["code"]) == (409, "payment-in-progress")
    assert await shop.status_of(purchase_id) == "Paid"
    assert provider.kept == 1990


async def test_a_payment_that_never_reached_the_provider_fails(
    shop: Shop, provider: CountingProvider
) -> None:
    """But only after a while: it may still be on its way."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_timeout")
    outbox = shop.app.state.outbox
    shop.clock.advance(seconds=60)
    early = await reconcile_payments(shop.database, provider, outbox=outbox, now=shop.clock())
    shop.clock.advance(seconds=61)
    late = await reconcile_payments(shop.database, provider, outbox=outbox, now=shop.clock())
    (payment,) = (await shop.call("GET", "/payments")).json()

    assert (early, late) == (0, 1)
    assert payment["status"] == "Failed"
    assert await shop.status_of(purchase_id) == "Pending Payment"


async def test_money_that_comes_too_late_is_given_back(
    shop: Shop, provider: CountingProvider
) -> None:
    """A purchase is never both expired and paid."""
    purchase_id = await shop.buy(1)
    await shop.pay(purchase_id, "tok_late")
    shop.clock.advance(minutes=16)
    outbox = shop.app.state.outbox
    await expire_purchases(shop.database, outbox=outbox, now=shop.clock())
    await reconcile_payments(shop.database, provider, outbox=outbox, now=shop.clock())
    provider.reachable = False
    unreachable = await settle_refunds(shop.database, provider)
    provider.reachable = True
    settled = await settle_refunds(shop.database, provider)
    again = await settle_refunds(shop.database, provider)

    assert (unreachable, settled, again) == (0, 1, 0)
    assert await shop.status_of(purchase_id) == "Expired"
    assert provider.kept == 0
    (payment,) = (await shop.call("GET", "/payments")).json()
    assert (payment["status"], payment["refunded"]) == ("Refunded", 19.9)


async def test_refunds_never_exceed_the_payment(shop: Shop, provider: CountingProvider) -> None:
    """In parts or whole; the last of it ends the purchase and frees its copies."""
    purchase_id = await shop.buy(1)
    payment_id = await shop.pay(purchase_id)
    path = f"/payments/{payment_id}/refunds"
    part = await shop.call("POST", path, {"amount": 5}, user=STAFF, key="part")
    replay = await shop.call("POST", path, {"amount": 5}, user=STAFF, key="part")
    too_much = await shop.call("POST", path, {"amount": 15}, user=STAFF)
    status_between = await shop.status_of(purchase_id)
    rest = await shop.call("POST", path, {}, user=STAFF)
    nothing_left = await shop.call("POST", path, {}, user=STAFF)

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
    assert provider.kept == 0


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


async def test_a_payment_is_idempotent_by_its_key(shop: Shop, provider: CountingProvider) -> None:
    """A retry after the answer got lost is answered as the first was."""
    purchase_id = await shop.buy(1)
    body = {"purchase_id": purchase_id, "payment_method": "tok_success"}
    first = await shop.call("POST", "/payment", body, key="pay")
    again = await shop.call("POST", "/payment", body, key="pay")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert provider.kept == 1990

"""Money under faults: nothing is charged twice, nothing that was charged is unknown, or kept."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from functions.kit.base.clock import utc_now
from functions.kit.data.database import Database
from functions.purchase.domain.purchases import TIME_TO_PAY
from functions.purchase.payment_provider import Charge, ChargeReport
from functions.purchase.simulated_provider import SimulatedProvider
from tests.faults import audit
from tests.faults.buyers import PAUSE, side_by_side
from tests.faults.conftest import Sizes
from tests.faults.fault_injection import KILL, PAYMENT_POINTS, Point
from tests.faults.harness import LONGEST, Shop, steer
from tests.faults.payers import Payers, rows
from tests.faults.provider import DOWN, UP, WEBHOOK_SECRET

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHARGED = ("tok_success", "tok_slow", "tok_late", "tok_pending", "tok_glacial", "tok_broken")
UNCHARGED = ("tok_decline", "tok_timeout", "tok_hang")
METHODS = CHARGED + UNCHARGED


async def sound(shop: Shop, payers: Payers) -> None:
    """At the end of each test: answers, tables and the provider's ledger say the same."""
    wrong = await payers.breaches()
    await audit.agrees(shop)

    assert wrong + await audit.breaches(shop) == []
    assert await audit.audited(shop) == 0


def outcomes(payers: Payers) -> Counter[int]:
    return Counter(status for status, _ in payers.final.values())


async def test_a_key_charges_once(shop: Shop, sizes: Sizes, tell: Callable[..., None]) -> None:
    """Sent eight times at once, and at the same time for another purchase: that one is refused."""
    seed, rounds = 51, sizes.of(1, 20)
    payers = Payers(shop, "once", seed)
    keys = [(payers.key(), method) for method in METHODS for _ in range(rounds)]
    purchases = await payers.bought(2 * len(keys))
    sent = [
        payers.pay(purchase_id, method, key)
        for number, (key, method) in enumerate(keys)
        for purchase_id in [*[purchases[2 * number]] * 8, *[purchases[2 * number + 1]] * 2]
    ]
    payers.choose.shuffle(sent)
    await side_by_side(*sent)
    await sound(shop, payers)
    tell(seed=seed, keys=len(keys), answers=dict(outcomes(payers)), refusals=dict(payers.codes))

    # Which of the others are charged within the limit is the machine's affair.
    assert sum(outcomes(payers).values()) == len(keys)
    assert outcomes(payers)[402] >= len(UNCHARGED) * rounds
    assert payers.codes["idempotency-key-reused"] >= len(keys)


async def test_paying_and_giving_up_at_once(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Two payments under keys of their own, and two who give up: one of them has the purchase."""
    seed, rounds = 52, sizes.of(2, 30)
    payers = Payers(shop, "cancel", seed)
    purchases = await payers.bought(rounds * len(METHODS))
    cancelled: Counter[int] = Counter()

    async def late(purchase_id: int) -> None:
        await asyncio.sleep(payers.choose.uniform(0, 0.5))
        cancelled[await payers.cancel(purchase_id)] += 1

    work: list[Coroutine[Any, Any, object]] = []
    for number, purchase_id in enumerate(purchases):
        method = METHODS[number % len(METHODS)]
        work += [payers.pay(purchase_id, method), payers.pay(purchase_id, "tok_success")]
        work += [late(purchase_id), late(purchase_id)]
    payers.choose.shuffle(work)
    await side_by_side(*work)
    await sound(shop, payers)
    tell(seed=seed, cancelled=dict(cancelled), answers=dict(outcomes(payers)), **payers.codes)

    assert sum(cancelled.values()) == 2 * len(purchases)
    assert set(cancelled) <= {200, 409}


async def test_paying_while_time_runs_out(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """A payment that is under way keeps its purchase from expiring; one that fails lets it go."""
    seed, rounds = 53, sizes.of(2, 30)
    payers = Payers(shop, "expiry", seed)
    purchases = await payers.bought(rounds * len(METHODS) + 2)

    async def someday(purchase_id: int, method: str) -> None:
        await asyncio.sleep(payers.choose.uniform(0, 1))
        await payers.pay(purchase_id, method)

    async def run_out() -> None:
        async with shop.database("purchase") as database, asyncio.timeout(LONGEST):
            while (await _begun(database, purchases)) < len(purchases) // 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        steer(shop.clock, str(TIME_TO_PAY.total_seconds()))
        await shop.let_in()

    work = [
        someday(purchase_id, METHODS[number % len(METHODS)])
        for number, purchase_id in enumerate(purchases[:-2])
    ]
    await side_by_side(run_out(), *work)
    refused = await payers.pay(purchases[-1], "tok_success")
    await shop.let_in()
    await sound(shop, payers)
    tell(seed=seed, answers=dict(outcomes(payers)), **payers.codes)

    assert (refused.status_code, refused.json()["code"]) == (409, "purchase-expired")


async def _begun(database: Database, purchases: list[int]) -> int:
    """How many payments of some purchases there are."""
    found = await rows(
        database,
        "SELECT COUNT(*) AS n FROM payments WHERE purchase_id >= {} AND purchase_id <= {}",
        min(purchases),
        max(purchases),
    )
    count: int = found[0]["n"]
    return count


@pytest.mark.parametrize("point", PAYMENT_POINTS)
async def test_a_seller_that_dies_loses_no_money(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], point: Point
) -> None:
    """In whichever step a process is killed, another one finishes the payment and its key."""
    seed, kills = 54, sizes.of(1, 20)
    payers = Payers(shop, f"kill-{point}", seed)
    methods = [each for each in METHODS if each != "tok_hang"]
    for _ in range(kills):
        purchases = await payers.bought(len(methods))
        victim = shop.processes["purchase"]
        await shop.restart("purchase", **{KILL: f"{point}:{payers.choose.randint(1, 4)}"})
        keys = [payers.key() for _ in methods]
        first = [
            payers.send(purchase_id, method, key, seller=victim)
            for purchase_id, method, key in zip(purchases, methods, keys, strict=True)
        ]
        await side_by_side(*first)
        await victim.died()
        retries = [
            payers.pay(purchase_id, method, key)
            for purchase_id, method, key in zip(purchases, methods, keys, strict=True)
        ]
        await side_by_side(victim.start(), *retries)
    await sound(shop, payers)
    tell(seed=seed, kills=kills, answers=dict(outcomes(payers)))

    assert victim.process is not None
    assert sum(outcomes(payers).values()) == kills * len(methods)


async def test_a_provider_that_is_down_is_waited_for(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """What it has charged before is known when it is back, what it never saw is charged never."""
    seed, rounds = 55, sizes.of(1, 20)
    payers = Payers(shop, "down", seed)
    before = [each for each in METHODS if each not in {"tok_success", "tok_decline"}]
    methods = [*before, "tok_success", "tok_decline"] * rounds
    purchases = await payers.bought(len(methods))
    pairs = [(each, method, payers.key()) for each, method in zip(purchases, methods, strict=True)]
    open_before = [payers.send(*pair) for pair in pairs if pair[1] in before]
    given_back = (await payers.bought(1))[0]
    paid = await payers.pay(given_back, "tok_success")
    await side_by_side(*open_before)
    steer(shop.provider, DOWN)
    refund = await shop.call(
        *("purchase", "POST", f"/payments/{paid.json()['payment_id']}/refunds", {}),
        user="admin",
        headers={"idempotency-key": payers.key()},
    )
    open_after = [payers.send(*pair) for pair in pairs if pair[1] not in before]
    await side_by_side(*open_after)
    async with shop.database("purchase") as database:
        # Nothing can be known of these; some of the others were decided before it went down.
        unanswered = [pair[0] for pair in pairs if pair[1] not in before]
        await _asked_in_vain(database, unanswered)
        statuses = {await payers.cancel(each) for each in unanswered}
        owed = await rows(database, "SELECT id FROM refunds WHERE settled = {}", False)
    steer(shop.provider, UP)
    await side_by_side(*[payers.pay(*pair) for pair in pairs])
    await sound(shop, payers)
    tell(seed=seed, waited_for=len(unanswered), answers=dict(outcomes(payers)))

    assert unanswered
    assert statuses == {409}
    assert (refund.status_code, len(owed)) == (201, 1)


async def _asked_in_vain(database: Database, purchases: list[int]) -> None:
    """Wait until the provider's answer was missed several times for each, and for long enough that
    a provider that is up would be believed."""
    async with asyncio.timeout(LONGEST):
        while True:
            payments = await rows(
                database,
                "SELECT purchase_id, checks, status, in_flight_until FROM payments"
                " WHERE status = 'Processing'",
            )
            waiting = {row["purchase_id"] for row in payments}

            assert set(purchases) <= waiting
            if all(
                row["checks"] >= 2 and row["in_flight_until"] + timedelta(seconds=2) < utc_now()
                for row in payments
            ):
                return
            await asyncio.sleep(PAUSE)


@asynccontextmanager
async def _provider(shop: Shop) -> AsyncIterator[SimulatedProvider]:
    """The provider's own side: its ledger, and its signature."""
    async with shop.database("purchase") as database:
        yield SimulatedProvider(database=database, clock=utc_now, webhook_secret=WEBHOOK_SECRET)


async def _announce(
    shop: Shop, provider: SimulatedProvider, report: ChargeReport, copies: int
) -> None:
    """A webhook, sent so often at once, to any seller."""

    async def post(number: int) -> None:
        headers, body = provider.sign_webhook(report, f"{report.reference}-{number % 2}")
        seller = shop.sellers[number % len(shop.sellers)]
        answer = await shop.http.post(
            f"{seller.url}/payment-webhooks", headers=headers, content=body
        )

        assert answer.status_code == 202, answer.text

    await side_by_side(*[post(number) for number in range(copies)])


async def _seen_by_provider(database: Database, key: str) -> tuple[str, Charge]:
    """Wait until the provider knows of a payment, or it has failed; its reference and outcome."""
    async with asyncio.timeout(LONGEST):
        while True:
            found = await rows(
                database,
                "SELECT p.reference, p.status, l.outcome FROM payments p"
                " LEFT JOIN simulated_ledger l ON l.reference = p.reference"
                " WHERE p.request_key = {}",
                key,
            )
            if found and (found[0]["outcome"] or found[0]["status"] == "Failed"):
                outcome = found[0]["outcome"]
                return found[0]["reference"], Charge(outcome or Charge.UNKNOWN)
            await asyncio.sleep(0.01)


async def test_webhooks_before_the_answer(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Never, once, twice, or again and again: a charge that has no answer yet is recorded once."""
    seed, rounds = 56, sizes.of(1, 20)
    payers = Payers(shop, "webhook", seed)
    often = [copies for copies in (0, 1, 2, 8) for _ in range(4 * rounds)]
    methods = ("tok_slow", "tok_glacial", "tok_late", "tok_decline") * 4 * rounds
    purchases = await payers.bought(len(methods))

    async def pay(purchase_id: int, method: str, copies: int) -> None:
        key = payers.key()
        paying = asyncio.create_task(payers.pay(purchase_id, method, key))
        if copies:
            async with _provider(shop) as provider:
                reference, charge = await _seen_by_provider(provider.database, key)
                await _announce(shop, provider, ChargeReport(reference, charge), copies)
        await paying

    await side_by_side(*map(pay, purchases, methods, often))
    await sound(shop, payers)
    tell(seed=seed, payments=len(methods), answers=dict(outcomes(payers)))

    assert sum(outcomes(payers).values()) == len(methods)
    assert outcomes(payers)[402] >= 4 * rounds


@pytest.mark.parametrize("ended", [False, True])
async def test_a_charge_after_its_payment_had_failed(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], *, ended: bool
) -> None:
    """A provider that breaks its word: the purchase is paid if it still waits, else it is repaid.

    What its key was answered stays.
    """
    seed, rounds = 57, sizes.of(2, 20)
    payers = Payers(shop, f"broken-word-{ended}", seed)
    choose = random.Random(seed)
    purchases = await payers.bought(rounds)
    keys = [payers.key() for _ in purchases]
    await side_by_side(
        *[payers.pay(each, "tok_timeout", key) for each, key in zip(purchases, keys, strict=True)]
    )
    async with _provider(shop) as provider:
        for purchase_id, key in zip(purchases, keys, strict=True):
            reference, _ = await _seen_by_provider(provider.database, key)
            if ended:
                assert await payers.cancel(purchase_id) == 200
            await provider.capture(reference, "tok_success", 1990, "USD")
            report = ChargeReport(reference, Charge.CAPTURED)
            await _announce(shop, provider, report, choose.randint(1, 4))
        await sound(shop, payers)
        shown = await rows(
            provider.database,
            "SELECT DISTINCT p.status, y.status AS payment, y.outcome FROM purchases p"
            " JOIN payments y ON y.purchase_id = p.id WHERE p.id >= {} AND p.id <= {}",
            min(purchases),
            max(purchases),
        )
    tell(seed=seed, purchases=rounds)

    assert outcomes(payers) == {402: rounds}
    assert [tuple(row.values()) for row in shown] == [
        ("Cancelled", "Refunded", "not_charged") if ended else ("Paid", "Completed", "not_charged")
    ]

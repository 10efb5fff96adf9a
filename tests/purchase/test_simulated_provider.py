"""The provider that moves no money keeps what is asked of any, and does what its tokens say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
from functions.purchase import migrations, simulated_provider
from functions.purchase.payment_provider import (
    BadSignature,
    Charge,
    ChargeReport,
    ProviderUnreachable,
)
from functions.purchase.simulated_provider import SimulatedProvider
from tests.purchase.provider_contract import AMOUNT, CURRENCY, Desk, ProviderContract
from tests.purchase.shop import WEBHOOK_SECRET
from tests.support.clock import FakeClock

NO_TIME = timedelta(milliseconds=1)


@pytest.fixture
async def provider(database_url: str) -> AsyncIterator[SimulatedProvider]:
    database = connect(database_url)
    try:
        await migrate(database, load(migrations))
        yield SimulatedProvider(
            database=database, clock=FakeClock(), webhook_secret=WEBHOOK_SECRET, slow=NO_TIME
        )
    finally:
        await database.close()


def advance(provider: SimulatedProvider, time: timedelta) -> None:
    assert isinstance(provider.clock, FakeClock)
    provider.clock.advance(seconds=time.total_seconds())


class TestSimulatedProvider(ProviderContract):
    """What the contract asks of any provider."""

    @pytest.fixture
    async def desk(self, provider: SimulatedProvider, database_url: str) -> AsyncIterator[Desk]:
        async def wait(time: timedelta) -> None:
            advance(provider, time)

        other = connect(database_url)
        try:
            yield Desk(
                provider=provider,
                another=SimulatedProvider(
                    database=other, clock=provider.clock, webhook_secret=WEBHOOK_SECRET
                ),
                now=provider.clock,
                wait=wait,
                signed=provider.sign_webhook,
                declines="tok_decline",
                loses_its_answer="tok_late",
                does_not_charge="tok_timeout",
                charges_later="tok_pending",
                later=provider.pending,
                refuses_refunds="tok_refund_refused",
            )
        finally:
            await other.close()


@pytest.mark.parametrize(
    ("token", "answer", "found", "afterwards"),
    [
        ("tok_success", Charge.CAPTURED, Charge.CAPTURED, Charge.CAPTURED),
        ("cash", Charge.CAPTURED, Charge.CAPTURED, Charge.CAPTURED),
        ("tok_refund_refused", Charge.CAPTURED, Charge.CAPTURED, Charge.CAPTURED),
        ("tok_slow", Charge.CAPTURED, Charge.PENDING, Charge.CAPTURED),
        ("tok_decline", Charge.DECLINED, Charge.DECLINED, Charge.DECLINED),
        ("tok_late", None, Charge.CAPTURED, Charge.CAPTURED),
        ("tok_pending", None, Charge.PENDING, Charge.CAPTURED),
        ("tok_timeout", None, Charge.UNKNOWN, Charge.UNKNOWN),
    ],
)
async def test_a_token_decides_the_outcome(
    provider: SimulatedProvider,
    token: str,
    answer: Charge | None,
    found: Charge,
    afterwards: Charge,
) -> None:
    """The answer of each token, and what `find` returns at once and a minute later."""
    answered = None
    if answer is None:
        with pytest.raises(ProviderUnreachable):
            await provider.capture("a", token, AMOUNT, CURRENCY)
    else:
        answered = await provider.capture("a", token, AMOUNT, CURRENCY)
    at_once = await provider.find("a")
    advance(provider, timedelta(minutes=1))

    assert (answered, at_once, await provider.find("a")) == (answer, found, afterwards)


async def test_a_token_may_hang_for_ever(provider: SimulatedProvider) -> None:
    """A call that was abandoned charges nothing."""
    asking = asyncio.create_task(provider.capture("a", "tok_hang", AMOUNT, CURRENCY))
    found = await provider.find("a")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert (found, await provider.find("a")) == (Charge.UNKNOWN, Charge.UNKNOWN)


@pytest.mark.parametrize("charges", [1, 2, 3, 4, 5])
async def test_a_listing_of_several_pages_has_each_entry_once(
    provider: SimulatedProvider, monkeypatch: pytest.MonkeyPatch, charges: int
) -> None:
    """At any page size."""
    monkeypatch.setattr(simulated_provider, "PAGE", 2)
    for number in range(charges):
        await provider.capture(f"a{number}", "cash", AMOUNT, CURRENCY)
    listed = [entry.reference async for entry in provider.entries()]

    assert listed == [f"a{number}" for number in range(charges)]


async def test_a_charge_and_a_refund_share_no_reference(provider: SimulatedProvider) -> None:
    """A reference of one kind is refused for the other."""
    await provider.capture("a", "cash", AMOUNT, CURRENCY)
    await provider.refund("r", "a", AMOUNT, CURRENCY)
    with pytest.raises(ValueError, match="r was used before"):
        await provider.capture("r", "cash", AMOUNT, CURRENCY)
    with pytest.raises(ValueError, match="a was used before"):
        await provider.refund("a", "a", AMOUNT, CURRENCY)


async def test_one_of_several_signatures_is_enough(provider: SimulatedProvider) -> None:
    """During a rotation of the secret a message has a signature of each."""
    report = ChargeReport("a", Charge.CAPTURED)
    headers, body = provider.sign_webhook(report, "m-1")
    signature = headers["webhook-signature"]
    both = {**headers, "webhook-signature": f"v1,AAAA v2,{'B' * 44} {signature}"}

    assert provider.read_webhook(both, body, provider.clock()) == report
    provider.webhook_secret = "another-secret-of-" + "0123456789abcdef"
    with pytest.raises(BadSignature):
        provider.read_webhook(headers, body, provider.clock())
    provider.webhook_secret = ""
    with pytest.raises(BadSignature, match="no secret"):
        provider.read_webhook(headers, body, provider.clock())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"reference": "a", "charge": "x"}', b"\xff"])
async def test_a_signed_message_without_a_report_is_refused(
    provider: SimulatedProvider, body: bytes
) -> None:
    """A signed body that cannot be parsed is answered 400."""
    headers, _ = provider.sign_webhook(ChargeReport("a", Charge.CAPTURED), "m-1")
    headers["webhook-signature"] = provider._signature("m-1", headers["webhook-timestamp"], body)
    with pytest.raises(BadSignature, match="cannot be parsed"):
        provider.read_webhook(headers, body, provider.clock())

"""What the shop relies on of any payment provider, as tests.

A provider's own test module subclasses `ProviderContract` and has one fixture, `desk`. The class
says nothing of how a provider keeps its ledger, nor of its tokens: `Desk` names one for each case.
Time is the provider's (`Desk.wait`): a sandbox really waits, a simulated one moves its clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from functions.purchase.payment_provider import (
    BadSignature,
    Charge,
    ChargeReport,
    EntryKind,
    LedgerEntry,
    PaymentProvider,
    ProviderUnreachable,
    RefundRefused,
)

AMOUNT, CURRENCY = 1990, "USD"
MANY = 12


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A provider with nothing charged yet, and what a test can have it do."""

    provider: PaymentProvider
    another: PaymentProvider
    """The same account in another process."""
    now: Callable[[], datetime]
    wait: Callable[[timedelta], Awaitable[None]]
    signed: Callable[[ChargeReport, str], tuple[dict[str, str], bytes]]
    """A webhook as the provider sends it: from a report and the message's id."""
    charges: str = "tok_success"
    declines: str
    loses_its_answer: str
    """Charges, and `capture` raises `ProviderUnreachable`."""
    does_not_charge: str
    """`capture` raises `ProviderUnreachable`, and nothing is charged."""
    charges_later: str
    """`capture` raises `ProviderUnreachable`, and it is charged within `later`."""
    later: timedelta
    refuses_refunds: str

    async def capture(self, reference: str, method: str | None = None) -> Charge:
        return await self.provider.capture(reference, method or self.charges, AMOUNT, CURRENCY)

    async def refund(self, reference: str, charge: str, amount_minor: int = AMOUNT) -> None:
        await self.provider.refund(reference, charge, amount_minor, CURRENCY)

    async def entries(self, since: datetime | None = None) -> list[LedgerEntry]:
        return sorted([entry async for entry in self.provider.entries(since)])

    async def movements(self) -> list[tuple[EntryKind, str, int]]:
        return [(each.kind, each.reference, each.amount_minor) for each in await self.entries()]

    @property
    def both(self) -> Sequence[PaymentProvider]:
        return (self.provider, self.another)


class ProviderContract:
    """Run by pytest in the subclasses, whose names begin with `Test`."""

    @pytest.fixture
    def desk(self) -> Desk:
        """Of one provider, fresh for each test."""
        raise NotImplementedError

    # Charges

    async def test_it_has_its_time_limits(self, desk: Desk) -> None:
        """`answers_within` and `final_after` are positive."""
        assert desk.provider.answers_within > timedelta()
        assert desk.provider.final_after > timedelta()

    async def test_a_reference_is_charged_once(self, desk: Desk) -> None:
        """Repeated calls return the same answer and charge once."""
        answers = [await desk.capture("a") for _ in range(3)]
        answers.append(await desk.another.capture("a", desk.charges, AMOUNT, CURRENCY))

        assert set(answers) == {Charge.CAPTURED}
        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    async def test_a_reference_is_charged_once_by_concurrent_calls(self, desk: Desk) -> None:
        """Concurrent calls from several processes charge once."""
        answers = await asyncio.gather(
            *[
                provider.capture("a", desk.charges, AMOUNT, CURRENCY)
                for provider in desk.both
                for _ in range(MANY)
            ]
        )

        assert set(answers) == {Charge.CAPTURED}
        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    @pytest.mark.parametrize(("amount", "currency"), [(1991, "USD"), (1, "USD"), (1990, "EUR")])
    async def test_a_reference_with_another_amount_is_refused(
        self, desk: Desk, amount: int, currency: str
    ) -> None:
        """The first charge is kept."""
        await desk.capture("a")
        with pytest.raises(Exception, match=r"."):
            await desk.provider.capture("a", desk.charges, amount, currency)

        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    async def test_of_two_amounts_at_once_one_is_charged(self, desk: Desk) -> None:
        """Of two concurrent calls with one reference, the other is refused."""
        answers = await asyncio.gather(
            *[
                provider.capture("a", desk.charges, AMOUNT + number, CURRENCY)
                for number, provider in enumerate(desk.both)
            ],
            return_exceptions=True,
        )

        assert sorted(isinstance(each, Exception) for each in answers) == [False, True]
        assert len(await desk.entries()) == 1

    async def test_a_declined_charge_stays_declined(self, desk: Desk) -> None:
        """It moves no money, and the ledger does not contain it."""
        answers = [await desk.capture("a", desk.declines) for _ in range(2)]

        assert answers == [Charge.DECLINED] * 2
        assert await desk.provider.find("a") is Charge.DECLINED
        assert await desk.entries() == []

    async def test_a_reference_that_was_never_sent_is_unknown(self, desk: Desk) -> None:
        """Also while other references are known."""
        await desk.capture("a")

        assert await desk.provider.find("A") is Charge.UNKNOWN
        assert await desk.provider.find("b") is Charge.UNKNOWN

    async def test_a_charge_with_a_lost_answer_is_found(self, desk: Desk) -> None:
        """`find` and the ledger have it at once; a repeated call charges no more."""
        for _ in range(2):
            with pytest.raises(ProviderUnreachable):
                await desk.capture("a", desk.loses_its_answer)

            assert await desk.another.find("a") is Charge.CAPTURED
        await desk.wait(desk.provider.final_after)

        assert await desk.provider.find("a") is Charge.CAPTURED
        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    async def test_a_reference_unknown_after_the_limit_is_never_charged(self, desk: Desk) -> None:
        """A reference that is unknown `final_after` the end of its call is never charged."""
        with pytest.raises(ProviderUnreachable):
            await desk.capture("a", desk.does_not_charge)
        await desk.wait(desk.provider.final_after)

        assert await desk.provider.find("a") is Charge.UNKNOWN
        assert await desk.entries() == []

    async def test_a_charge_to_be_made_later_is_pending(self, desk: Desk) -> None:
        """It is pending from the end of the call on."""
        with pytest.raises(ProviderUnreachable):
            await desk.capture("a", desk.charges_later)
        before = await desk.provider.find("a"), await desk.entries()
        with pytest.raises(RefundRefused):
            await desk.refund("r", "a")
        await desk.wait(desk.later)

        assert before == (Charge.PENDING, [])
        assert await desk.provider.find("a") is Charge.CAPTURED
        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    # The listing

    async def test_find_and_the_listing_agree(self, desk: Desk) -> None:
        """Charged references are listed once, others not at all."""
        methods = {"a": desk.charges, "b": desk.declines, "c": desk.charges}
        for reference, method in methods.items():
            await desk.capture(reference, method)
        found = {each: await desk.provider.find(each) for each in methods}
        listed = [entry.reference for entry in await desk.entries()]

        assert listed == [each for each in methods if found[each] is Charge.CAPTURED] == ["a", "c"]

    async def test_an_entry_has_its_amount_and_time(self, desk: Desk) -> None:
        """In minor units, with a time zone."""
        before = desk.now() - timedelta(seconds=1)
        await desk.capture("a")
        (entry,) = await desk.entries()

        assert entry[:4] == (EntryKind.CHARGE, "a", AMOUNT, CURRENCY)
        assert entry.at.tzinfo is not None
        assert before <= entry.at <= desk.now() + timedelta(seconds=1)

    async def test_the_listing_begins_at_the_given_moment(self, desk: Desk) -> None:
        """Charges and refunds from that moment on are listed."""
        await desk.capture("a")
        await desk.wait(timedelta(minutes=10))
        await desk.capture("b")
        await desk.refund("r", "a")
        newer = await desk.entries(desk.now() - timedelta(minutes=5))
        (first,) = [entry for entry in await desk.entries() if entry.reference == "a"]

        assert [entry.reference for entry in newer] == ["b", "r"]
        assert first in await desk.entries(first.at)

    # Refunds

    async def test_a_charge_is_refunded_in_parts(self, desk: Desk) -> None:
        """Up to the last minor unit, and no more than was charged."""
        await desk.capture("a")
        await desk.refund("r1", "a", AMOUNT - 1)
        with pytest.raises(RefundRefused):
            await desk.refund("r2", "a", 2)
        await desk.refund("r3", "a", 1)
        with pytest.raises(RefundRefused):
            await desk.refund("r4", "a", 1)

        assert await desk.movements() == [
            (EntryKind.CHARGE, "a", AMOUNT),
            (EntryKind.REFUND, "r1", AMOUNT - 1),
            (EntryKind.REFUND, "r3", 1),
        ]

    async def test_a_refund_is_made_once_for_its_reference(self, desk: Desk) -> None:
        """Concurrent and later repetitions refund once."""
        await desk.capture("a")
        await asyncio.gather(
            *[
                provider.refund("r", "a", AMOUNT, CURRENCY)
                for provider in desk.both
                for _ in range(MANY)
            ]
        )
        await desk.refund("r", "a")

        assert [each for each in await desk.movements() if each[0] is EntryKind.REFUND] == [
            (EntryKind.REFUND, "r", AMOUNT)
        ]

    async def test_concurrent_refunds_never_exceed_the_charge(self, desk: Desk) -> None:
        """Concurrent refunds with different references stay within the charge."""
        await desk.capture("a")
        answers = await asyncio.gather(
            *[
                desk.both[number % 2].refund(f"r{number}", "a", AMOUNT // 2, CURRENCY)
                for number in range(MANY)
            ],
            return_exceptions=True,
        )
        refused = [each for each in answers if each is not None]

        assert len(refused) == MANY - 2
        assert {type(each) for each in refused} == {RefundRefused}
        assert len(await desk.entries()) == 3

    async def test_a_refunds_reference_with_another_amount_is_refused(self, desk: Desk) -> None:
        """Or with another charge; the first refund is kept."""
        await desk.capture("a")
        await desk.capture("b")
        await desk.refund("r", "a", 500)
        for charge, amount in (("a", 501), ("b", 500)):
            with pytest.raises(Exception, match=r"."):
                await desk.refund("r", charge, amount)

        assert [each for each in await desk.movements() if each[0] is EntryKind.REFUND] == [
            (EntryKind.REFUND, "r", 500)
        ]

    async def test_only_charges_are_refunded(self, desk: Desk) -> None:
        """Unknown and declined charges, refunds, and another currency are refused."""
        await desk.capture("a")
        await desk.capture("declined", desk.declines)
        await desk.refund("r", "a", 1)
        for number, charge in enumerate(("unknown", "declined", "r")):
            with pytest.raises(RefundRefused):
                await desk.refund(f"r{number}", charge, 1)
        with pytest.raises(RefundRefused):
            await desk.provider.refund("r9", "a", 1, "EUR")

        assert len(await desk.entries()) == 2

    async def test_a_refund_may_be_refused(self, desk: Desk) -> None:
        """Every attempt is refused, and the charge is kept."""
        await desk.capture("a", desk.refuses_refunds)
        for _ in range(2):
            with pytest.raises(RefundRefused):
                await desk.refund("r", "a")

        assert await desk.movements() == [(EntryKind.CHARGE, "a", AMOUNT)]

    # Webhooks

    @pytest.mark.parametrize("charge", [Charge.CAPTURED, Charge.DECLINED, Charge.PENDING])
    async def test_a_signed_webhook_is_read(self, desk: Desk, charge: Charge) -> None:
        """Any process with the secret verifies it."""
        headers, body = desk.signed(ChargeReport("a", charge), "m-1")

        assert {each.read_webhook(headers, body, desk.now()) for each in desk.both} == {
            ChargeReport("a", charge)
        }

    async def test_a_webhook_that_was_changed_is_refused(self, desk: Desk) -> None:
        """Any changed byte of its body or headers invalidates it."""
        headers, body = desk.signed(ChargeReport("a", Charge.DECLINED), "m-1")
        wrong = [(headers, body[:place] + b"~" + body[place + 1 :]) for place in range(len(body))]
        wrong += [(headers, body + b" "), (headers, b"")]
        for name, value in headers.items():
            wrong.append(
                ({**headers, name: value[:-2] + ("00" if value[-2:] != "00" else "1")}, body)
            )
            wrong.append(({**headers, name: ""}, body))
            wrong.append(({**headers, name: "\u00e9\u0661"}, body))
            wrong.append(({each: headers[each] for each in headers if each != name}, body))
        for changed, content in wrong:
            with pytest.raises(BadSignature):
                desk.provider.read_webhook(changed, content, desk.now())

    @pytest.mark.parametrize("hours", [-24, -1, 1, 24])
    async def test_an_old_webhook_is_refused(self, desk: Desk, hours: int) -> None:
        """A replayed message and one from the future are refused."""
        headers, body = desk.signed(ChargeReport("a", Charge.CAPTURED), "m-1")
        with pytest.raises(BadSignature):
            desk.provider.read_webhook(headers, body, desk.now() + timedelta(hours=hours))

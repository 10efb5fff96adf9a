"""A payment provider as bad as a real one can be: slow, silent, broken, down.

It is the simulated one, whose ledger lies in purchase's database, with more tokens and shorter
limits. `fault_injection.py` gives it to purchase in the child process; a file controls all of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.purchase.domain import payments
from functions.purchase.payment_provider import Charge
from functions.purchase.settings import PurchaseSettings
from functions.purchase.simulated_provider import SimulatedProvider

UP, DOWN = "up", "down"
WEBHOOK_SECRET = "a-secret-of-the-fault-tests-0123456789"
ALSO = {"tok_glacial", "tok_broken"}
"""Tokens beyond those of `simulated_provider.py`: the first charges and never answers, the second
charges and answers nonsense."""


@dataclass(kw_only=True)
class SteeredProvider(SimulatedProvider):
    steering: Path

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        self._reach()
        charge = await super().capture(reference, method, amount_minor, currency)
        if method == "tok_glacial":
            await asyncio.Event().wait()
        if method == "tok_broken":
            raise ZeroDivisionError("the provider's client library has a bug")
        return charge

    async def find(self, reference: str) -> Charge:
        self._reach()
        return await super().find(reference)

    async def refund(
        self, reference: str, charge_reference: str, amount_minor: int, currency: str
    ) -> None:
        self._reach()
        await super().refund(reference, charge_reference, amount_minor, currency)

    def _reach(self) -> None:
        if self.steering.read_text("utf-8") == DOWN:
            raise ConnectionRefusedError("the provider is down")


def steered(file: Path) -> Callable[[Database, PurchaseSettings, Clock], SteeredProvider]:
    """Makes the provider of a purchase process; its limits fit a test."""

    def make(database: Database, settings: PurchaseSettings, clock: Clock) -> SteeredProvider:
        return SteeredProvider(
            database=database,
            clock=clock,
            webhook_secret=settings.payment_webhook_secret.reveal(),
            answers_within=settings.payment_timeout,
            final_after=timedelta(seconds=2),
            slow=timedelta(seconds=0.5),
            pending=timedelta(seconds=1.5),
            steering=file,
        )

    return make


def hasty() -> None:
    """Let this process ask again after less than a second; minutes do not fit a test."""
    payments.FIRST_CHECK = payments.FIRST_RETRY = timedelta(seconds=0.5)
    payments.LONGEST_CHECK = payments.LONGEST_RETRY = timedelta(seconds=2)

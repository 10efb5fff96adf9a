"""The port to whoever takes the money, and a simulated provider behind it.

A real one takes its place by meeting `PaymentProvider`: every call carries our reference, and the
same reference is never charged or refunded twice. What a call's answer was, when it got lost, is
asked with `find` (`commands/payments.py` does so until it knows).
"""

from enum import StrEnum
from typing import Protocol


class Charge(StrEnum):
    """What became of a reference at the provider."""

    CAPTURED = "captured"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    """The provider has never seen it."""


class ProviderUnreachable(Exception):
    """No answer in time: the money may have been taken or not; ask again with `find`."""


class PaymentProvider(Protocol):
    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        """Take the money, once for a reference.

        Raises `ProviderUnreachable`.
        """

    async def find(self, reference: str, method: str) -> Charge:
        """What became of a reference.

        Raises `ProviderUnreachable`.
        """

    async def refund(self, reference: str, charge: str, amount_minor: int, currency: str) -> None:
        """Give money back, once for a reference.

        Raises `ProviderUnreachable`.
        """


class SimulatedProvider:
    """Moves no money; its answer depends on the payment method alone, so it keeps no state.

    `tok_decline` is declined; `tok_timeout` never answers and never charges; `tok_late` does not
    answer in time but has charged, as one finds out later; anything else succeeds.
    """

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        del reference, amount_minor, currency
        if method in {"tok_timeout", "tok_late"}:
            raise ProviderUnreachable("the simulated provider does not answer this token in time")
        return Charge.DECLINED if method == "tok_decline" else Charge.CAPTURED

    async def find(self, reference: str, method: str) -> Charge:
        del reference
        if method == "tok_timeout":
            return Charge.UNKNOWN
        return Charge.DECLINED if method == "tok_decline" else Charge.CAPTURED

    async def refund(self, reference: str, charge: str, amount_minor: int, currency: str) -> None:
        del reference, charge, amount_minor, currency

"""The interface of a payment provider.

The shop relies on these rules, which `tests/purchase/provider_contract.py` checks of any provider:

- Every call carries a reference that the shop generated. The provider charges or refunds a
  reference once, however often and from however many processes it is sent, and refuses the same
  reference with another amount.
- `find` and `entries` return a charge from the moment at which its money can be taken.
- A charge that `find` does not know `final_after` the end of a call is never made.
- A call may take longer than `answers_within`, and may fail although it was carried out. The caller
  waits no longer than that, and calls `find` later.
- Later outcomes are also sent to `POST /payment-webhooks`, signed; in any order, any number of
  times, or not at all.

`simulated_provider.py` implements it without moving money; `commands/payments.py` calls it.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol


class Charge(StrEnum):
    """The state of a reference at the provider."""

    CAPTURED = "captured"
    DECLINED = "declined"
    PENDING = "pending"
    """Not decided yet; it becomes captured or declined."""
    UNKNOWN = "unknown"
    """The provider never received it."""


class EntryKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"


class LedgerEntry(NamedTuple):
    """A charge or a refund in the provider's ledger."""

    kind: EntryKind
    reference: str
    """The reference that the shop generated."""
    amount_minor: int
    currency: str
    at: datetime


class ChargeReport(NamedTuple):
    """The state of a charge, as a webhook reports it."""

    reference: str
    charge: Charge


class ProviderUnreachable(Exception):
    """No answer in time. Money may have been moved; `find` tells."""


class RefundRefused(Exception):
    """The provider refused to pay a refund; an operator has to resolve it."""


class BadSignature(Exception):
    """A webhook whose signature or timestamp is invalid."""


class PaymentProvider(Protocol):
    name: str
    answers_within: timedelta
    """How long the caller waits for an answer."""
    final_after: timedelta
    """How long after the end of a call an unknown reference may still be charged."""

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        """Charge a reference once; `amount_minor` is more than 0.

        Raises `ProviderUnreachable`.
        """

    async def find(self, reference: str) -> Charge:
        """The state of a reference.

        Raises `ProviderUnreachable`.
        """

    async def refund(
        self, reference: str, charge_reference: str, amount_minor: int, currency: str
    ) -> None:
        """Refund a part of a charge, once for a reference.

        Raises `RefundRefused` or `ProviderUnreachable`.
        """

    def entries(self, since: datetime | None = None) -> AsyncIterator[LedgerEntry]:
        """Charges and refunds since a moment, or all; each once, in any order.

        Raises `ProviderUnreachable`.
        """

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> ChargeReport:
        """Verify and parse a message to the webhook. `headers` have lower-case names.

        Raises `BadSignature`.
        """

"""The port to whoever takes the money.

What the shop relies on, and what `tests/purchase/provider_contract.py` checks of any provider:

- Every call carries our reference. The same reference is never charged twice and never refunded
  twice, however often and from however many processes it is sent. The same reference with another
  amount is refused.
- `find` and `entries` show a charge as soon as its money can be taken, and for good.
- A charge that `find` does not know `final_after` the end of a call is never made.
- A call may take longer than `answers_within`, and may be answered by an error although it was
  carried out. The caller waits no longer than that, and asks `find` later.
- Outcomes that come later are also sent to `POST /payment-webhooks`, signed, in any order and
  any number of times, or not at all.

`simulated_provider.py` is one that moves no money. `commands/payments.py` calls it.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol


class Charge(StrEnum):
    """What became of a reference at the provider."""

    CAPTURED = "captured"
    DECLINED = "declined"
    PENDING = "pending"
    """The provider is still deciding; it may become either."""
    UNKNOWN = "unknown"
    """The provider has never seen it."""


class EntryKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"


class Entry(NamedTuple):
    """One movement of money in the provider's ledger."""

    kind: EntryKind
    reference: str
    """Ours."""
    amount_minor: int
    currency: str
    at: datetime


class Report(NamedTuple):
    """What a webhook says of a charge."""

    reference: str
    charge: Charge


class ProviderUnreachable(Exception):
    """No answer in time: the money may have been moved or not; ask again with `find`."""


class RefundRefused(Exception):
    """The provider will not give this money back; somebody has to look into it."""


class BadSignature(Exception):
    """A webhook that the provider did not send, or sent too long ago."""


class PaymentProvider(Protocol):
    name: str
    answers_within: timedelta
    """How long a call is waited for."""
    final_after: timedelta
    """How long after the end of a call a reference that is unknown may still be charged."""

    async def capture(
        self, reference: str, method: str, amount_minor: int, currency: str
    ) -> Charge:
        """Take money, once for a reference; `amount_minor` is more than 0.

        Raises `ProviderUnreachable`.
        """

    async def find(self, reference: str) -> Charge:
        """What became of a reference.

        Raises `ProviderUnreachable`.
        """

    async def refund(
        self, reference: str, charge_reference: str, amount_minor: int, currency: str
    ) -> None:
        """Give back money of a charge, once for a reference.

        Raises `RefundRefused` or `ProviderUnreachable`.
        """

    def entries(self, since: datetime | None = None) -> AsyncIterator[Entry]:
        """Charges and refunds that were made since a moment, or ever; each once, in any order.

        Raises `ProviderUnreachable`.
        """

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Report:
        """What a message to the webhook says. `headers` have lower-case names.

        Raises `BadSignature`.
        """

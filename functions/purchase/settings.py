"""The variables that purchase reads besides those of every service (`kit/base/settings.py`)."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from functions.kit.base.settings import Secret, ServiceSettings, Url
from functions.purchase.domain.holdings import HoldingLimits

_SHORTEST_SECRET = 32


class PaymentProviderName(StrEnum):
    SIMULATED = "simulated"


class PurchaseSettings(ServiceSettings, frozen=True, kw_only=True):
    catalog_url: Url = "http://127.0.0.1:5001"
    """Address of catalog's public API as a browser reaches it: `GET /books` redirects there."""

    catalog_internal_url: Url = "http://127.0.0.1:5001"
    """Address of catalog's internal API: the feed of books."""

    time_to_pay_seconds: Annotated[int, Meta(ge=1, le=86400)] = 900
    """How long copies stay reserved for an unpaid purchase."""

    payment_provider: PaymentProviderName = PaymentProviderName.SIMULATED
    """The payment provider. `simulated` moves no money and answers as its test tokens say."""

    allow_simulated_payments: bool = False
    """`true` lets production start with the provider `simulated`, which gives books away; each
    start logs a warning."""

    payment_timeout_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    """Time limit of a call to the payment provider."""

    payment_webhook_secret: Secret = Secret("")
    """Verifies the signature of `POST /payment-webhooks`; at least 32 characters. Empty: webhooks
    are refused."""

    audit_hours: Annotated[float, Meta(ge=0, le=720)] = 24.0
    """Hours between two audits, which the internal API runs in the background; 0: never, as where
    `python -m functions.purchase.audit` is run by another schedule."""

    max_unpaid_purchases: Annotated[int, Meta(ge=0)] = 20
    """Unpaid purchases per customer; 0: no limit."""

    max_unpaid_copies: Annotated[int, Meta(ge=0)] = 100
    """Unpaid copies of one book per customer; 0: no limit."""

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.production and self.simulates_payments and not self.allow_simulated_payments:
            yield (
                "PAYMENT_PROVIDER: simulated moves no money, so production does not start with it"
                " unless ALLOW_SIMULATED_PAYMENTS=true"
            )
        if 0 < len(self.payment_webhook_secret.reveal()) < _SHORTEST_SECRET:
            yield f"PAYMENT_WEBHOOK_SECRET: must have at least {_SHORTEST_SECRET} characters"

    @property
    def simulates_payments(self) -> bool:
        return self.payment_provider is PaymentProviderName.SIMULATED

    @property
    def payment_timeout(self) -> timedelta:
        return timedelta(seconds=self.payment_timeout_seconds)

    @property
    def holding_limits(self) -> HoldingLimits:
        return HoldingLimits(self.max_unpaid_purchases, self.max_unpaid_copies)

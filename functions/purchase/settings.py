"""Purchase's environment: what all services read, and what is its own."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from functions.kit.settings import ServiceSettings, Url


class PaymentProviderName(StrEnum):
    SIMULATED = "simulated"


class PurchaseSettings(ServiceSettings, frozen=True, kw_only=True):
    catalog_url: Url = "http://127.0.0.1:5001"
    """Where catalog's public door is, as a browser reaches it: `GET /books` leads there."""

    catalog_internal_url: Url = "http://127.0.0.1:5001"
    """Where catalog's internal door is: the feed of books."""

    time_to_pay_seconds: Annotated[int, Meta(ge=1, le=86400)] = 900
    """How long copies are kept for a purchase that is not paid."""

    payment_provider: PaymentProviderName = PaymentProviderName.SIMULATED
    """Who takes the money: `simulated` moves none, and answers as its test tokens say."""

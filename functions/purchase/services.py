"""The typed dependencies of purchase's handlers."""

from dataclasses import dataclass

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.purchase.payment_provider import PaymentProvider
from functions.purchase.settings import PurchaseSettings
from functions.purchase.simulated_provider import SimulatedProvider


@dataclass(kw_only=True)
class PurchaseServices(shared.Services):
    settings: PurchaseSettings
    payment_provider: PaymentProvider


def simulated(database: Database, settings: PurchaseSettings, clock: Clock) -> PaymentProvider:
    """The provider that moves no money; its ledger is a table of purchase's database."""
    return SimulatedProvider(
        database=database,
        clock=clock,
        webhook_secret=settings.payment_webhook_secret.reveal(),
        answers_within=settings.payment_timeout,
    )


def services_of(request: AnyRequest) -> PurchaseServices:
    return shared.services_of(request, PurchaseServices)

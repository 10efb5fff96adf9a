"""The typed dependencies of purchase's handlers."""

from dataclasses import dataclass

from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.purchase.payment_provider import PaymentProvider
from functions.purchase.settings import PurchaseSettings


@dataclass(kw_only=True)
class PurchaseServices(shared.Services):
    settings: PurchaseSettings
    payment_provider: PaymentProvider


def services_of(request: AnyRequest) -> PurchaseServices:
    return shared.services_of(request, PurchaseServices)

"""What the storefront's handlers work with."""

from dataclasses import dataclass

from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.auth import AuthClient
from functions.storefront.clients.catalog import CatalogClient
from functions.storefront.clients.purchase import PurchaseClient
from functions.storefront.sessions import Sessions
from functions.storefront.settings import StorefrontSettings
from functions.storefront.sign_in import TokenKeeper


@dataclass(kw_only=True)
class StorefrontServices(shared.AppServices):
    settings: StorefrontSettings
    auth: AuthClient
    catalog: CatalogClient
    purchase: PurchaseClient
    sessions: Sessions
    tokens: TokenKeeper


def services_of(request: AnyRequest) -> StorefrontServices:
    return shared.services_of(request, StorefrontServices)

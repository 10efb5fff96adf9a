"""What the storefront's handlers work with."""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.kit.http import services as shared
from functions.kit.http.requests import AnyRequest
from functions.storefront.clients.auth import AuthClient
from functions.storefront.clients.catalog import CatalogClient
from functions.storefront.clients.mailbox import MailboxClient
from functions.storefront.clients.notifications import NotificationsClient
from functions.storefront.clients.operations import OperationsClient
from functions.storefront.clients.purchase import PurchaseClient
from functions.storefront.clients.reviews import ReviewClient
from functions.storefront.clients.sales import SalesClient
from functions.storefront.sessions import Sessions
from functions.storefront.settings import StorefrontSettings
from functions.storefront.sign_in import TokenKeeper


@dataclass(kw_only=True)
class StorefrontServices(shared.AppServices):
    settings: StorefrontSettings
    auth: AuthClient
    catalog: CatalogClient
    purchase: PurchaseClient
    sales: SalesClient
    operations: Mapping[str, OperationsClient]
    """The internal APIs of the services with a database, by the service's name."""
    reviews: ReviewClient
    notifications: NotificationsClient
    mailbox: MailboxClient | None
    """Of a shop on one machine; None elsewhere."""
    sessions: Sessions
    tokens: TokenKeeper
    rendering_prepared: bool = False
    """Whether this process has begun to load what renders pages."""


def services_of(request: AnyRequest) -> StorefrontServices:
    return shared.services_of(request, StorefrontServices)

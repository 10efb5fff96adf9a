"""`create_app`: the storefront, wired. It has no database: its facts are the other services'."""

import contextlib
import logging
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from litestar import Litestar

from functions.kit.base import logs, startup
from functions.kit.base.clock import Clock, utc_now
from functions.kit.base.metrics import Metrics
from functions.kit.base.process import Process
from functions.kit.base.tracing import tracer_of
from functions.kit.http.assembly import assemble
from functions.kit.http.client import lazy_client
from functions.kit.http.cors import Cors
from functions.kit.http.refusals import Document, Refusal
from functions.kit.internal_api import health
from functions.kit.security.visitor_address import VisitorAddress
from functions.storefront.clients.auth import AuthClient
from functions.storefront.clients.catalog import CatalogClient
from functions.storefront.clients.mailbox import MailboxClient
from functions.storefront.clients.notifications import NotificationsClient
from functions.storefront.clients.operations import OperationsClient
from functions.storefront.clients.purchase import PurchaseClient
from functions.storefront.clients.reviews import ReviewClient
from functions.storefront.clients.sales import SalesClient
from functions.storefront.clients.service import ServiceClient
from functions.storefront.controllers import HANDLERS
from functions.storefront.problem_pages import problem_page
from functions.storefront.services import StorefrontServices
from functions.storefront.sessions import Sessions
from functions.storefront.settings import StorefrontSettings
from functions.storefront.sign_in import TokenKeeper

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

FIRST_REQUEST = (
    "httpx",
    "functions.storefront.rendering",
    "babel.numbers",
    "functions.storefront.before_start",
    "encodings.idna",
)
"""What the first page and `before_start` import; an image holds it in its code cache (`kit/start`).
`socket.create_connection` encodes host names by `encodings.idna`."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self';"
        " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Nothing inline, nothing from another host, no frame of another site."""
HSTS = {"strict-transport-security": "max-age=31536000"}
"""Of a shop that is reached by https only: a browser then asks for no page by http (RFC 6797)."""


def _refusal_page(refusal: Refusal, path: str, accept_language: str) -> Document:
    from functions.storefront.refusal_pages import refusal_page  # noqa: PLC0415 - rare

    return refusal_page(refusal, path, accept_language, SECURITY_HEADERS)


def create_app(
    settings: StorefrontSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """The app, for `uvicorn --factory`; arguments are for tests."""
    startup.mark("app")
    settings = settings or StorefrontSettings.from_mapping(os.environ)
    client = http or lazy_client()
    timeout = settings.service_timeout_seconds
    visitors = VisitorAddress(settings.internal_secret, clock)
    auth = AuthClient(
        # Only auth counts by address, so only auth learns it.
        ServiceClient("auth", settings.auth_url, client, timeout=timeout, visitors=visitors)
    )
    catalog = ServiceClient("catalog", settings.catalog_url, client, timeout=timeout)
    services = StorefrontServices(
        name="storefront",
        settings=settings,
        clock=clock,
        http=client,
        metrics=Metrics(),
        tracer=tracer_of(settings),
        process=Process(settings.k_revision),
        auth=auth,
        catalog=CatalogClient(catalog),
        reviews=ReviewClient(catalog),
        purchase=PurchaseClient(
            ServiceClient("purchase", settings.purchase_url, client, timeout=timeout)
        ),
        sales=SalesClient(
            ServiceClient("purchase", settings.purchase_url, client, timeout=timeout)
        ),
        operations={
            name: OperationsClient(ServiceClient(name, url, client, timeout=timeout))
            for name, url in (
                ("auth", settings.auth_internal_url),
                ("catalog", settings.catalog_internal_url),
                ("notifications", settings.notifications_internal_url),
                ("purchase", settings.purchase_internal_url),
            )
        },
        notifications=NotificationsClient(
            ServiceClient("notifications", settings.notifications_url, client, timeout=timeout)
        ),
        mailbox=MailboxClient(
            ServiceClient("mailbox", settings.mailbox_url, client, timeout=timeout)
        )
        if settings.mailbox_url
        else None,
        sessions=Sessions(settings.keys, clock),
        tokens=TokenKeeper(auth, clock),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        logs.configure(services.name, settings.log_level, settings.log_format)
        if not settings.keys:
            logger.warning("SESSION_KEYS is not set: sessions end with this process")
        if not settings.cookie_is_secure:
            logger.warning("the session's cookies go over plain http too: for development only")
        if settings.production and not settings.internal_secret:
            logger.warning(
                "INTERNAL_SECRET is not set: auth counts the password tries of all visitors as"
                " those of one address"
            )
        services.process.serving(clock)
        try:
            yield
        finally:
            services.stopping = True
            await services.tokens.finish()
            if http is None:
                await client.aclose()

    return assemble(
        services,
        [*health.PROBES, *HANDLERS],
        lifespan=lifespan,
        cors=Cors(""),
        openapi=None,
        refuse=problem_page,
        render_refusal=_refusal_page,
        before_request=None,
        security_headers=SECURITY_HEADERS | (HSTS if settings.cookie_is_secure else {}),
    )

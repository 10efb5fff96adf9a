"""`create_app` wires notifications; `subscriptions.py` writes mails, `sender.py` sends them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.types import ControllerRouterHandler

from functions.kit.app import BackgroundTask, Service, Wiring, build_app
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data.database import Database
from functions.kit.events.subscriptions import Subscriptions
from functions.kit.http.services import Services
from functions.kit.http.topics import Topic
from functions.kit.security import auth_stream
from functions.notifications import controllers, migrations, subscriptions
from functions.notifications.commands import mails, orders
from functions.notifications.services import NotificationsServices
from functions.notifications.settings import NotificationsSettings
from functions.notifications.tables import TABLES

if TYPE_CHECKING:
    import httpx

DESCRIPTION = "The mails of the shop, and which of them a customer wants."

OFF = "SMTP_URL is not set or `off`: no mail is sent, not even a link to reset a password"


def create_app(
    settings: NotificationsSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
) -> Litestar:
    """The factory for `uvicorn --factory`; tests pass arguments."""
    settings = settings or NotificationsSettings.from_mapping(os.environ)

    def internal() -> Sequence[ControllerRouterHandler]:
        from functions.notifications.controllers import internal  # noqa: PLC0415 - see `Service`

        return internal.HANDLERS

    def background_tasks(services: NotificationsServices) -> Sequence[BackgroundTask]:
        async def purge(database: Database) -> None:
            await auth_stream.purge(database, clock=clock)
            await mails.purge(database, clock())
            await orders.purge_orders(database, clock())

        return (purge,) if services.sender is None else (services.sender.send_due, purge)

    def services(shared: Services) -> NotificationsServices:
        if not settings.exposed_api.internal:
            return NotificationsServices.extend(shared)
        # Only the internal API sends, so only its pods have the password of the SMTP server.
        from functions.notifications.contacts import Contacts  # noqa: PLC0415
        from functions.notifications.metrics import MailMetrics  # noqa: PLC0415
        from functions.notifications.sender import Sender  # noqa: PLC0415

        contacts = Contacts(settings.auth_internal_url, shared.http, shared.internal_secret)
        sender = Sender(settings, contacts, MailMetrics(shared.metrics), clock)
        return NotificationsServices.extend(shared, sender=sender)

    def subscribed(wiring: Wiring) -> Subscriptions:
        return subscriptions.build(clock, wiring.run_background_tasks)

    service = Service(
        name="notifications",
        description=DESCRIPTION,
        migrations=migrations,
        tables=TABLES,
        public=controllers.HANDLERS,
        internal=internal,
        subscriptions=subscribed,
        owners={"auth": settings.auth_internal_url, "purchase": settings.purchase_internal_url},
        verifier=lambda wiring: auth_stream.verifier(
            wiring.database, settings, clock=clock, http=wiring.http
        ),
        topics=(
            Topic("preferences", "Choose mails, and end them.", ("preferences", "unsubscribe")),
        ),
        services=services,
        background_tasks=background_tasks,
        warnings=[OFF] if settings.exposed_api.internal and settings.server is None else [],
    )
    return build_app(service, settings, clock=clock, http=http)

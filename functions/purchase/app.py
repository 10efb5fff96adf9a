"""`create_app` wires purchase; behaviour is in `controllers/` and `commands/`."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from litestar import Litestar

from functions.kit.app import BackgroundTask, Service, build_app
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data import idempotency_keys
from functions.kit.data.database import Database
from functions.kit.events.feed import OwnedStream, digest_of
from functions.kit.http.services import Services
from functions.kit.http.topics import Topic
from functions.kit.security import auth_stream
from functions.purchase import controllers, events, migrations, queries, subscriptions
from functions.purchase.commands.lifecycle import expire_purchases
from functions.purchase.commands.reconciliation import (
    LedgerMonitor,
    reconcile_payments,
    settle_refunds,
)
from functions.purchase.payment_provider import PaymentProvider
from functions.purchase.services import PurchaseServices, simulated
from functions.purchase.settings import PurchaseSettings
from functions.purchase.tables import TABLES

if TYPE_CHECKING:
    import httpx

ProviderFactory = Callable[[Database, PurchaseSettings, Clock], PaymentProvider]

SIMULATED_WARNING = (
    "PAYMENT_PROVIDER is simulated in production: it moves no money, so every purchase is free"
)
AUDIT_DELAY = timedelta(seconds=30)
"""After a start, so that the audit does not compete with the request that has woken the service."""

DESCRIPTION = "Stock, purchases, payments and deliveries."


def create_app(
    settings: PurchaseSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
    payment_provider: ProviderFactory | None = None,
) -> Litestar:
    """The factory for `uvicorn --factory`; tests and other providers pass arguments."""
    settings = settings or PurchaseSettings.from_mapping(os.environ)
    make_provider = payment_provider or simulated

    def services(shared: Services) -> PurchaseServices:
        provider = make_provider(shared.database, settings, clock)
        return PurchaseServices.extend(shared, payment_provider=provider)

    def background_tasks(services: PurchaseServices) -> Sequence[BackgroundTask]:
        provider, outbox = services.payment_provider, services.outbox
        ledger = LedgerMonitor(provider, outbox, clock)

        async def expire(database: Database) -> None:
            await expire_purchases(database, outbox=outbox, now=clock())

        async def reconcile(database: Database) -> None:
            await reconcile_payments(database, provider, outbox=outbox, clock=clock)
            await ledger.check(database)
            await settle_refunds(database, provider, clock=clock)

        async def purge(database: Database) -> None:
            await auth_stream.purge(database, clock=clock)
            await idempotency_keys.purge(database, clock=clock)

        tasks: tuple[BackgroundTask, ...] = (reconcile, expire, purge)
        if not settings.exposed_api.internal or not settings.audit_hours:
            return tasks
        began, daily = clock(), None

        async def audit(database: Database) -> None:
            nonlocal daily
            if daily is None and clock() - began >= AUDIT_DELAY:
                from functions.purchase.daily_audit import DailyAudit  # noqa: PLC0415 - not at start

                daily = DailyAudit(provider, clock, timedelta(hours=settings.audit_hours))
            if daily is not None:
                await daily.run_if_due(database)

        return (*tasks, audit)

    service = Service(
        name="purchase",
        description=DESCRIPTION,
        migrations=migrations,
        tables=TABLES,
        public=controllers.HANDLERS,
        streams=(
            OwnedStream(
                "inventory",
                events.INVENTORY,
                queries.inventory_states,
                digest_of("inventory", "revision", "available"),
            ),
            OwnedStream("orders", events.ORDERS, queries.order_states),
        ),
        subscriptions=lambda wiring: subscriptions.build(wiring.outbox, clock),
        owners={"auth": settings.auth_internal_url, "catalog": settings.catalog_internal_url},
        verifier=lambda wiring: auth_stream.verifier(
            wiring.database, settings, clock=clock, http=wiring.http
        ),
        topics=(
            Topic("purchases", "Buy, look, cancel.", ("purchase", "purchases")),
            Topic("payments", "Payments and refunds.", ("payment", "payments")),
            Topic(
                "deliveries",
                "Delivery providers and deliveries.",
                ("providers", "assignments", "delivery-quotes"),
            ),
            Topic("inventory", "The stock, for staff and sellers.", ("inventory",)),
            Topic("sales", "What a seller has sold.", ("sales",)),
            Topic("cart", "A customer's cart and addresses.", ("cart", "addresses")),
        ),
        services=services,
        background_tasks=background_tasks,
        audited=True,
        warnings=(SIMULATED_WARNING,)
        if settings.production and settings.simulates_payments
        else (),
    )
    return build_app(service, settings, clock=clock, http=http)

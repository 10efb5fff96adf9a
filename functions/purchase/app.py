"""`create_app`: purchase, wired. What the parts do is in `controllers/` and `commands/`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litestar import Litestar

from functions.kit import denylist, idempotency
from functions.kit.app import Chore, Service, Wiring, build_app
from functions.kit.clock import Clock, utc_now
from functions.kit.database import Database
from functions.kit.openapi import Topic
from functions.kit.streams import OwnedStream
from functions.purchase import controllers, events, migrations, queries, subscriptions
from functions.purchase.commands.lifecycle import expire_purchases
from functions.purchase.commands.payments import reconcile_payments, settle_refunds
from functions.purchase.payment_provider import PaymentProvider, SimulatedProvider
from functions.purchase.settings import PurchaseSettings
from functions.purchase.tables import TABLES

if TYPE_CHECKING:
    import httpx

DESCRIPTION = "Stock, purchases, payments and deliveries."


def create_app(
    settings: PurchaseSettings | None = None,
    *,
    clock: Clock = utc_now,
    http: "httpx.AsyncClient | None" = None,
    payment_provider: PaymentProvider | None = None,
) -> Litestar:
    """The service, for `uvicorn --factory`; arguments are for tests and other providers."""
    settings = settings or PurchaseSettings.from_mapping(os.environ)
    provider = payment_provider or SimulatedProvider()

    def chores(wiring: Wiring) -> Sequence[Chore]:
        async def expire(database: Database) -> None:
            await expire_purchases(database, outbox=wiring.outbox, now=clock())

        async def reconcile(database: Database) -> None:
            await reconcile_payments(database, provider, outbox=wiring.outbox, now=clock())
            await settle_refunds(database, provider)

        async def forget(database: Database) -> None:
            await denylist.purge(database, clock=clock)
            await idempotency.purge(database, clock=clock)

        return (expire, reconcile, forget)

    service = Service(
        name="purchase",
        description=DESCRIPTION,
        migrations=migrations,
        tables=TABLES,
        public=controllers.HANDLERS,
        streams=(
            OwnedStream("inventory", events.INVENTORY, queries.inventory_states),
            OwnedStream("orders", events.ORDERS, queries.order_states),
        ),
        subscriptions=lambda wiring: subscriptions.build(wiring.outbox, clock),
        owners={"auth": settings.auth_internal_url, "catalog": settings.catalog_internal_url},
        verifier=lambda wiring: denylist.verifier(
            wiring.database, settings, clock=clock, http=wiring.http
        ),
        topics=(
            Topic("purchases", "Buy, look, cancel.", ("purchase", "purchases")),
            Topic("payments", "Pay, and give money back.", ("payment", "payments")),
            Topic(
                "deliveries",
                "Delivery providers, and what they carry.",
                ("providers", "assignments", "delivery-quotes"),
            ),
            Topic("inventory", "The stock, for staff.", ("inventory",)),
            Topic("cart", "What one means to buy, and where it goes.", ("cart", "addresses")),
        ),
        chores=chores,
        state=lambda _: {"payment_provider": provider},
    )
    return build_app(service, settings, clock=clock, http=http)

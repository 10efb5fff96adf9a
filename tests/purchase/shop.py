"""Purchase running in this process with books for sale, and callers of each role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from piccolo.querystring import QueryString

from functions.kit.base.metrics import Definition, Metrics
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.purchase import migrations
from functions.purchase.app import ProviderFactory, create_app
from functions.purchase.commands.lifecycle import expire_purchases
from functions.purchase.commands.reconciliation import (
    reconcile_ledger,
    reconcile_payments,
    settle_refunds,
)
from functions.purchase.payment_provider import EntryKind
from functions.purchase.settings import PurchaseSettings
from functions.purchase.simulated_provider import SimulatedProvider
from tests.support.apps import Running, serving
from tests.support.clock import FakeClock
from tests.support.registration import registered_once
from tests.support.schemas import with_schema
from tests.support.signing import FEED, SECRET, SIGNER
from tests.support.tokens import Issuer

BUYER, OTHER, STAFF = 7, 8, 1
SELLER, OTHER_SELLER = 21, 22
ROLES = {STAFF: "staff", SELLER: "seller", OTHER_SELLER: "seller"}
"""Of users who are no customers."""
PRICE_MINOR = 1990
EVER = datetime(2000, 1, 1, tzinfo=UTC)
STOCK = 5
BOOKS = "/bookstore/catalog/books"
WEBHOOK_SECRET = "a-secret-of-the-tests-" + "0123456789"


def book_event(
    book_id: int,
    *,
    sequence: int | None = None,
    revision: int = 1,
    kind: str = "created",
    **state: Any,
) -> Event:
    """An event of catalog about a book."""
    return Event(
        id=f"book-{book_id}-{revision}-{kind}",
        source=BOOKS,
        type=f"bookstore.book.{kind}.v1",
        subject=f"book/{book_id}",
        sequence=book_id if sequence is None else sequence,
        revision=revision,
        data=msgspec.json.encode(
            {
                "book_id": book_id,
                "title": f"Libro {book_id}",
                "author": "Autora",
                "description": None,
                "isbn": None,
                "category": None,
                "price_minor": PRICE_MINOR,
                "currency": "USD",
                "retired": kind == "retired",
                "initial_stock": STOCK,
                **state,
            }
        ),
    )


def counted(metrics: Metrics, definition: Definition, *labels: str) -> float:
    """A counter's value, of all its series or of one."""
    series = metrics.add(definition).series
    return sum(each.value for key, each in series.items() if key == labels or not labels)


class Shop(Running):
    """A running purchase service."""

    def __init__(
        self, app: Litestar, client: httpx.AsyncClient, issuer: Issuer, clock: FakeClock
    ) -> None:
        super().__init__(app, client, clock)
        self.issuer = issuer

    def caller(self, user_id: int = BUYER) -> dict[str, str]:
        return self.issuer.bearer(user_id, ROLES.get(user_id, "customer"))

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: int | None = BUYER,
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A request with a JSON body, by a user, or anonymous (None)."""
        who = {} if user is None else self.caller(user)
        if key is not None:
            who["idempotency-key"] = key
        return await self.send(method, path, body, who, headers)

    async def deliver(self, event: Event) -> httpx.Response:
        """Deliver an event that its owner has signed, as the broker does."""
        headers, body = cloudevents.write(SIGNER.sign(event))
        return await self.client.post("/events", headers=headers, content=body)

    async def buy(self, book_id: int = 1, quantity: int = 1, user: int = BUYER) -> int:
        """The id of a purchase."""
        body = {"book_id": book_id, "quantity": quantity}
        response = await self.call("POST", "/purchase", body, user=user)
        assert response.status_code == 201, response.text
        purchase_id: int = response.json()["purchase_id"]
        return purchase_id

    async def pay(self, purchase_id: int, method: str = "tok_success") -> int:
        """The id of a payment."""
        body = {"purchase_id": purchase_id, "payment_method": method}
        response = await self.call("POST", "/payment", body)
        assert response.status_code in {201, 202}, response.text
        payment_id: int = response.json()["payment_id"]
        return payment_id

    @property
    def provider(self) -> SimulatedProvider:
        """The payment provider of this shop."""
        provider: SimulatedProvider = self.app.state.services.payment_provider
        return provider

    async def reconcile(self) -> int:
        """Run the reconciliation of background tasks. Returns how many payments got an outcome."""
        outbox = self.app.state.services.outbox
        decided = await reconcile_payments(
            self.database, self.provider, outbox=outbox, clock=self.clock
        )
        decided += await reconcile_ledger(
            self.database, self.provider, EVER, outbox=outbox, clock=self.clock
        )
        await settle_refunds(self.database, self.provider, clock=self.clock)
        return decided

    async def expire(self) -> int:
        """Run the expiry of background tasks. Returns how many purchases expired."""
        outbox = self.app.state.services.outbox
        return await expire_purchases(self.database, outbox=outbox, now=self.clock())

    async def query(self, template: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the shop's own database."""
        outcome = await self.database.execute(QueryString(template, *values))
        rows: list[dict[str, Any]] = outcome.rows
        return rows

    async def reference_of(self, payment_id: int) -> str:
        """The reference of a payment at the provider."""
        (row,) = await self.query("SELECT reference FROM payments WHERE id = {}", payment_id)
        reference: str = row["reference"]
        return reference

    async def kept_by_provider(self) -> int:
        """Minor units that the provider charged and did not refund."""
        return sum(
            [
                entry.amount_minor if entry.kind is EntryKind.CHARGE else -entry.amount_minor
                async for entry in self.provider.entries()
            ]
        )

    async def assign(self, purchase_id: int) -> int:
        """The id of a new delivery, by a provider that is created if needed."""
        await self.call(
            "POST", "/providers", {"name": "DHL", "contact": "dhl@example.org"}, user=STAFF
        )
        body = {"purchase_id": purchase_id, "provider_id": 1}
        response = await self.call("POST", "/assignments", body, user=STAFF)
        assert response.status_code == 201, response.text
        assignment_id: int = response.json()["assignment_id"]
        return assignment_id

    async def status_of(self, purchase_id: int) -> str:
        response = await self.call("GET", f"/purchase/{purchase_id}", user=STAFF)
        status: str = response.json()["status"]
        return status

    async def stock_of(self, book_id: int = 1) -> tuple[int, int, int]:
        """Copies on hand, reserved and available."""
        found = (await self.call("GET", f"/inventory/{book_id}", user=STAFF)).json()
        return found["on_hand"], found["reserved"], found["available"]

    async def published(self, stream: str) -> list[dict[str, Any]]:
        """Everything that the service has published on one of its streams."""
        response = await self.client.get(f"/internal/streams/{stream}", headers=FEED)
        events: list[dict[str, Any]] = response.json()
        return events


@asynccontextmanager
async def open_shop(
    url: str,
    *,
    clock: FakeClock | None = None,
    books: int = 3,
    payment_provider: ProviderFactory | None = None,
    **settings: str,
) -> AsyncIterator[Shop]:
    """A running service that knows `books` books, with `STOCK` copies of each."""
    clock = clock or FakeClock()
    issuer = Issuer(clock)
    environment = {
        "DATABASE_URL": url,
        "AUTO_MIGRATE": "true",
        "INTERNAL_SECRET": SECRET,
        "PAYMENT_WEBHOOK_SECRET": WEBHOOK_SECRET,
        **settings,
    }
    purchase_settings = PurchaseSettings.from_mapping(environment)
    await with_schema(url, migrations)
    app = registered_once(
        create_app,
        purchase_settings,
        clock=clock,
        http=issuer.wire(),
        payment_provider=payment_provider,
    )
    async with serving(app) as client:
        shop = Shop(app, client, issuer, clock)
        for book_id in range(1, books + 1):
            await shop.deliver(book_event(book_id))
        yield shop

"""The events that the catalogue consumes, in tolerant structs of its own.

Purchase's inventory, for the stock, and its orders, for who may review a book; auth's revoked
tokens, disabled users and keys (`kit/security/auth_stream.py`).
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from functions.catalog.commands.bought_books import (
    delete_stale_purchases,
    mark_purchases_stale,
    record_purchase,
)
from functions.catalog.commands.reviews import erase_reviewer
from functions.catalog.commands.sellers import close_seller
from functions.catalog.commands.stock import delete_stale_stock, mark_stock_stale, record_stock
from functions.kit.base.clock import Clock
from functions.kit.base.fields import Id
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.outbox import Outbox
from functions.kit.events.subscriptions import Projection, Stream, Subscriptions
from functions.kit.security import auth_stream

INVENTORY = Stream(source="/bookstore/purchase/inventory", owner="purchase", name="inventory")
INVENTORY_CHANGED = "bookstore.inventory.changed.v1"
ORDERS = Stream(source="/bookstore/purchase/orders", owner="purchase", name="orders")
PURCHASE_PAID = "bookstore.purchase.paid.v1"
PURCHASE_REFUNDED = "bookstore.purchase.refunded.v1"


class ConsumedInventory(msgspec.Struct, frozen=True, kw_only=True):
    """The data of bookstore.inventory.changed.v1 that the catalogue reads."""

    book_id: Id
    available: Annotated[int, Meta(ge=0, le=MAX_ID)]
    as_of: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        # Other years overflow in another time zone or in a MySQL DATETIME.
        if not 1970 <= self.as_of.year <= 9998:
            raise ValueError("as_of must be in the years 1970 to 9998")


class ConsumedItem(msgspec.Struct, frozen=True, kw_only=True):
    book_id: Id


class ConsumedPurchase(msgspec.Struct, frozen=True, kw_only=True):
    """The data of bookstore.purchase.paid.v1 and refunded.v1 that the catalogue reads."""

    purchase_id: Id
    user_id: Id
    items: Annotated[list[ConsumedItem], Meta(min_length=1, max_length=1000)]


def build(outbox: Outbox, clock: Clock) -> Subscriptions:
    """What this service consumes."""
    subscriptions = Subscriptions(INVENTORY, ORDERS, auth_stream.STREAM)

    @subscriptions.on(INVENTORY_CHANGED, ConsumedInventory)
    async def inventory_changed(database: Database, event: Event, state: ConsumedInventory) -> None:
        await record_stock(
            database,
            state.book_id,
            revision=event.revision or 0,
            available=state.available,
            as_of=state.as_of,
        )

    subscriptions.projections[INVENTORY.source] = Projection(
        mark_stock_stale, delete_stale_stock, digest_of("inventory", "revision", "available")
    )

    def on_purchase(event_type: str, *, bought: bool) -> None:
        @subscriptions.on(event_type, ConsumedPurchase)
        async def purchase_changed(
            database: Database, event: Event, state: ConsumedPurchase
        ) -> None:
            await record_purchase(
                database,
                state.purchase_id,
                state.user_id,
                [item.book_id for item in state.items],
                bought=bought,
                revision=event.revision or 0,
            )

    # A snapshot has a delivered purchase as paid.
    on_purchase(PURCHASE_PAID, bought=True)
    on_purchase(PURCHASE_REFUNDED, bought=False)
    subscriptions.projections[ORDERS.source] = Projection(
        mark_purchases_stale, delete_stale_purchases
    )

    async def account_closed(database: Database, user_id: int) -> None:
        await erase_reviewer(database, user_id, outbox=outbox, now=clock())
        await close_seller(database, user_id, now=clock())

    auth_stream.subscribe(subscriptions, on_account_closed=account_closed)
    return subscriptions

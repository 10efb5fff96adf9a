"""The events that the catalogue consumes, in tolerant structs of its own.

Purchase's inventory, for the stock; auth's revoked tokens, disabled users and keys
(`kit/security/auth_stream.py`).
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from functions.catalog.commands.stock import delete_stale_stock, mark_stock_stale, record_stock
from functions.kit.base.fields import Id
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.subscriptions import Projection, Stream, Subscriptions
from functions.kit.security import auth_stream

INVENTORY = Stream(source="/bookstore/purchase/inventory", owner="purchase", name="inventory")
INVENTORY_CHANGED = "bookstore.inventory.changed.v1"


class ConsumedInventory(msgspec.Struct, frozen=True, kw_only=True):
    """The data of bookstore.inventory.changed.v1 that the catalogue reads."""

    book_id: Id
    available: Annotated[int, Meta(ge=0, le=MAX_ID)]
    as_of: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        # Other years overflow in another time zone or in a MySQL DATETIME.
        if not 1970 <= self.as_of.year <= 9998:
            raise ValueError("as_of must be in the years 1970 to 9998")


def build() -> Subscriptions:
    """What this service consumes."""
    subscriptions = Subscriptions(INVENTORY, auth_stream.STREAM)

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
    auth_stream.subscribe(subscriptions)
    return subscriptions

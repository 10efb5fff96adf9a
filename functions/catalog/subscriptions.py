"""The event door: what the catalogue takes in, in tolerant structs of its own.

Purchase's inventory, to show the stock; auth's revoked tokens, disabled users and keys (the kit's
`kit/security/auth_stream.py`).
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


class InventoryState(msgspec.Struct, frozen=True, kw_only=True):
    """bookstore.inventory.changed.v1, as this side reads it."""

    book_id: Id
    available: Annotated[int, Meta(ge=0, le=MAX_ID)]
    as_of: Annotated[datetime, Meta(tz=True)]

    def __post_init__(self) -> None:
        # Beyond, another time zone or a MySQL DATETIME could not hold it.
        if not 1970 <= self.as_of.year <= 9998:
            raise ValueError("as_of is not a time that a shop has known")


def build() -> Subscriptions:
    """What this service consumes."""
    subscriptions = Subscriptions(INVENTORY, auth_stream.STREAM)

    @subscriptions.on(INVENTORY_CHANGED, InventoryState)
    async def inventory_changed(database: Database, event: Event, state: InventoryState) -> None:
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

"""Bodies of the stock of a book and its adjustments."""

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from functions.kit.base.fields import Strict, line


class InventoryView(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    on_hand: int
    reserved: int
    available: int
    revision: int


class AdjustmentView(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    book_id: int
    delta: int
    reason: str
    user_id: int | None
    """The user who made it; null for the initial stock."""
    created_at: datetime


class StockAdjustment(Strict, frozen=True, kw_only=True):
    delta: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
    """Copies to add, or to remove where negative; never zero."""
    reason: Annotated[str, line(200)]

    described: ClassVar[dict[str, Any]] = {"properties": {"delta": {"not": {"const": 0}}}}
    example: ClassVar[dict[str, Any]] = {"delta": 5, "reason": "delivery from the printer"}


class StockAdjusted(InventoryView, frozen=True, kw_only=True):
    message: str

"""Bodies of a customer's cart."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from functions.kit.base.fields import Id, Strict
from functions.kit.base.orders import MAX_LINES
from functions.purchase.domain.carts import LeftOutReason
from functions.purchase.schemas.shared import Currency, Quantity


class CartQuantity(Strict, frozen=True, kw_only=True):
    quantity: Quantity

    example: ClassVar[dict[str, Any]] = {"quantity": 2}


class CartAddition(Strict, frozen=True, kw_only=True):
    book_id: Id
    quantity: Quantity
    """Copies that are added to those in the cart."""

    example: ClassVar[dict[str, Any]] = {"book_id": 1, "quantity": 2}


class CartMergeItem(Strict, frozen=True, kw_only=True):
    book_id: Id
    quantity: Quantity


class CartMerge(Strict, frozen=True, kw_only=True):
    """The cart of a visitor who has signed in, each book named once."""

    items: Annotated[list[CartMergeItem], Meta(max_length=MAX_LINES)]

    described: ClassVar[dict[str, Any]] = {"properties": {"items": {"uniqueItems": True}}}
    example: ClassVar[dict[str, Any]] = {
        "items": [{"book_id": 1, "quantity": 2}, {"book_id": 3, "quantity": 1}]
    }


class CartItemView(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    title: str
    quantity: int
    price: Decimal
    """The present price of a copy."""
    price_minor: int
    currency: Currency
    price_when_added: Decimal
    price_when_added_minor: int
    price_changed: bool
    available: int
    """Available copies; 0 for a retired book."""
    in_stock: bool
    """Whether all of `quantity` can be bought now: available, and within `max_quantity`."""
    retired: bool
    max_quantity: int
    """Copies of the book that the caller's next order can have, unpaid ones counted; fewer may be
    available."""
    unpaid_quantity: int
    """Copies of the book in the caller's unpaid purchases."""


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's cart at today's prices. Nothing is reserved until it is bought."""

    items: list[CartItemView]
    quantity: int
    """Copies in the lines that can be bought now."""
    total: Decimal
    """The sum of the lines that can be bought now, without delivery."""
    total_minor: int
    currency: Currency | None
    """Null for an empty cart."""
    max_total: Decimal
    """The largest total that one order can have, with its delivery."""
    max_total_minor: int
    unpaid_purchases: int
    """The caller's unpaid purchases."""
    max_unpaid_purchases: int | None
    """With as many, nothing can be bought until one is paid or cancelled; null: no limit."""


class CartLeftOut(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    reason: LeftOutReason


class CartMerged(CartView, frozen=True, kw_only=True):
    left_out: list[CartLeftOut]
    """Items that were not merged, each with the code of the reason."""

"""purchase: cart, addresses, delivery, orders and payments of one customer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from functions.kit.base.money import from_minor
from functions.kit.base.orders import MAX_QUANTITY, MAX_TOTAL_MINOR
from functions.storefront.clients.service import Caller, ServiceClient
from functions.storefront.translations import N_

MAX_TOTAL = from_minor(MAX_TOTAL_MINOR)
"""Of one order, where purchase has not said it: of a cart that it does not keep."""

STATUSES = {
    "Pending Payment": N_("Waiting for payment"),
    "Paid": N_("Paid"),
    "On Delivery": N_("On its way"),
    "Delivered": N_("Delivered"),
    "Cancelled": N_("Cancelled"),
    "Expired": N_("Expired"),
    "Refunded": N_("Refunded"),
    "Assigned": N_("Assigned"),
    "In Transit": N_("In transit"),
    "Failed": N_("Failed"),
    "Processing": N_("Being decided"),
    "Completed": N_("Completed"),
    "Owed": N_("Not paid out yet"),
    "Refused": N_("Refused by the payment provider"),
}
"""purchase's states of an order, a delivery, a payment and a refund, as people read them."""

_TOO_LATE = N_("The order had ended when the money came")
REASONS = {
    "initial stock": N_("Stock at the beginning"),
    **{f"the purchase was {status} when the money came": _TOO_LATE for status in STATUSES},
}
"""Reasons of an adjustment or a refund that purchase writes itself, as people read them."""


class CartItem(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    title: str
    quantity: int
    price: Decimal
    currency: str
    price_changed: bool
    price_when_added: Decimal
    available: int
    in_stock: bool
    retired: bool
    max_quantity: int = MAX_QUANTITY
    """Copies that the next order can have. A purchase of the release before does not say it."""
    unpaid_quantity: int = 0
    """Copies in the customer's unpaid orders."""


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    items: list[CartItem]
    quantity: int
    total: Decimal
    currency: str | None
    max_total: Decimal = MAX_TOTAL
    """Of one order with its delivery."""
    unpaid_purchases: int = 0
    max_unpaid_purchases: int | None = None
    """With as many, nothing more can be ordered; None: no limit."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    reason: str


class Merged(CartView, frozen=True, kw_only=True):
    left_out: list[LeftOut]


class Address(msgspec.Struct, frozen=True, kw_only=True):
    id: int = 0
    default: bool = False
    recipient: str
    lines: list[str]
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str
    phone: str | None = None


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    provider_id: int
    provider_name: str
    fee: Decimal
    subtotal: Decimal
    total: Decimal
    currency: str


class OrderItem(msgspec.Struct, frozen=True, kw_only=True):
    book_id: int
    book_name: str
    quantity: int
    unit_price: Decimal


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    at: datetime
    by: str = "shop"
    """`customer`, `staff` or `shop`."""
    user_id: int | None = None
    """For staff to read, as in the other structs."""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    amount: Decimal
    reason: str
    status: str
    created_at: datetime
    requested_by: int | None = None


class OrderPayment(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    purchase_id: int
    user_id: int
    amount: Decimal
    refunded: Decimal
    refundable: Decimal
    currency: str
    method: str
    status: str
    created_at: datetime
    refunds: list[Refund] = []


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    purchase_id: int
    provider_id: int
    provider_name: str
    status: str
    recipient: str | None
    city: str | None
    country: str | None
    moves: list[str]
    created_at: datetime
    updated_at: datetime
    timeline: list[TimelineEntry] = []


class Order(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    user_id: int
    status: str
    quantity: int
    total_price: Decimal
    delivery_fee: Decimal
    currency: str
    created_at: datetime
    expires_at: datetime
    provider_id: int | None = None
    recipient: str | None = None
    city: str | None = None
    country: str | None = None
    items: list[OrderItem]
    timeline: list[TimelineEntry] = []
    moves: list[str] = []
    """What the caller can do with it now."""
    payments: list[OrderPayment] = []
    deliveries: list[Delivery] = []
    address: Address | None = None

    @property
    def lines(self) -> list[OrderItem]:
        """The items; in a template `items` is also the name of a method of mappings."""
        return self.items

    @property
    def titles(self) -> str:
        return " · ".join(item.book_name for item in self.items)

    @property
    def awaits_payment(self) -> bool:
        return self.status == "Pending Payment"

    @property
    def refunds(self) -> list[Refund]:
        return [refund for payment in self.payments for refund in payment.refunds]


class OrderPage(msgspec.Struct, frozen=True):
    orders: list[Order]
    next_cursor: str | None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    purchase_id: int
    total_price: Decimal
    currency: str


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    payment_id: int
    status: str


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of a book as purchase has it; `available` is what is not reserved."""

    on_hand: int
    reserved: int
    available: int


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    delta: int
    reason: str
    user_id: int | None = None
    created_at: datetime


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A company that delivers."""

    id: int
    name: str
    contact: str
    coverage: list[str]
    """ISO 3166-1 codes, `*` for everywhere; empty where it is unknown."""
    fee: Decimal
    retired: bool


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """Copies of one book in an order, as their seller sees them."""

    sold_at: datetime
    purchase_id: int
    book_id: int
    book_name: str
    quantity: int
    unit_price: Decimal
    amount: Decimal
    revenue: Decimal
    currency: str
    status: str


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of paid sales, in one currency; of one book where they have its name."""

    currency: str
    sales: int
    copies: int
    gross: Decimal
    refunded: Decimal
    revenue: Decimal
    book_id: int = 0
    book_name: str = ""


class SalesSummary(msgspec.Struct, frozen=True, kw_only=True):
    totals: list[Sums]
    books: list[Sums]


class PurchaseClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def cart(self, caller: Caller) -> CartView:
        return (await self._service.request("GET", "/cart", caller=caller)).read(CartView)

    async def add_to_cart(self, caller: Caller, book_id: int, quantity: int, *, key: str) -> bool:
        """Add copies; False where they were added under this key before.

        Raises `Refused`: 404 for an unknown book, 409 for a retired one, a full cart or line.
        """
        body = {"book_id": book_id, "quantity": quantity}
        answer = await self._service.request(
            "POST", "/cart/items", caller=caller, body=body, headers={"idempotency-key": key}
        )
        return answer.headers.get("idempotency-replayed") != "true"

    async def set_cart_item(self, caller: Caller, book_id: int, quantity: int) -> None:
        """Raises `Refused`: 404 for an unknown book, 409 for a retired one or a full cart."""
        path, body = f"/cart/items/{book_id}", {"quantity": quantity}
        await self._service.request("PUT", path, caller=caller, body=body)

    async def remove_cart_item(self, caller: Caller, book_id: int) -> None:
        await self._service.request("DELETE", f"/cart/items/{book_id}", caller=caller)

    async def merge_cart(self, caller: Caller, lines: Mapping[int, int]) -> Merged:
        items = [{"book_id": book, "quantity": quantity} for book, quantity in lines.items()]
        body = {"items": items}
        answer = await self._service.request("POST", "/cart/merge", caller=caller, body=body)
        return answer.read(Merged)

    async def addresses(self, caller: Caller) -> list[Address]:
        return (await self._service.request("GET", "/addresses", caller=caller)).read(list[Address])

    async def add_address(self, caller: Caller, address: Mapping[str, object], *, key: str) -> int:
        """The new address's id. Raises `Refused` with the fields that its country wants."""
        answer = await self._service.request(
            "POST", "/addresses", caller=caller, body=address, headers={"idempotency-key": key}
        )
        return answer.read(_AddressChanged).address_id

    async def delete_address(self, caller: Caller, address_id: int) -> None:
        await self._service.request("DELETE", f"/addresses/{address_id}", caller=caller)

    async def quotes(
        self, caller: Caller, country: str, lines: Sequence[tuple[int, int]]
    ) -> list[Quote]:
        """Deliveries that reach a country, the cheapest first."""
        items = ",".join(f"{book_id}x{quantity}" for book_id, quantity in lines)
        answer = await self._service.request(
            "GET", "/delivery-quotes", caller=caller, params={"country": country, "items": items}
        )
        return answer.read(list[Quote])

    async def place(self, caller: Caller, body: Mapping[str, object], *, key: str) -> Placed:
        """Raises `Refused`: 409 `price-changed`, `insufficient-stock` and the like."""
        answer = await self._service.request(
            "POST", "/purchase", caller=caller, body=body, headers={"idempotency-key": key}
        )
        return answer.read(Placed)

    async def pay(self, caller: Caller, purchase_id: int, method: str, *, key: str) -> Payment:
        """Raises `Refused`: 402 declined, 409 expired or being decided."""
        answer = await self._service.request(
            "POST",
            "/payment",
            caller=caller,
            body={"purchase_id": purchase_id, "payment_method": method},
            headers={"idempotency-key": key},
        )
        return answer.read(Payment)

    async def orders(self, caller: Caller, user_id: int, *, after: str | None = None) -> OrderPage:
        """The caller's own: without `user_id`, purchase gives everybody's to staff."""
        params = {"limit": 20, "after": after, "user_id": user_id}
        answer = await self._service.request("GET", "/purchases", caller=caller, params=params)
        return OrderPage(answer.read(list[Order]), answer.next_cursor)

    async def order(self, caller: Caller, purchase_id: int) -> Order:
        answer = await self._service.request("GET", f"/purchase/{purchase_id}", caller=caller)
        return answer.read(Order)

    async def sales(
        self, caller: Caller, filters: Mapping[str, object]
    ) -> tuple[list[Sale], str | None]:
        """A page of the seller's sales, and the cursor of the next."""
        answer = await self._service.request("GET", "/sales", caller=caller, params=filters)
        return answer.read(list[Sale]), answer.next_cursor

    async def sales_summary(self, caller: Caller, filters: Mapping[str, object]) -> SalesSummary:
        answer = await self._service.request("GET", "/sales/summary", caller=caller, params=filters)
        return answer.read(SalesSummary)

    async def cancel(self, caller: Caller, purchase_id: int) -> None:
        await self._service.request("DELETE", f"/purchase/{purchase_id}", caller=caller)

    async def inventory(self, caller: Caller, book_id: int) -> Inventory:
        """Raises `Refused` with 404 until purchase has heard of the book."""
        answer = await self._service.request("GET", f"/inventory/{book_id}", caller=caller)
        return answer.read(Inventory)

    async def adjustments(self, caller: Caller, book_id: int, *, limit: int) -> list[Adjustment]:
        """The last ones, the newest first."""
        path = f"/inventory/{book_id}/adjustments"
        answer = await self._service.request("GET", path, caller=caller, params={"limit": limit})
        return answer.read(list[Adjustment])

    async def adjust_stock(
        self, caller: Caller, book_id: int, delta: int, reason: str, *, key: str
    ) -> Inventory:
        """Raises `Refused`: 404, 409 where fewer copies are available, 422 for a reused key."""
        answer = await self._service.request(
            *("POST", f"/inventory/{book_id}/adjustments"),
            caller=caller,
            body={"delta": delta, "reason": reason},
            headers={"idempotency-key": key},
        )
        return answer.read(Inventory)

    async def providers(
        self, caller: Caller, filters: Mapping[str, Any]
    ) -> tuple[list[Provider], str | None]:
        """A page of delivery providers, and the cursor of the next."""
        answer = await self._service.request("GET", "/providers", caller=caller, params=filters)
        return answer.read(list[Provider]), answer.next_cursor

    async def provider(self, caller: Caller, provider_id: int) -> tuple[Provider, str]:
        """With its entity tag. Raises `Refused` with 404."""
        answer = await self._service.request("GET", f"/providers/{provider_id}", caller=caller)
        return answer.read(Provider), answer.headers.get("etag", "")

    async def add_provider(self, caller: Caller, body: Mapping[str, object]) -> int:
        """The new provider's id. Raises `Refused`: 400 with its fields, 409 for a taken name."""
        answer = await self._service.request("POST", "/providers", caller=caller, body=body)
        return answer.read(_ProviderChanged).provider_id

    async def change_provider(
        self,
        caller: Caller,
        provider_id: int,
        changes: Mapping[str, object],
        *,
        etag: str | None = None,
    ) -> None:
        """Raises `Refused`: 400 with its fields, 404, 409 for a taken name, 412."""
        await self._service.request(
            *("PATCH", f"/providers/{provider_id}"),
            caller=caller,
            body=changes,
            headers={"if-match": etag} if etag else None,
            repeatable=etag is None,
        )


class _ProviderChanged(msgspec.Struct, frozen=True):
    provider_id: int


class _AddressChanged(msgspec.Struct, frozen=True):
    address_id: int

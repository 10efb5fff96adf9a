"""purchase: cart, addresses, delivery, orders and payments of one customer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from functions.storefront.clients.service import Caller, ServiceClient


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


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    items: list[CartItem]
    quantity: int
    total: Decimal
    currency: str | None


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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    status: str
    quantity: int
    total_price: Decimal
    delivery_fee: Decimal
    currency: str
    created_at: datetime
    expires_at: datetime
    items: list[OrderItem]
    timeline: list[TimelineEntry] = []
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


class PurchaseClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def cart(self, caller: Caller) -> CartView:
        return (await self._service.request("GET", "/cart", caller=caller)).read(CartView)

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

    async def orders(self, caller: Caller, *, after: str | None = None) -> OrderPage:
        answer = await self._service.request(
            "GET", "/purchases", caller=caller, params={"limit": 20, "after": after}
        )
        return OrderPage(answer.read(list[Order]), answer.next_cursor)

    async def order(self, caller: Caller, purchase_id: int) -> Order:
        answer = await self._service.request("GET", f"/purchase/{purchase_id}", caller=caller)
        return answer.read(Order)

    async def cancel(self, caller: Caller, purchase_id: int) -> None:
        await self._service.request("DELETE", f"/purchase/{purchase_id}", caller=caller)


class _AddressChanged(msgspec.Struct, frozen=True):
    address_id: int

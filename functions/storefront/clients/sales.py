"""purchase, as staff uses it: everybody's orders, payments and deliveries."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from functions.storefront.clients.purchase import Delivery, Order, OrderPayment
from functions.storefront.clients.service import Caller, ServiceClient

MAX_PROVIDERS = 500


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    coverage: list[str]
    """Countries by ISO 3166-1 code, `*` for everywhere; empty where it is unknown."""

    def covers(self, country: str | None) -> bool:
        """Whether it may be asked to go there; unknown coverage and unknown countries match."""
        return (
            country is None or not self.coverage or "*" in self.coverage or country in self.coverage
        )


class SalesClient:
    def __init__(self, service: ServiceClient) -> None:
        self._service = service

    async def orders(
        self, caller: Caller, asked: Mapping[str, Any]
    ) -> tuple[list[Order], str | None]:
        """A page of orders, and the cursor of the next."""
        answer = await self._service.request("GET", "/purchases", caller=caller, params=asked)
        return answer.read(list[Order]), answer.next_cursor

    async def payments(
        self, caller: Caller, asked: Mapping[str, Any]
    ) -> tuple[list[OrderPayment], str | None]:
        answer = await self._service.request("GET", "/payments", caller=caller, params=asked)
        return answer.read(list[OrderPayment]), answer.next_cursor

    async def payment(self, caller: Caller, payment_id: int) -> OrderPayment:
        answer = await self._service.request("GET", f"/payments/{payment_id}", caller=caller)
        return answer.read(OrderPayment)

    async def deliveries(
        self, caller: Caller, asked: Mapping[str, Any]
    ) -> tuple[list[Delivery], str | None]:
        answer = await self._service.request("GET", "/assignments", caller=caller, params=asked)
        return answer.read(list[Delivery]), answer.next_cursor

    async def delivery(self, caller: Caller, delivery_id: int) -> Delivery:
        answer = await self._service.request("GET", f"/assignments/{delivery_id}", caller=caller)
        return answer.read(Delivery)

    async def providers(self, caller: Caller) -> list[Provider]:
        """The delivery providers that are offered, by name."""
        found: list[Provider] = []
        after: str | None = None
        while len(found) < MAX_PROVIDERS:
            params = {"limit": 100, "after": after}
            answer = await self._service.request("GET", "/providers", caller=caller, params=params)
            found += answer.read(list[Provider])
            after = answer.next_cursor
            if after is None:
                break
        return sorted(found, key=lambda each: each.name.casefold())

    async def assign(self, caller: Caller, order_id: int, provider_id: int, *, key: str) -> None:
        """Raises `Refused`: 409 `not-paid`, `already-assigned`, `provider-retired`."""
        body = {"purchase_id": order_id, "provider_id": provider_id}
        await self._service.request(
            "POST", "/assignments", caller=caller, body=body, headers={"idempotency-key": key}
        )

    async def report(self, caller: Caller, delivery_id: int, status: str) -> None:
        """Raises `Refused`: 409 `illegal-move`."""
        await self._service.request(
            "PATCH", f"/assignments/{delivery_id}", caller=caller, body={"status": status}
        )

    async def refund(
        self, caller: Caller, payment_id: int, amount: Decimal | None, reason: str, *, key: str
    ) -> None:
        """Of an amount, or of all that is left. Raises `Refused`: 409 `over-refund` and others."""
        body = {"reason": reason} | ({} if amount is None else {"amount": str(amount)})
        await self._service.request(
            "POST",
            f"/payments/{payment_id}/refunds",
            caller=caller,
            body=body,
            headers={"idempotency-key": key},
        )

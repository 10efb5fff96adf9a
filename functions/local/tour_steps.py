"""The steps of the tour: the life of a purchase, from registration to logout."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from functions.local.client import wait_until
from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.invocation import command
from functions.local.tour_requests import Caller, TourRequests, require_equal

_QUANTITY = 2
_LARGEST_QUANTITY = 1000
_EVENT_SECONDS = 60.0
"""Enough for a broker or a consumer that has to be restarted first."""

Step = Callable[[], Awaitable[None]]


class PurchaseTour:
    def __init__(self, console: Console, requests: TourRequests, staff: Caller) -> None:
        self._console = console
        self._requests = requests
        self._staff = staff
        self._customer = Caller("TOKEN", "")
        self._email = f"tour-{secrets.token_hex(4)}@bookstore.example"
        self._password = secrets.token_urlsafe(12)
        self._book: dict[str, Any] = {}
        self._key = str(uuid.uuid4())
        self._bought: dict[str, Any] = {}
        self._first_response = b""
        self._assignment_id = 0

    def steps(self) -> list[tuple[str, Step]]:
        return [
            ("Register", self._register),
            ("Log in", self._log_in),
            ("Browse the catalogue", self._browse),
            ("Search by author", self._search),
            ("Buy two copies, with the content type that curl sends", self._buy),
            ("Send the same purchase again, as after a lost response", self._buy_again),
            ("An event lowers the stock in catalog", self._stock_goes_down),
            ("Try to buy more than the stock", self._oversell),
            ("Pay", self._pay),
            ("Assign a delivery, as staff", self._assign),
            ("Deliver it", self._deliver),
            ("Read the purchase with its history", self._look_back),
            ("Log out: every service refuses the token", self._log_out),
        ]

    async def run(self, before_step: Callable[[int], Awaitable[None]] | None = None) -> None:
        """`before_step` is awaited with the number of each step. Raises ShopError."""
        for number, (title, step) in enumerate(self.steps(), start=1):
            if before_step is not None:
                await before_step(number)
            self._console.print()
            self._console.notice(f"{number:2} · {title}")
            await step()

    async def _register(self) -> None:
        response = await self._requests.send(
            201,
            "POST",
            "auth",
            "/register",
            body={"email": self._email, "password": self._password, "name": "Tour"},
            show=("message", "id"),
        )
        require_equal("The message", response["message"], "usuario creado")

    async def _log_in(self) -> None:
        response = await self._requests.send(
            200,
            "POST",
            "auth",
            "/login",
            body={"email": self._email, "password": self._password},
            show=("message", "token_type", "expires_in"),
        )
        require_equal("The message", response["message"], "login exitoso")
        self._customer = Caller("TOKEN", response["token"])
        self._requests.remark("TOKEN is the token of this response")

    async def _browse(self) -> None:
        response = await self._requests.send(
            200,
            "GET",
            "catalog",
            "/books?in_stock=true&limit=100",
            show=("id", "title", "price", "stock"),
        )
        enough = [book for book in response.body if _QUANTITY <= book["stock"] < _LARGEST_QUANTITY]
        if not enough:
            again = command("dev -- --fresh")
            raise ShopError(f"No book has {_QUANTITY} copies left. {again} starts with new stock.")
        self._book = enough[0]
        self._requests.remark(f"{len(response.body)} books; the tour buys {self._book['title']!r}")

    async def _search(self) -> None:
        author = self._book["author"]
        response = await self._requests.send(
            200,
            "GET",
            "catalog",
            f"/books?author={quote(author)}",
            show=("id", "title", "author"),
        )
        found = [book["id"] for book in response.body]
        require_equal(f"Whether {author!r} finds the book", self._book["id"] in found, True)

    async def _buy(self) -> None:
        response = await self._purchase(201, _QUANTITY, self._key)
        require_equal("The message", response["message"], "Compra creada")
        require_equal("The status", response["status"], "Pending Payment")
        require_equal(
            "The total", response["total_price"], Decimal(self._book["price"]) * _QUANTITY
        )
        self._bought = response.body
        self._first_response = response.raw

    async def _buy_again(self) -> None:
        response = await self._purchase(201, _QUANTITY, self._key)
        require_equal("The body", response.raw, self._first_response)
        mine = await self._requests.send(
            200,
            "GET",
            "purchase",
            "/purchases",
            caller=self._customer,
            show=("id", "book_name", "quantity", "total_price", "status"),
        )
        require_equal("The number of purchases", len(mine.body), 1)
        self._requests.remark(
            "the same bytes and a single purchase: the Idempotency-Key makes retries safe"
        )

    async def _stock_goes_down(self) -> None:
        path = f"/books/{self._book['id']}"
        before, sold_at = self._book["stock_revision"], self._bought["remaining_stock"]

        async def is_lower() -> bool:
            book = await self._requests.read("catalog", path)
            return bool(book["stock_revision"] > before and book["stock"] <= sold_at)

        await wait_until("catalog has the event of the sale", is_lower, seconds=_EVENT_SECONDS)
        response = await self._requests.send(
            200, "GET", "catalog", path, show=("id", "stock", "stock_revision", "stock_as_of")
        )
        self._requests.remark(
            f"{self._book['stock']} before, {response['stock']} now; "
            f"revision {before} before, {response['stock_revision']} now"
        )

    async def _oversell(self) -> None:
        response = await self._purchase(409, _LARGEST_QUANTITY, str(uuid.uuid4()))
        require_equal("The code", response["code"], "insufficient-stock")
        require_equal(
            "Whether stock_actual is lower", response["stock_actual"] < _LARGEST_QUANTITY, True
        )
        self._requests.remark("nothing was sold; stock_actual is the number of copies")

    async def _pay(self) -> None:
        response = await self._requests.send(
            201,
            "POST",
            "purchase",
            "/payment",
            caller=self._customer,
            body={"purchase_id": self._purchase_id, "payment_method": "tok_success"},
            key=str(uuid.uuid4()),
            show=("message", "payment_id", "status"),
        )
        require_equal("The message", response["message"], "Pago registrado")
        await self._require_status("Paid")

    async def _assign(self) -> None:
        providers = await self._requests.send(
            200,
            "GET",
            "purchase",
            "/providers",
            show=("id", "name", "coverage", "fee"),
        )
        if not providers.body:
            again = command("dev -- --fresh")
            raise ShopError(f"The shop has no delivery provider. {again} starts with some.")
        response = await self._requests.send(
            201,
            "POST",
            "purchase",
            "/assignments",
            caller=self._staff,
            body={"purchase_id": self._purchase_id, "provider_id": providers.body[0]["id"]},
            show=("message", "assignment_id"),
        )
        require_equal("The message", response["message"], "Entrega asignada")
        self._assignment_id = response["assignment_id"]
        await self._require_status("On Delivery")

    async def _deliver(self) -> None:
        for status in ("in_transit", "delivered"):
            await self._requests.send(
                200,
                "PATCH",
                "purchase",
                f"/assignments/{self._assignment_id}",
                caller=self._staff,
                body={"status": status},
                show=("message", "status", "purchase_status"),
            )
        await self._require_status("Delivered")

    async def _look_back(self) -> None:
        response = await self._requests.send(
            200,
            "GET",
            "purchase",
            f"/purchase/{self._purchase_id}",
            caller=self._customer,
            show=("id", "total_price", "status", "timeline"),
        )
        require_equal("The status", response["status"], "Delivered")

    async def _log_out(self) -> None:
        response = await self._requests.send(
            200, "POST", "auth", "/logout", caller=self._customer, show=("message",)
        )
        require_equal("The message", response["message"], "logout exitoso")

        async def refused() -> bool:
            mine = await self._requests.read("purchase", "/purchases", caller=self._customer)
            return mine.status == 401

        await wait_until("purchase has the event of the logout", refused, seconds=_EVENT_SECONDS)
        await self._requests.send(401, "GET", "purchase", "/purchases", caller=self._customer)
        self._requests.remark("purchase knows from the event, without a request to auth")

    @property
    def _purchase_id(self) -> int:
        purchase_id: int = self._bought["purchase_id"]
        return purchase_id

    async def _purchase(self, expected: int, quantity: int, key: str) -> Any:
        return await self._requests.send(
            expected,
            "POST",
            "purchase",
            "/purchase",
            caller=self._customer,
            body={"book_id": self._book["id"], "quantity": quantity},
            key=key,
            as_form=True,
            show=(
                *("message", "purchase_id", "total_price", "remaining_stock", "status"),
                *("expires_at", "stock_actual"),
            ),
        )

    async def _require_status(self, status: str) -> None:
        response = await self._requests.read(
            "purchase", f"/purchase/{self._purchase_id}", caller=self._customer
        )
        require_equal("The purchase's status", response["status"], status)
        self._requests.remark(f"the status of the purchase is now {status!r}")

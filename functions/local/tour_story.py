"""The tour itself: the whole life of a purchase, in the order in which it happens."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from functions.local.client import until
from functions.local.console import Console
from functions.local.errors import ShopError
from functions.local.invocation import command
from functions.local.tour_guide import Guide, Person, insist

_QUANTITY = 2
_MOST_QUANTITY = 1000
# Also after a broker or a consumer had to be started again.
_EVENT_SECONDS = 60.0

Step = Callable[[], Awaitable[None]]


class Story:
    def __init__(self, console: Console, guide: Guide, staff: Person) -> None:
        self._console = console
        self._guide = guide
        self._staff = staff
        self._customer = Person("TOKEN", "")
        self._email = f"tour-{secrets.token_hex(4)}@bookstore.example"
        self._password = secrets.token_urlsafe(12)
        self._book: dict[str, Any] = {}
        self._key = str(uuid.uuid4())
        self._bought: dict[str, Any] = {}
        self._first_answer = b""
        self._assignment_id = 0

    def steps(self) -> list[tuple[str, Step]]:
        return [
            ("Register", self._register),
            ("Log in", self._log_in),
            ("Browse the catalogue", self._browse),
            ("Search by author", self._search),
            ("Buy two copies, typed as curl sends it", self._buy),
            ("Send the same purchase again: an answer got lost, say", self._buy_again),
            ("The stock goes down in catalog, by event", self._stock_goes_down),
            ("Ask for more than there is", self._oversell),
            ("Pay", self._pay),
            ("Staff assigns a delivery", self._assign),
            ("On the road, and delivered", self._deliver),
            ("Look at the purchase", self._look_back),
            ("Log out: the token ends everywhere", self._log_out),
        ]

    async def tell(self, between: Callable[[int], Awaitable[None]] | None = None) -> None:
        """`between` is awaited before each step, with its number."""
        for number, (title, step) in enumerate(self.steps(), start=1):
            if between is not None:
                await between(number)
            self._console.say()
            self._console.notice(f"{number:2} · {title}")
            await step()

    async def _register(self) -> None:
        answer = await self._guide.ask(
            201,
            "POST",
            "auth",
            "/register",
            body={"email": self._email, "password": self._password, "name": "Tour"},
            show=("message", "id"),
        )
        insist("The message", answer["message"], "usuario creado")

    async def _log_in(self) -> None:
        answer = await self._guide.ask(
            200,
            "POST",
            "auth",
            "/login",
            body={"email": self._email, "password": self._password},
            show=("message", "token_type", "expires_in"),
        )
        insist("The message", answer["message"], "login exitoso")
        self._customer = Person("TOKEN", answer["token"])
        self._guide.tell("TOKEN is the token of this answer")

    async def _browse(self) -> None:
        answer = await self._guide.ask(
            200,
            "GET",
            "catalog",
            "/books?in_stock=true&limit=100",
            show=("id", "title", "price", "stock"),
        )
        enough = [book for book in answer.body if _QUANTITY <= book["stock"] < _MOST_QUANTITY]
        if not enough:
            again = command("dev -- --fresh")
            raise ShopError(f"No book has {_QUANTITY} copies left: {again} restocks.")
        self._book = enough[0]
        self._guide.tell(f"{len(answer.body)} books; we take {self._book['title']!r}")

    async def _search(self) -> None:
        author = self._book["author"]
        answer = await self._guide.ask(
            200,
            "GET",
            "catalog",
            f"/books?author={quote(author)}",
            show=("id", "title", "author"),
        )
        found = [book["id"] for book in answer.body]
        insist(f"That {author!r} finds the book", self._book["id"] in found, True)

    async def _buy(self) -> None:
        answer = await self._purchase(201, _QUANTITY, self._key)
        insist("The message", answer["message"], "Compra creada")
        insist("The status", answer["status"], "Pending Payment")
        insist("The total", answer["total_price"], Decimal(self._book["price"]) * _QUANTITY)
        self._bought = answer.body
        self._first_answer = answer.raw

    async def _buy_again(self) -> None:
        answer = await self._purchase(201, _QUANTITY, self._key)
        insist("The answer, byte for byte,", answer.raw, self._first_answer)
        mine = await self._guide.ask(
            200,
            "GET",
            "purchase",
            "/purchases",
            person=self._customer,
            show=("id", "book_name", "quantity", "total_price", "status"),
        )
        insist("The number of purchases", len(mine.body), 1)
        self._guide.tell("the same bytes, and one purchase: the key makes a retry safe")

    async def _stock_goes_down(self) -> None:
        path = f"/books/{self._book['id']}"
        before, sold_at = self._book["stock_revision"], self._bought["remaining_stock"]

        async def moved() -> bool:
            book = await self._guide.look("catalog", path)
            return bool(book["stock_revision"] > before and book["stock"] <= sold_at)

        await until("that catalog hears of the sale", moved, seconds=_EVENT_SECONDS)
        answer = await self._guide.ask(
            200, "GET", "catalog", path, show=("id", "stock", "stock_revision", "stock_as_of")
        )
        self._guide.tell(
            f"{self._book['stock']} before, {answer['stock']} now; "
            f"revision {before} before, {answer['stock_revision']} now"
        )

    async def _oversell(self) -> None:
        answer = await self._purchase(409, _MOST_QUANTITY, str(uuid.uuid4()))
        insist("The code", answer["code"], "insufficient-stock")
        insist("The stock that it tells", answer["stock_actual"] < _MOST_QUANTITY, True)
        self._guide.tell("nothing was sold, and the answer says how many there are")

    async def _pay(self) -> None:
        answer = await self._guide.ask(
            201,
            "POST",
            "purchase",
            "/payment",
            person=self._customer,
            body={"purchase_id": self._purchase_id, "payment_method": "tok_success"},
            key=str(uuid.uuid4()),
            show=("message", "payment_id", "status"),
        )
        insist("The message", answer["message"], "Pago registrado")
        await self._insist_on_status("Paid")

    async def _assign(self) -> None:
        providers = await self._guide.ask(
            200,
            "GET",
            "purchase",
            "/providers",
            show=("id", "name", "coverage", "fee"),
        )
        if not providers.body:
            again = command("dev -- --fresh")
            raise ShopError(f"The shop has no delivery provider: {again} adds some.")
        answer = await self._guide.ask(
            201,
            "POST",
            "purchase",
            "/assignments",
            person=self._staff,
            body={"purchase_id": self._purchase_id, "provider_id": providers.body[0]["id"]},
            show=("message", "assignment_id"),
        )
        insist("The message", answer["message"], "Entrega asignada")
        self._assignment_id = answer["assignment_id"]
        await self._insist_on_status("On Delivery")

    async def _deliver(self) -> None:
        for status in ("in_transit", "delivered"):
            await self._guide.ask(
                200,
                "PATCH",
                "purchase",
                f"/assignments/{self._assignment_id}",
                person=self._staff,
                body={"status": status},
                show=("message", "status", "purchase_status"),
            )
        await self._insist_on_status("Delivered")

    async def _look_back(self) -> None:
        answer = await self._guide.ask(
            200,
            "GET",
            "purchase",
            f"/purchase/{self._purchase_id}",
            person=self._customer,
            show=("id", "total_price", "status", "timeline"),
        )
        insist("The status", answer["status"], "Delivered")

    async def _log_out(self) -> None:
        answer = await self._guide.ask(
            200, "POST", "auth", "/logout", person=self._customer, show=("message",)
        )
        insist("The message", answer["message"], "logout exitoso")

        async def refused() -> bool:
            mine = await self._guide.look("purchase", "/purchases", person=self._customer)
            return mine.status == 401

        await until("that purchase hears of the logout", refused, seconds=_EVENT_SECONDS)
        await self._guide.ask(401, "GET", "purchase", "/purchases", person=self._customer)
        self._guide.tell("purchase knows it from the event, without asking auth")

    @property
    def _purchase_id(self) -> int:
        purchase_id: int = self._bought["purchase_id"]
        return purchase_id

    async def _purchase(self, expected: int, quantity: int, key: str) -> Any:
        return await self._guide.ask(
            expected,
            "POST",
            "purchase",
            "/purchase",
            person=self._customer,
            body={"book_id": self._book["id"], "quantity": quantity},
            key=key,
            as_curl_does=True,
            show=(
                *("message", "purchase_id", "total_price", "remaining_stock", "status"),
                *("expires_at", "stock_actual"),
            ),
        )

    async def _insist_on_status(self, status: str) -> None:
        answer = await self._guide.look(
            "purchase", f"/purchase/{self._purchase_id}", person=self._customer
        )
        insist("The purchase's status", answer["status"], status)
        self._guide.tell(f"the purchase is {status!r} now")

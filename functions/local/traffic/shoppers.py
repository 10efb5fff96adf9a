"""Customers of the traffic, and what each remembers of its purchases."""

import secrets
from dataclasses import dataclass, field

import httpx

from functions.local.errors import ShopError
from functions.local.traffic.sending import Sender, Unanswered

DOMAIN = "bookstore.example"


@dataclass
class Bought:
    """A purchase as the shop confirmed it."""

    purchase_id: int
    total_minor: int
    copies: dict[int, int]
    """By book."""
    fate: str = "placed"
    """What the shop said last: placed, paid, undecided, cancelled."""


@dataclass
class Shopper:
    """Buys one thing at a time, so that its cart is its own."""

    email: str
    password: str = field(repr=False)
    user_id: int = 0
    token: str = field(default="", repr=False)
    bought: dict[int, Bought] = field(default_factory=dict)
    unclear: int = 0
    """Purchases that got no answer: there may be one in the shop or none."""

    async def sign_in(self, sender: Sender) -> None:
        """Raises `Unanswered`, or ShopError where auth refuses."""
        response = await sender.change(
            "sign in",
            "POST",
            "auth",
            "/login",
            json={"email": self.email, "password": self.password},
        )
        if response.status_code != httpx.codes.OK:
            raise ShopError(f"auth refused to log {self.email} in: {response.text[:300]}")
        self.token = response.json()["access_token"]

    async def read(self, sender: Sender, kind: str, service: str, path: str) -> httpx.Response:
        """As `Sender.read`, with a token that is renewed where it has expired."""
        response = await sender.read(kind, service, path, token=self.token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await self.sign_in(sender)
            response = await sender.read(kind, service, path, token=self.token)
        return response

    async def change(
        self, sender: Sender, kind: str, method: str, service: str, path: str, **request: object
    ) -> httpx.Response:
        """As `Sender.change`, with a token that is renewed where it has expired."""
        response = await sender.change(kind, method, service, path, token=self.token, **request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            await self.sign_in(sender)
            response = await sender.change(kind, method, service, path, token=self.token, **request)
        return response


async def register(sender: Sender, number: int) -> Shopper:
    """A new customer. Raises ShopError."""
    shopper = Shopper(
        f"traffic-{secrets.token_hex(4)}-{number}@{DOMAIN}", secrets.token_urlsafe(12)
    )
    body = {"email": shopper.email, "password": shopper.password, "name": f"Traffic {number}"}
    try:
        response = await sender.change("register", "POST", "auth", "/register", json=body)
        if response.status_code != httpx.codes.CREATED:
            raise ShopError(f"auth refused to register a customer: {response.text[:300]}")
        shopper.user_id = int(response.json()["id"])
        await shopper.sign_in(sender)
    except Unanswered as error:
        raise ShopError("auth does not answer: no customer could be registered.") from error
    return shopper

"""A visitor: a client that keeps cookies, follows what forms lead to, and reads pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
from litestar import Litestar

from functions.storefront.app import create_app
from functions.storefront.settings import StorefrontSettings
from tests.journeys.shop_in_process import ADMIN, SERVICES, ShopInProcess, address
from tests.support.apps import serving
from tests.support.registration import registered_once

ORIGIN = "http://shop.test"
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": ORIGIN}
SESSION_KEY = "of-tests-only-" + "0" * 32


ADDRESS = {
    "recipient": "Úrsula Iguarán",
    "line1": "Carrera 7 # 32-16",
    "city": "Bogotá",
    "region": "Bogotá",
    "postal_code": "110311",
    "country": "CO",
}


class _Text(HTMLParser):
    """The text of a page, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.parts.append(" ".join(data.split()))


def text_of(response: httpx.Response) -> str:
    parser = _Text()
    parser.feed(response.text)
    return " ".join(parser.parts)


def fields_of(response: httpx.Response, action: str) -> dict[str, str]:
    """The hidden and chosen fields of the form that is sent to an address which begins so."""
    form = re.search(rf'<form[^>]* action="{re.escape(action)}.*?</form>', response.text, re.DOTALL)
    assert form is not None, response.text
    inputs = [
        dict(re.findall(r'([a-z_]+)="([^"]*)"', tag)) | {"on": str(" checked" in tag)}
        for tag in re.findall(r"<input [^>]*>", form[0])
    ]
    areas = re.findall(
        r'<textarea [^>]*name="([a-z_]+)"[^>]*>\n?(.*?)</textarea>', form[0], re.DOTALL
    )
    return {name: unescape(text) for name, text in areas} | {
        each["name"]: unescape(each.get("value", ""))
        for each in inputs
        if each.get("type") not in {"radio", "checkbox"} or each["on"] == "True"
    }


def for_people(response: httpx.Response) -> httpx.Response:
    """The response; no page of the shop tells its reader which route of an API to call."""
    if response.headers.get("content-type", "").startswith("text/html"):
        assert not _ROUTE.search(text_of(response)), text_of(response)

    return response


_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) /|\bIf-Match\b|\bIdempotency-Key\b")


class Visitor:
    """One browser."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.has_address = False

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page; redirects are not followed."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return for_people(await self.client.get(path, headers=named))

    async def send(self, path: str, **fields: object) -> httpx.Response:
        """Send a form as a browser does; the redirect is not followed."""
        sent = await self.client.post(path, data=_text_fields(fields), headers=SAME_ORIGIN)
        return for_people(sent)

    async def submit(self, path: str, **fields: object) -> httpx.Response:
        """Send a form and go where it leads."""
        response = await self.send(path, **fields)
        while response.status_code == 303:
            response = await self.get(response.headers["location"])
        return response

    async def sign_up(self, email: str = "ana@example.org") -> None:
        """Register, which signs in."""
        sent = await self.send("/en/register", email=email, password="ana-has-a-password", name="")

        assert sent.status_code == 303, text_of(sent)

    async def sign_in(self, email: str, password: str) -> None:
        """As somebody who has an account."""
        sent = await self.send("/en/sign-in", email=email, password=password)

        assert sent.status_code == 303, text_of(sent)

    async def go_to_payment(self, language: str = "en") -> httpx.Response:
        """From a filled cart, signed in, to the page of the payment; an address is added."""
        address = f"/{language}/checkout/address"
        keyed = fields_of(await self.get(address), address) if self.has_address else {}
        if not self.has_address:
            keyed = {**ADDRESS, "key": "k" * 24}
            self.has_address = True
        delivery = await self.submit(address, **keyed)
        chosen = fields_of(delivery, f"/{language}/checkout/delivery")
        return await self.submit(f"/{language}/checkout/delivery", **chosen)


def _text_fields(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


class Wire:
    """Between the storefront and the services: answers can be lost, and counted."""

    def __init__(self, shop: ShopInProcess) -> None:
        self._shop = shop
        self.sent: list[str] = []
        """Method and path of every request."""
        self.losing: dict[str, int] = {}
        """How many answers to a method and path are lost, after the request was carried out."""
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._route))

    async def _route(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}"
        self.sent.append(name)
        response = await self._shop.wire.request(
            request.method, request.url, headers=request.headers, content=request.content
        )
        if self.losing.get(name, 0):
            self.losing[name] -= 1
            raise httpx.ReadError("the connection was cut", request=request)
        return response


@asynccontextmanager
async def open_back_office(shop: ShopInProcess, user: str) -> AsyncIterator[Visitor]:
    """The storefront, and somebody of the shop's people who has signed in: `staff`, `admin`, or a
    name that `ShopInProcess.sign_up` has made with its roles."""
    account = ADMIN if user == "admin" else (f"{user}@example.org", f"{user}-has-a-password")
    async with open_storefront(shop) as visitor:
        await visitor.sign_in(*account)
        yield visitor


@asynccontextmanager
async def open_storefront(
    shop: ShopInProcess, wire: httpx.AsyncClient | None = None, **environ: str
) -> AsyncIterator[Visitor]:
    """The storefront over the shop's services, and a visitor."""
    addresses = {
        f"{name.upper()}_{prefix}URL": address(name)
        for name in SERVICES
        for prefix in ("", "INTERNAL_")
    }
    settings = StorefrontSettings.from_mapping(
        {"SESSION_KEYS": SESSION_KEY, **addresses, **environ}
    )
    app = registered_once(create_app, settings, clock=shop.clock, http=wire or shop.wire)
    async with serving(app) as client:
        client.base_url = httpx.URL(ORIGIN)
        yield Visitor(app, client)

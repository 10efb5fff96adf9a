"""A visitor: a client that keeps cookies, follows what forms lead to, and reads pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import httpx
from litestar import Litestar

from functions.storefront.app import create_app
from functions.storefront.settings import StorefrontSettings
from tests.journeys.shop_in_process import SERVICES, ShopInProcess, address
from tests.support.apps import serving

ORIGIN = "http://shop.test"
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": ORIGIN}
SESSION_KEY = "of-tests-only-" + "0" * 32


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


class Visitor:
    """One browser."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """A page; redirects are not followed."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers=named)

    async def send(self, path: str, **fields: object) -> httpx.Response:
        """Send a form as a browser does; the redirect is not followed."""
        return await self.client.post(path, data=_text_fields(fields), headers=SAME_ORIGIN)

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


def _text_fields(fields: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items()}


@asynccontextmanager
async def open_storefront(shop: ShopInProcess, **environ: str) -> AsyncIterator[Visitor]:
    """The storefront over the shop's services, and a visitor."""
    addresses = {f"{name.upper()}_URL": address(name) for name in SERVICES}
    settings = StorefrontSettings.from_mapping(
        {"SESSION_KEYS": SESSION_KEY, **addresses, **environ}
    )
    app = create_app(settings, clock=shop.clock, http=shop.wire)
    async with serving(app) as client:
        client.base_url = httpx.URL(ORIGIN)
        yield Visitor(app, client)

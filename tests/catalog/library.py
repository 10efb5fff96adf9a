"""Catalog running in this process, and callers of each role."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from functions.catalog import migrations
from functions.catalog.app import create_app
from functions.catalog.settings import CatalogSettings
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from tests.support.apps import Running, serving
from tests.support.clock import FakeClock
from tests.support.registration import registered_once
from tests.support.schemas import with_schema
from tests.support.signing import FEED, SECRET, SIGNER
from tests.support.tokens import Issuer

CUSTOMER, STAFF = 7, 1
SELLER, OTHER_SELLER = 21, 22
ROLES = {STAFF: "staff", SELLER: "seller", OTHER_SELLER: "seller"}
"""Of users who are no customers."""
INVENTORY = "/bookstore/purchase/inventory"

ISBN = "9780439023481"
OTHER_ISBN = "9780439554930"


def stock_event(
    book_id: int, available: int, *, revision: int = 1, sequence: int | None = None, **state: Any
) -> Event:
    """An event of purchase about the stock; keywords are further fields of its data."""
    whole = {
        "book_id": book_id,
        "on_hand": available,
        "reserved": 0,
        "available": available,
        "as_of": "2026-03-14T10:00:00.000000Z",
    }
    return Event(
        id=f"stock-{book_id}-{revision}",
        source=INVENTORY,
        type="bookstore.inventory.changed.v1",
        subject=f"book/{book_id}",
        sequence=revision if sequence is None else sequence,
        revision=revision,
        data=msgspec.json.encode({**whole, **state}),
    )


class Library(Running):
    """A running catalog service."""

    def __init__(
        self, app: Litestar, client: httpx.AsyncClient, issuer: Issuer, clock: FakeClock
    ) -> None:
        super().__init__(app, client, clock)
        self.issuer = issuer

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: int | None = STAFF,
        **headers: str,
    ) -> httpx.Response:
        """A request with a JSON body, by a user, or anonymous (None)."""
        who = {}
        if user is not None:
            who = self.issuer.bearer(user, ROLES.get(user, "customer"))
        return await self.send(method, path, body, who, headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """An anonymous request."""
        return await self.call("GET", path, user=None, **headers)

    async def add(self, title: str = "Rayuela", author: str = "Julio Cortázar", **more: Any) -> int:
        """The id of a new book."""
        body = {"title": title, "author": author, "price": 12.5, **more}
        response = await self.call("POST", "/books", body)
        assert response.status_code == 201, response.text
        book_id: int = response.json()["book_id"]
        return book_id

    async def name_seller(self, user: int = SELLER, name: str = "Librería Norte") -> None:
        """Choose the name of a seller, who may then add books."""
        response = await self.call("PUT", "/sellers/me", {"name": name}, user=user)
        assert response.status_code == 200, response.text

    async def titles(self, query: str = "") -> list[str]:
        """The titles of a page of the list."""
        response = await self.get(f"/books?{query}")
        assert response.status_code == 200, response.text
        return [book["title"] for book in response.json()]

    async def walk(self, query: str) -> list[int]:
        """The ids of the list, page after page."""
        ids: list[int] = []
        path: str | None = f"/books?{query}"
        while path is not None:
            response = await self.get(path)
            assert response.status_code == 200, response.text
            ids += [book["id"] for book in response.json()]
            path = response.links.get("next", {}).get("url")
        return ids

    async def import_csv(
        self, content: bytes | str | AsyncIterator[bytes], query: str = "", **headers: str
    ) -> httpx.Response:
        """Send a file as staff; a text is encoded in UTF-8. The report is in English."""
        return await self.import_by(STAFF, content, query, **headers)

    async def import_by(
        self,
        user: int,
        content: bytes | str | AsyncIterator[bytes],
        query: str = "",
        **headers: str,
    ) -> httpx.Response:
        """Send a file as staff or a seller."""
        sent: Mapping[str, str] = {"content-type": "text/csv", "accept-language": "en", **headers}
        return await self.client.post(
            f"/books/import?{query}",
            content=content,
            headers={**sent, **self.issuer.bearer(user, ROLES[user])},
        )

    async def report_of(self, content: bytes | str, query: str = "") -> dict[str, Any]:
        """The report of an import."""
        response = await self.import_csv(content, query)
        assert response.status_code == 200, response.text
        report: dict[str, Any] = response.json()
        return report

    async def import_form(
        self, files: Any, data: Mapping[str, str] | None = None, query: str = ""
    ) -> httpx.Response:
        """Send a form with files, as `curl -F` and a browser do."""
        return await self.client.post(
            f"/books/import?{query}",
            files=files,
            data=data,
            headers={"accept-language": "en", **self.issuer.bearer(STAFF, "staff")},
        )

    async def deliver(self, event: Event) -> httpx.Response:
        """Deliver an event that its owner has signed, as the broker does."""
        headers, body = cloudevents.write(SIGNER.sign(event))
        return await self.client.post("/events", headers=headers, content=body)

    async def feed(self, query: str = "books") -> httpx.Response:
        """The feed, as another service reads it."""
        return await self.client.get(f"/internal/streams/{query}", headers=FEED)

    async def published(self) -> list[dict[str, Any]]:
        """Every event that the service has published."""
        events: list[dict[str, Any]] = []
        while True:
            after = int(events[-1]["sequence"]) if events else 0
            page = (await self.feed(f"books?after={after}")).json()
            if not page:
                return events
            events += page


@asynccontextmanager
async def open_library(
    url: str, *, clock: FakeClock | None = None, **settings: str
) -> AsyncIterator[Library]:
    """A running service on an empty or an existing database."""
    clock = clock or FakeClock()
    # A new key: the database stores the key of an earlier run.
    issuer = Issuer(clock, kid=secrets.token_hex(8))
    own = {"DATABASE_URL": url, "AUTO_MIGRATE": "true", "INTERNAL_SECRET": SECRET}
    environment = own | settings
    await with_schema(url, migrations)
    app = registered_once(
        create_app, CatalogSettings.from_mapping(environment), clock=clock, http=issuer.wire()
    )
    async with serving(app) as client:
        yield Library(app, client, issuer, clock)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/catalog.db?synchronous=off"


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    """Of an import's report: lines, created, updated, unchanged, refused, warned."""
    names = ("lines", "created", "updated", "unchanged", "refused", "warned")
    return tuple(report[name] for name in names)

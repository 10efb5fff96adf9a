"""auth, running in this process, and people who use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
from piccolo.querystring import QueryString

from functions.auth import commands, migrations
from functions.auth.app import create_app
from functions.auth.settings import AuthSettings
from functions.kit.data.database import Row
from tests.support.apps import Running, serving
from tests.support.clock import FakeClock
from tests.support.registration import registered_once
from tests.support.schemas import with_schema

PASSWORD = "una frase bastante larga"
CLOSING = {"current_password": PASSWORD}
"""What `DELETE /me` asks for."""
ADMIN = "admin@example.com"


class Person(NamedTuple):
    """Somebody with an account, logged in."""

    id: int
    email: str
    token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


class Auth(Running):
    """A running auth service."""

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: Person | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A request with a JSON body, by somebody or by nobody."""
        return await self.send(method, path, body, by.headers if by is not None else {}, headers)

    async def from_address(
        self,
        host: str,
        method: str,
        path: str,
        body: Any,
        by: Person | None = None,
        more: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The same from another address."""
        transport = httpx.ASGITransport(self.app, client=(host, 1))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            headers = (by.headers if by is not None else {}) | (more or {})
            return await client.request(
                method, path, content=msgspec.json.encode(body), headers=headers
            )

    async def register(
        self, email: str = "ana@example.com", password: str = PASSWORD
    ) -> httpx.Response:
        return await self.call("POST", "/register", {"email": email, "password": password})

    async def log_in(
        self, email: str = "ana@example.com", password: str = PASSWORD
    ) -> httpx.Response:
        return await self.call("POST", "/login", {"email": email, "password": password})

    async def person(self, email: str = "ana@example.com") -> Person:
        """A new customer, logged in."""
        registered = await self.register(email)
        assert registered.status_code == 201, registered.text
        return await self.again(registered.json()["id"], email)

    async def admin(self, email: str = ADMIN) -> Person:
        """A new admin, logged in."""
        user_id = await commands.make_admin(
            self.database, self.app.state.services.dependencies, email, PASSWORD, now=self.clock()
        )
        return await self.again(user_id, email)

    async def again(self, user_id: int, email: str, password: str = PASSWORD) -> Person:
        """One more login of somebody."""
        response = await self.log_in(email, password)
        assert response.status_code == 200, response.text
        answer = response.json()
        return Person(user_id, email, answer["token"], answer["refresh_token"])

    async def refresh(self, refresh_token: str) -> httpx.Response:
        return await self.call("POST", "/refresh", {"refresh_token": refresh_token})

    async def is_in(self, person: Person) -> bool:
        """Whether the access token of somebody still opens."""
        response = await self.call("GET", "/me", by=person)
        assert response.status_code in {200, 401}, response.text
        return response.status_code == 200

    async def forgot(self, email: str = "ana@example.com", **members: str) -> httpx.Response:
        return await self.call("POST", "/password/forgot", {"email": email, **members})

    async def requested(self) -> list[dict[str, Any]]:
        """The data of every published request to reset a password, in order."""
        response = await self.client.get("/internal/streams/accounts")
        assert response.status_code == 200, response.text
        return [
            event["data"]
            for event in response.json()
            if event["type"] == "bookstore.user.password_reset_requested.v1"
        ]

    async def create_link(self, reset_id: int) -> httpx.Response:
        return await self.call("POST", f"/internal/password-resets/{reset_id}/link")

    async def reset_token(self, email: str = "ana@example.com") -> str:
        """The token of a new link, as its mail would carry it."""
        assert (await self.forgot(email)).status_code == 202
        created = await self.create_link((await self.requested())[-1]["reset_id"])
        assert created.status_code == 200, created.text
        token: str = created.json()["link"].partition("?token=")[2]
        return token

    async def reset(self, token: str, password: str) -> httpx.Response:
        return await self.call("POST", "/password/reset", {"token": token, "password": password})

    async def published(self, event_type: str | None = None) -> list[dict[str, Any]]:
        """What was told, in order: structured events of the feed."""
        response = await self.client.get("/internal/streams/security")
        assert response.status_code == 200, response.text
        events: list[dict[str, Any]] = response.json()
        return [event for event in events if event_type in {None, event["type"]}]

    async def rows(self, template: str, *values: object) -> list[Row]:
        rows: list[Row] = (await self.database.execute(QueryString(template, *values))).rows
        return rows


@asynccontextmanager
async def open_auth(
    url: str, *, clock: FakeClock | None = None, **environ: str
) -> AsyncIterator[Auth]:
    """A running service, its first key made."""
    clock = clock or FakeClock()
    settings = AuthSettings.from_mapping({"DATABASE_URL": url, "AUTO_MIGRATE": "true", **environ})
    await with_schema(url, migrations)
    app = registered_once(create_app, settings, clock=clock)
    async with serving(app) as client:
        # A background task would do it later; tests need it now.
        await commands.prepare(
            app.state.services.database, app.state.services.dependencies, clock()
        )
        yield Auth(app, client, clock)


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder.resolve()}/auth.db?synchronous=off"

"""Run an app in this process, lifespan and all, and talk to it over HTTP without a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from litestar import Litestar

import functions.kit.app
from functions.kit.data.database import Database
from tests.support.clock import FakeClock

# Tests move a clock of their own. On a slow machine the background tasks would run between two of
# their lines, and change what they have prepared.
functions.kit.app.BACKGROUND_PERIOD = None


@asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Start the app, hand out a client for it, and stop it."""
    received: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    running = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}}, received.get, sent.put)  # type: ignore[arg-type]
    )
    await received.put({"type": "lifespan.startup"})
    answer = await sent.get()
    if answer["type"] != "lifespan.startup.complete":
        raise RuntimeError(answer.get("message", "the app did not start"))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))  # type: ignore[arg-type]
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            yield client
    finally:
        await received.put({"type": "lifespan.shutdown"})
        answer = await sent.get()
        await running
        if answer["type"] != "lifespan.shutdown.complete":
            raise RuntimeError(answer.get("message", "the app did not stop"))


class Running:
    """A service that runs in this process; each service's tests have a subclass that knows it."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, clock: FakeClock) -> None:
        self.app = app
        self.client = client
        self.clock = clock

    @property
    def database(self) -> Database:
        database: Database = self.app.state.services.database
        return database

    async def send(
        self, method: str, path: str, body: Any, who: dict[str, str], headers: dict[str, str]
    ) -> httpx.Response:
        """A request with a JSON body; `headers` are named as Python's arguments are."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | who
        content = None if body is None else msgspec.json.encode(body)
        return await self.client.request(method, path, content=content, headers=sent)

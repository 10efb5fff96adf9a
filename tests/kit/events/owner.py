"""The owner of the stream `things`: a real service with its own database, reached without network.

`test_catch_up.py` and `test_receiver.py` test its consumers.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from piccolo.querystring import QueryString

from functions.kit.data.database import Database, transactional
from functions.kit.events import cloudevents
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import id_in
from functions.kit.events.outbox import NewEvent, Outbox, as_state
from tests.kit import sample
from tests.kit.sample import THING_CHANGED, THINGS

Behave = Callable[[httpx.Request], httpx.Response | None]


def unreachable(request: httpx.Request) -> httpx.Response:
    """The `behave` of an owner that cannot be reached."""
    raise httpx.ConnectError("away")


class Owner:
    """The running service; called, it is the handler of an `httpx.MockTransport` to it."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client
        self.database: Database = app.state.services.database
        self.outbox: Outbox = app.state.services.outbox
        self.behave: Behave = lambda request: None
        """Gives the response in the owner's place, or None to let the owner answer."""
        self.asked: list[str] = []
        """The paths of all requests."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if (instead := self.behave(request)) is not None:
            return instead
        return await self.client.get(request.url.raw_path.decode())

    async def change(self, thing_id: int, label: Any, revision: int) -> None:
        """Change a thing, with its event in the outbox."""
        await _change(self.database, self.outbox, thing_id, label, revision)

    async def changed(self, label: Any, revision: int = 1, thing_id: int = 1) -> Event:
        """Change a thing; returns the event as the relay would send it without a secret."""
        await self.change(thing_id, label, revision)
        return (await self.feed())[-1]

    async def feed(self) -> list[Event]:
        page = await self.client.get("/internal/streams/things")
        return cloudevents.read_batch(page.content)

    async def correct(self, event: Event, label: str) -> None:
        """Replace the label in an event of the outbox."""
        data = msgspec.json.encode({"thing_id": 1, "label": label}).decode()
        await self.database.execute(
            QueryString("UPDATE outbox SET data = {} WHERE event_id = {}", data, event.id)
        )


async def thing_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    """The snapshot of the stream."""
    after = id_in(subject, "thing")
    for thing_id, (label, revision, _) in sorted((await sample.things(database)).items()):
        if thing_id > after:
            yield as_state(_message(thing_id, label, revision))


@transactional
async def _change(
    database: Database, outbox: Outbox, thing_id: int, label: Any, revision: int
) -> None:
    for statement in (
        QueryString("DELETE FROM things WHERE thing_id = {}", thing_id),
        QueryString("INSERT INTO things VALUES ({}, {}, {}, 0)", thing_id, label, revision),
    ):
        await database.execute(statement)
    await outbox.add(database, _message(thing_id, label, revision))


def _message(thing_id: int, label: Any, revision: int) -> NewEvent:
    return NewEvent(
        source=THINGS.source,
        type=THING_CHANGED,
        subject=f"thing/{thing_id}",
        revision=revision,
        data=sample.ThingState(thing_id, label),
    )

"""The app as a whole: its APIs, start, shutdown and background tasks."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from piccolo.querystring import QueryString

from functions.kit import app as module
from functions.kit.data import migrations
from functions.kit.data.database import Database
from functions.kit.data.engines import database_url as url_of
from functions.kit.events import catch_up, inbox
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import OwnedStream
from functions.kit.events.outbox import NewEvent
from functions.kit.events.subscriptions import PING, Stream, Subscriptions
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.signing import FEED
from tests.support.tokens import Issuer

PUBLIC = {"/notes", "/notes/{note_id:int}", "/openapi.json", "/apidocs"}
INTERNAL = {
    "/events",
    "/events/dead-letter",
    "/metrics",
    "/internal/streams/{name:str}",
    "/internal/streams/{name:str}/digest",
    "/internal/snapshots/{name:str}",
    "/internal/dead-letters",
    "/internal/dead-letters/{letter_id:int}/replay",
}
PROBES = {"/", "/livez", "/readyz"}

MakeApp = Callable[..., Litestar]


@pytest.fixture
def make_app(database_url: str, clock: FakeClock, issuer: Issuer) -> MakeApp:
    def make(
        *,
        broker: Callable[[httpx.Request], httpx.Response] | None = None,
        environ: dict[str, str] | None = None,
        **own: Any,
    ) -> Litestar:
        http = issuer.wire(broker)
        return sample.create_app(database_url, clock=clock, http=http, environ=environ, **own)

    return make


def paths(app: Litestar) -> set[str]:
    return {route.path for route in app.routes}


@pytest.mark.parametrize(
    ("exposed", "there", "not_there"),
    [
        ("public", PUBLIC | PROBES, INTERNAL),
        ("internal", INTERNAL | PROBES, PUBLIC),
        ("both", PUBLIC | INTERNAL | PROBES, set()),
    ],
)
def test_only_the_exposed_api_is_mounted(
    make_app: MakeApp, exposed: str, there: set[str], not_there: set[str]
) -> None:
    """The public API has no events and feeds; the internal one has no public routes."""
    mounted = paths(make_app(environ={"EXPOSED_API": exposed}))

    assert there <= mounted
    assert not mounted & not_there
    assert not {path for path in mounted if path.startswith("/openapi/")}


@pytest.mark.parametrize(
    ("exposed", "path"),
    [("public", "/events"), ("public", "/internal/streams/notes"), ("internal", "/notes")],
)
async def test_a_route_of_the_other_api_is_not_found(
    make_app: MakeApp, exposed: str, path: str
) -> None:
    """A 404 as for any unknown route."""
    async with serving(make_app(environ={"EXPOSED_API": exposed})) as client:
        answers = [await client.request(method, path) for method in ("GET", "POST")]

    assert {answer.json()["code"] for answer in answers} == {"route-not-found"}


def test_building_an_app_opens_nothing(make_app: MakeApp, tmp_path: Path) -> None:
    """Neither a file nor a thread: a cold start is short, and tests build as many as they like."""
    before = set(threading.enumerate())
    make_app()

    assert list(tmp_path.iterdir()) == []
    assert set(threading.enumerate()) == before


async def test_an_app_closes_what_it_has_opened(make_app: MakeApp) -> None:
    """Tasks, and the threads that are SQLite's connections."""
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with serving(make_app()) as client:
        await client.get("/notes")

    left = [thread for thread in set(threading.enumerate()) - threads if _is_connection(thread)]
    assert left == []
    assert asyncio.all_tasks() == tasks


def _is_connection(thread: threading.Thread) -> bool:
    thread.join(timeout=60)
    return thread.is_alive() and "connection" in thread.name


async def test_a_start_that_fails_leaves_nothing_open(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process can end, and say why."""

    async def fail(*_: object) -> None:
        raise migrations.MigrationError("edited since")

    threads = set(threading.enumerate())
    app = make_app()
    await app.state.services.database.ping()
    monkeypatch.setattr(migrations, "migrate", fail)

    with pytest.raises(RuntimeError, match="edited since"):
        async with serving(app):
            raise AssertionError("it must not start")

    assert [each for each in set(threading.enumerate()) - threads if _is_connection(each)] == []


def at_broker(
    answer: Callable[[httpx.Request], httpx.Response],
) -> Callable[[httpx.Request], httpx.Response]:
    """What is sent to K_SINK alone.

    The same client reads the feeds of others: catching up begins with the start, and a slow
    database lets it be first.
    """

    def answers(request: httpx.Request) -> httpx.Response:
        return answer(request) if request.url.host == "broker.test" else httpx.Response(503)

    return answers


async def test_a_change_is_sent_right_after_its_commit(
    make_app: MakeApp, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the trace of the request that made it."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)  # a feed is read meanwhile
    sent: asyncio.Queue[httpx.Request] = asyncio.Queue()

    @at_broker
    def broker(request: httpx.Request) -> httpx.Response:
        sent.put_nowait(request)
        return httpx.Response(202)

    async with serving(make_app(broker=broker, environ={"K_SINK": "http://broker.test"})) as client:
        response = await client.post("/notes", json={"text": "a"}, headers=issuer.bearer())
        request = await asyncio.wait_for(sent.get(), 10)

    assert request.headers["ce-sequence"] == f"{1:020d}"
    assert request.headers["traceparent"] == response.headers["traceparent"]


async def test_a_service_that_stops_empties_its_outbox(make_app: MakeApp, issuer: Issuer) -> None:
    """What the relay had no time for is sent at the end."""
    sent: list[str] = []

    @at_broker
    def broker(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["ce-subject"])
        return httpx.Response(202)

    app = make_app(broker=broker, environ={"K_SINK": "http://broker.test"})
    # Neither a commit nor the background task at start wakes the relay.
    app.state.services.outbox.wake = app.state.services.relay.notify = lambda: None
    async with serving(app) as client:
        for text in "abc":
            await client.post("/notes", json={"text": text}, headers=issuer.bearer())
        before = len(sent)

    assert (before, sent) == (0, ["note/1", "note/2", "note/3"])


async def test_a_broker_that_hangs_does_not_keep_a_service_from_stopping(
    database_url: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is sent by the next process."""
    monkeypatch.setattr(module, "SHUTDOWN_FLUSH", 0.01)

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    app = sample.create_app(
        database_url,
        clock=clock,
        http=httpx.AsyncClient(transport=httpx.MockTransport(hang)),
        environ={"K_SINK": "http://broker.test"},
    )
    async with serving(app):
        await sample.write_note(app.state.services.database, "a", outbox=app.state.services.outbox)

    outcome = await app.state.services.database.execute(QueryString("SELECT sent_at FROM outbox"))
    await app.state.services.database.close()
    assert outcome.rows == [{"sent_at": None}]


async def test_background_tasks_run_at_start_and_when_triggered(make_app: MakeApp) -> None:
    """A task that fails stops neither the others nor its own next run."""
    done: asyncio.Queue[str] = asyncio.Queue()

    async def failing(_: Database) -> None:
        done.put_nowait("failing")
        raise KeyError("title")

    async def working(_: Database) -> None:
        done.put_nowait("working")

    tasks: Callable[..., list[Callable[[Database], Awaitable[None]]]] = lambda _: [  # noqa: E731
        failing,
        working,
    ]
    seen = []
    async with serving(make_app(background_tasks=tasks)) as client:
        seen += [await asyncio.wait_for(done.get(), 10) for _ in range(2)]
        ping = {"ce-id": "1", "ce-source": "/ping", "ce-type": PING, "ce-specversion": "1.0"}
        await client.post("/events", headers=ping)
        seen += [await asyncio.wait_for(done.get(), 10) for _ in range(2)]

    assert seen == ["failing", "working"] * 2


async def test_a_trigger_during_the_background_tasks_runs_them_again(make_app: MakeApp) -> None:
    """All of them, from the first one."""
    rounds: asyncio.Queue[int] = asyncio.Queue()
    app: Litestar

    async def task(_: Database) -> None:
        rounds.put_nowait(1)
        if rounds.qsize() == 1:
            app.state.services.run_background_tasks()

    app = make_app(background_tasks=lambda _: [task])
    async with serving(app):
        while rounds.qsize() < 2:
            await asyncio.wait_for(asyncio.sleep(0), 10)

    assert rounds.qsize() >= 2


async def test_old_rows_are_purged_by_the_injected_clock(
    make_app: MakeApp, database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's clock has no effect."""
    moment = clock()
    await database.execute(
        QueryString(
            "INSERT INTO inbox (source, event_id, sequence, received_at)"
            " VALUES ('/s', 'a', NULL, {})",
            moment,
        )
    )
    finished = asyncio.Event()
    original = inbox.purge

    async def kept() -> int:
        outcome = await database.execute(QueryString("SELECT event_id FROM inbox"))
        return len(outcome.rows)

    async def purge(*args: Any, **kwargs: Any) -> None:
        await original(*args, **kwargs)
        finished.set()

    monkeypatch.setattr(inbox, "purge", purge)
    async with serving(make_app()):
        await asyncio.wait_for(finished.wait(), 10)

    assert await kept() == 1


async def test_two_services_repair_what_the_broker_lost(
    make_app: MakeApp, tmp_path: Path, clock: FakeClock, issuer: Issuer
) -> None:
    """At its start the consumer reads from the owner what was not delivered."""

    async def states(database: Database, _: str | None) -> AsyncGenerator[Event]:
        for row in (await database.execute(QueryString("SELECT 1 WHERE 1 = 0"))).rows:
            yield row

    owner = sample.create_app(
        f"sqlite:///{tmp_path}/owner.db",
        clock=clock,
        http=issuer.wire(),
        name="other",
        streams=(OwnedStream("things", sample.THINGS.source, states),),
        subscriptions=lambda _: Subscriptions(),
    )
    async with serving(owner) as internal_api:
        state = owner.state.services
        async with state.database.transaction():
            message = NewEvent(
                source=sample.THINGS.source,
                type=sample.THING_CHANGED,
                subject="thing/1",
                revision=1,
                data=sample.ThingState(1, "a"),
            )
            await state.outbox.add(state.database, message)
        page = await internal_api.get("/internal/streams/things", headers=FEED)
        reader = make_app(broker=lambda request: page)
        read = asyncio.Event()
        original = reader.state.services.catch_up.read

        async def reading(stream: Stream) -> int:
            count: int = await original(stream)
            read.set()
            return count

        reader.state.services.catch_up.read = reading
        async with serving(reader):
            await asyncio.wait_for(read.wait(), 10)
            found = await sample.things(reader.state.services.database)

    assert found == {1: ("a", 1, 1)}


def test_without_a_database_url_the_embedded_file_is_used() -> None:
    """Under the one ignored folder, named after the service."""
    assert url_of("sample", sample.settings("")) == "sqlite:///.bookstore/sample.db"
    assert url_of("sample", sample.settings("sqlite:///x.db")) == "sqlite:///x.db"

"""The spans of one service: requests, commands, statements and events, with a real receiver."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.telemetry import current_traceparent
from functions.kit.data.database import Database
from functions.kit.events import cloudevents
from functions.kit.http import exporting
from functions.local.telemetry.store import Trace
from tests.kit import sample
from tests.kit.sample import thing_changed
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.receiver import Receiver, ancestors, receiving
from tests.support.tokens import Issuer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
async def traced(
    database_url: str, clock: FakeClock, issuer: Issuer, receiver: Receiver
) -> AsyncIterator[httpx.AsyncClient]:
    """The sample service, which exports to the receiver."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    app = sample.create_app(database_url, clock=clock, http=issuer.wire(), environ=environ)
    async with serving(app) as client:
        yield client


def lines(trace: Trace) -> list[list[str]]:
    return [ancestors(trace, span) for span in trace.spans]


async def test_a_write_is_one_trace_down_to_its_statements(
    traced: httpx.AsyncClient, receiver: Receiver, issuer: Issuer
) -> None:
    """Under the caller's span; the outbox row is written under `create`, a kind PRODUCER."""
    response = await traced.post(
        "/notes",
        json={"text": "hunter2"},
        headers={**issuer.bearer(1), "traceparent": CALLER, "idempotency-key": "key-1"},
    )
    await receiver.arrived("create sample.note.written.v1")
    trace = receiver.trace(TRACE)
    by_name = {span.name: span for span in trace.spans}

    assert response.status_code == 201
    assert by_name["POST /notes"].parent_id == CALLER[36:52]
    assert by_name["POST /notes"].attributes["http.response.status_code"] == 201
    path = ["sample run_once", "sample POST /notes"]
    assert ["sample INSERT notes", *path] in lines(trace)
    assert ["sample create sample.note.written.v1", *path] in lines(trace)
    assert by_name["create sample.note.written.v1"].kind == 4


async def test_nothing_of_a_person_is_exported(
    traced: httpx.AsyncClient, receiver: Receiver, issuer: Issuer
) -> None:
    """No body, token, key, query, unknown path or value of a statement."""
    token = issuer.bearer(1)
    given = {**token, "idempotency-key": "key-of-ana", "cookie": "session=of-ana"}
    await traced.post("/notes", json={"text": "a-text-of-ana"}, headers=given)
    await traced.get("/notes?q=words-of-ana")
    await traced.get("/mail/ana@example.org")
    await traced.get("/notes", headers={"user-agent": "agent-of-ana"})
    await receiver.arrived("create sample.note.written.v1")
    sent = b"".join(receiver.bodies)

    assert b"POST /notes" in sent
    secret = token["authorization"].removeprefix("Bearer ")
    assert b"of-ana" not in sent
    assert b"ana@example.org" not in sent
    assert secret.encode() not in sent
    assert b"192.0.2.7" not in sent


async def test_probes_are_not_recorded(traced: httpx.AsyncClient, receiver: Receiver) -> None:
    """They would be most of the spans."""
    for path in ("/livez", "/readyz", "/metrics", "/notes"):
        await traced.get(path)
    await receiver.arrived("GET /notes")

    assert {name for name in receiver.names() if name.startswith("GET")} == {"GET /notes"}


async def test_a_trace_that_is_not_sampled_is_not_recorded(
    traced: httpx.AsyncClient, receiver: Receiver, issuer: Issuer
) -> None:
    """The response passes the decision on."""
    unsampled = CALLER[:-1] + "0"
    response = await traced.get("/notes", headers={"traceparent": unsampled})
    await traced.get("/broken")
    failed = await receiver.arrived("GET /broken")

    assert response.headers["traceparent"][-2:] == "00"
    assert "GET /notes" not in receiver.names()
    assert failed.failed is True


async def test_a_delivered_event_is_processed_in_its_trace(
    traced: httpx.AsyncClient, receiver: Receiver
) -> None:
    """Below the broker's request, with a link to the span that created it.

    The broker has removed the event's own traceparent, so the link is read from `tracestate`.
    """
    headers, body = cloudevents.write(thing_changed(1))
    headers |= {"traceparent": CALLER, "tracestate": "other=1,bookstore=00000000000000aa"}
    await traced.post("/events", headers=headers, content=body)
    processed = await receiver.arrived("process other.thing.changed.v1")

    assert processed.trace_id == TRACE
    assert ancestors(receiver.trace(TRACE), processed) == [
        "sample process other.thing.changed.v1",
        "sample POST /events",
    ]
    assert processed.links == [(TRACE, "00000000000000aa")]
    assert processed.attributes["bookstore.event.outcome"] == "applied"
    assert processed.kind == 5


async def test_a_callers_tracestate_reaches_the_broker(
    database_url: str, database: Database, clock: FakeClock, issuer: Issuer, receiver: Receiver
) -> None:
    """The outbox keeps it, and the relay sends it after the member of ours."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "broker.test":  # streams are read too, if that takes long
            sent.append(request)
        return httpx.Response(202)

    wire = issuer.wire(answer)
    for text, exported in (("a", {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}), ("b", {})):
        environ = {"K_SINK": "http://broker.test", **exported}
        app = sample.create_app(database_url, clock=clock, http=wire, environ=environ)
        async with serving(app) as client:
            await client.post(
                "/notes",
                json={"text": text},
                headers={**issuer.bearer(1), "traceparent": CALLER, "tracestate": "a=1 , b=2"},
            )
    rows = await database.execute(QueryString("SELECT traceparent, tracestate FROM outbox"))
    # By event: a stop between the broker's answer and its record sends an event once more.
    (recorded, plain) = {each.headers["ce-id"]: each.headers for each in sent}.values()
    created = rows.rows[0]["traceparent"][36:52]

    assert [row["tracestate"] for row in rows.rows] == ["a=1,b=2", "a=1,b=2"]
    assert recorded["tracestate"] == f"bookstore={created},a=1,b=2"
    assert plain["tracestate"] == "a=1,b=2"
    assert {headers["traceparent"][3:35] for headers in (recorded, plain)} == {TRACE}


async def test_an_invalid_tracestate_is_not_kept(
    traced: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """The trace is continued without it."""
    headers = {**issuer.bearer(1), "traceparent": CALLER, "tracestate": "a=1,a=2"}
    await traced.post("/notes", json={"text": "a"}, headers=headers)
    (row,) = (await database.execute(QueryString("SELECT * FROM outbox"))).rows

    assert (row["traceparent"][3:35], row["tracestate"]) == (TRACE, None)


async def test_a_replay_is_linked_to_the_events_trace(
    traced: httpx.AsyncClient, receiver: Receiver, issuer: Issuer, database: Database
) -> None:
    """It belongs to the admin's request, and not to the trace that is long over."""
    headers, body = cloudevents.write(thing_changed(1, traceparent=CALLER))
    await traced.post("/events/dead-letter", headers=headers, content=body)
    replayed = await traced.post(
        "/internal/dead-letters/1/replay", headers=issuer.bearer(1, "admin")
    )
    processed = await receiver.arrived("process other.thing.changed.v1")

    assert replayed.json()["outcome"] == "applied"
    assert processed.trace_id == replayed.headers["traceparent"][3:35] != TRACE
    assert processed.links == [(TRACE, CALLER[36:52])]
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_background_tasks_record_no_traces_of_their_own(
    traced: httpx.AsyncClient, receiver: Receiver
) -> None:
    """The relay's and the inbox's statements would hide the requests."""
    await traced.get("/notes")
    await receiver.arrived("GET /notes")
    roots = {span.name for trace in receiver.store.traces() for span in trace.spans[:1]}

    assert {name for name in roots if not name.startswith("catch up ")} == {"GET /notes"}
    assert current_traceparent.get() is None


async def test_an_app_that_ends_gives_up_its_gauges_before_it_closes_the_database(
    database_url: str,
    clock: FakeClock,
    issuer: Issuer,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An export that reads them then would open a connection that nobody closes."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    app = sample.create_app(database_url, clock=clock, http=issuer.wire(), environ=environ)
    database: Database = app.state.services.database
    begun, ended = asyncio.Event(), []
    close = database.close

    async def refresh_for_ever(_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("gauges")

    async def close_database() -> None:
        ended.append("database")
        await close()

    monkeypatch.setattr(exporting, "refresh", refresh_for_ever)
    monkeypatch.setattr(database, "close", close_database)
    async with serving(app) as client:
        await client.get("/notes", headers=issuer.bearer(1))
        await begun.wait()

    assert ended == ["gauges", "database"]

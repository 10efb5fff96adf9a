"""The internal API: the status of `POST /events` decides whether the broker keeps an event."""

import json
from typing import Any

import httpx
import pytest
from litestar import Litestar

from functions.kit.data.database import Database
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.subscriptions import PING
from functions.kit.internal_api import events
from tests.kit import sample
from tests.kit.sample import letters, push, thing_changed
from tests.support.signing import FEED

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


async def test_an_event_is_consumed_in_either_mode(
    client: httpx.AsyncClient, database: Database
) -> None:
    """The response is 202 with an empty body, and the event has had its effect."""
    binary = await push(client, thing_changed(1))
    structured = await client.post(
        "/events", headers=STRUCTURED, content=cloudevents.write_structured(thing_changed(2))
    )

    assert [(each.status_code, each.content) for each in (binary, structured)] == [(202, b"")] * 2
    assert await sample.things(database) == {1: ("label 2", 2, 2)}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({}, b"nonsense"),
        ({"content-type": "text/plain"}, b"x"),
        (STRUCTURED, b"{"),
        (STRUCTURED, b"[" * 100_000),
        (STRUCTURED, b'{"specversion": "0.3", "id": "a", "source": "/s", "type": "t"}'),
        (STRUCTURED, b'{"specversion": "1.0", "id": "\\ud800", "source": "/s", "type": "t"}'),
        ({"ce-id": "1", "ce-specversion": "1.0"}, b"{}"),
        ({"ce-id": "1", "ce-source": "%00", "ce-type": "t", "ce-specversion": "1.0"}, b"{}"),
        (STRUCTURED, json.dumps({"specversion": "1.0", "id": "a" * 300}).encode()),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_malformed_event_is_quarantined(
    client: httpx.AsyncClient, database: Database, headers: dict[str, str], body: bytes
) -> None:
    """With the reason and 202, because a retry would not help.

    The route never responds with 4xx.
    """
    response = await client.post("/events", headers=headers, content=body)
    (letter,) = await letters(database)

    assert (response.status_code, response.content) == (202, b"")
    assert letter.kind is dead_letters.Reason.QUARANTINED
    assert letter.reason


async def test_a_poison_event_does_not_hold_up_the_good_ones(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Of its own stream, where it counts as read."""
    for event in (thing_changed(1, data=b"?"), thing_changed(2)):
        assert (await push(client, event)).status_code == 202

    assert await sample.things(database) == {1: ("label 2", 2, 1)}
    assert len(await letters(database)) == 1


@pytest.mark.parametrize("size", [events.MAX_EVENT, events.MAX_EVENT + 1])
async def test_an_event_of_a_megabyte_is_read_and_a_longer_one_is_put_aside(
    client: httpx.AsyncClient, database: Database, size: int
) -> None:
    """With its beginning only, which is all that is kept in memory."""
    data = b'{"thing_id": 1, "label": "a", "more": "'
    event = thing_changed(1, data=data + b"x" * (size - len(data) - 2) + b'"}')
    response = await push(client, event)
    effects, store = await sample.things(database), await letters(database)

    assert response.status_code == 202
    assert (len(effects), len(store)) == ((1, 0) if size <= events.MAX_EVENT else (0, 1))


@pytest.mark.parametrize("question", ["is_unavailable", "is_retryable"])
async def test_a_passing_fault_is_a_503(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """The broker then redelivers the event."""

    async def fail(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(app.state.services.database, question, lambda error: True)
    monkeypatch.setattr(app.state.services.subscriptions, "consume", fail)
    response = await push(client, thing_changed(1))

    assert response.status_code == 503
    assert response.headers["retry-after"]


async def test_a_ping_triggers_the_background_tasks(
    app: Litestar, client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not stored."""
    triggered: list[str] = []
    app.state.services.run_background_tasks = lambda: triggered.append("triggered")
    ping = thing_changed(None, id="1", type=PING, source="/apis/v1/pings", data=b"{}")
    response = await push(client, ping)

    assert (response.status_code, triggered) == (202, ["triggered"])
    assert await letters(database) == []


async def test_a_gap_wakes_the_reader(app: Litestar, client: httpx.AsyncClient) -> None:
    """The reader of that source. The next event in sequence does not wake it."""
    noticed: list[str] = []
    app.state.services.catch_up.notify = noticed.append
    for sequence in (1, 2, 5):
        await push(client, thing_changed(sequence))

    assert noticed == [sample.THINGS.source]


async def test_the_feed_is_a_batch_with_a_link_to_what_follows(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    """A header has the sequence of the newest event."""
    state = app.state.services
    for text in "abc":
        await sample.write_note(state.database, text, outbox=state.outbox)
    first = await client.get("/internal/streams/notes?limit=2", headers=FEED)
    second = await client.get(first.links["next"]["url"], headers=FEED)

    assert first.headers["content-type"] == cloudevents.BATCH_MEDIA_TYPE
    assert [event.sequence for event in cloudevents.read_batch(first.content)] == [1, 2]
    assert [event.sequence for event in cloudevents.read_batch(second.content)] == [3]
    assert (first.headers["stream-head"], second.links) == ("3", {})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/internal/streams/orders", 404),
        ("/internal/snapshots/orders", 404),
        ("/internal/streams/notes?after=1", 410),
        ("/internal/streams/notes?after=-1", 400),
        ("/internal/streams/notes?after=9223372036854775808", 400),
        ("/internal/streams/notes?limit=0", 400),
        ("/internal/streams/notes?limit=501", 400),
    ],
)
async def test_a_feed_that_cannot_be_is_refused(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    """After 410 a reader takes the snapshot."""
    assert (await client.get(path, headers=FEED)).status_code == status


async def test_a_snapshot_is_lines(app: Litestar, client: httpx.AsyncClient) -> None:
    """It is streamed, so that its size does not matter for memory."""
    state = app.state.services
    await sample.write_note(state.database, "a", outbox=state.outbox)
    response = await client.get("/internal/snapshots/notes", headers=FEED)
    lines: list[Any] = [json.loads(line) for line in response.text.splitlines()]

    assert response.headers["content-type"] == "application/x-ndjson"
    assert (lines[0]["sequence"], lines[-1], len(lines)) == (1, {"count": 1}, 3)

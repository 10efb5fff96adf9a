"""The internal door: what it answers to events decides whether they live."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from functions.kit import cloudevents, dead_letters, internal_door
from functions.kit.cloudevents import Event
from functions.kit.database import Database
from functions.kit.dead_letters import DeadLetter
from functions.kit.subscriptions import PING, Subscriptions
from tests.kit import sample
from tests.kit.sample import thing_changed
from tests.support.clock import FakeClock
from tests.support.tokens import Issuer

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


async def push(client: httpx.AsyncClient, event: Event, path: str = "/events") -> httpx.Response:
    headers, body = cloudevents.write(event)
    return await client.post(path, headers=headers, content=body)


async def letters(database: Database) -> list[DeadLetter]:
    return await dead_letters.listing(database, after=0, limit=100)


async def test_an_event_is_taken_in_either_mode(
    client: httpx.AsyncClient, database: Database
) -> None:
    """202 with an empty body, and it had its effect."""
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
    """With the reason, and 202: no retry would help, and no 4xx is ever answered."""
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


@pytest.mark.parametrize("size", [internal_door.MAX_EVENT, internal_door.MAX_EVENT + 1])
async def test_an_event_of_a_megabyte_is_read_and_a_longer_one_is_put_aside(
    client: httpx.AsyncClient, database: Database, size: int
) -> None:
    """With its beginning, and without more of it in memory."""
    data = b'{"thing_id": 1, "label": "a", "more": "'
    event = thing_changed(1, data=data + b"x" * (size - len(data) - 2) + b'"}')
    response = await push(client, event)
    effects, put_aside = await sample.things(database), await letters(database)

    assert response.status_code == 202
    assert (len(effects), len(put_aside)) == ((1, 0) if size <= internal_door.MAX_EVENT else (0, 1))


@pytest.mark.parametrize("question", ["is_unavailable", "is_retryable"])
async def test_a_passing_fault_is_a_503(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """So the broker sends the event again."""

    async def fail(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(app.state.database, question, lambda error: True)
    monkeypatch.setattr(app.state.subscriptions, "take", fail)
    response = await push(client, thing_changed(1))

    assert response.status_code == 503
    assert response.headers["retry-after"]


async def test_a_ping_pokes(
    app: Litestar, client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Send, catch up, do what is due; nothing is kept of it."""
    poked: list[str] = []
    app.state.poke = lambda: poked.append("poked")
    ping = thing_changed(None, id="1", type=PING, source="/apis/v1/pings", data=b"{}")
    response = await push(client, ping)

    assert (response.status_code, poked) == (202, ["poked"])
    assert await letters(database) == []


async def test_a_gap_wakes_the_reader(app: Litestar, client: httpx.AsyncClient) -> None:
    """Of that source; an event that is the next one does not."""
    noticed: list[str] = []
    app.state.catch_up.notify = noticed.append
    for sequence in (1, 2, 5):
        await push(client, thing_changed(sequence))

    assert noticed == [sample.THINGS.source]


async def test_an_event_that_the_broker_gave_up_is_kept(
    client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """With where it could not be delivered, until an admin replays it."""
    headers, body = cloudevents.write(thing_changed(1))
    headers |= {"ce-knativeerrorcode": "500", "ce-knativeerrordest": "http://catalog-internal"}
    response = await client.post("/events/dead-letter", headers=headers, content=body)
    (letter,) = await letters(database)
    replayed = await client.post(
        f"/internal/dead-letters/{letter.id}/replay", headers=issuer.bearer(1, "admin")
    )

    assert (response.status_code, letter.kind) == (202, dead_letters.Reason.DEAD_LETTERED)
    assert letter.reason == "not delivered to http://catalog-internal: 500"
    assert replayed.json() == {"id": letter.id, "outcome": "applied"}
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_a_replay_changes_nothing_twice(
    client: httpx.AsyncClient, database: Database, issuer: Issuer, clock: FakeClock
) -> None:
    """And the letter shows when it was replayed."""
    headers, body = cloudevents.write(thing_changed(1))
    await client.post("/events/dead-letter", headers=headers, content=body)
    admin = issuer.bearer(1, "admin")
    answers = [
        await client.post("/internal/dead-letters/1/replay", headers=admin) for _ in range(2)
    ]
    (shown,) = (await client.get("/internal/dead-letters", headers=admin)).json()

    assert [answer.json()["outcome"] for answer in answers] == ["applied", "seen-before"]
    assert shown["replayed_at"] is not None
    assert await sample.things(database) == {1: ("label 1", 1, 1)}


async def test_a_quarantined_event_is_understood_by_a_corrected_handler(
    app: Litestar, client: httpx.AsyncClient, database: Database, issuer: Issuer
) -> None:
    """Until then its replay is a conflict, and adds no letter."""
    await push(client, thing_changed(1, data=b'{"thing_id": 1, "label": 7}'))
    admin = issuer.bearer(1, "admin")
    refused = await client.post("/internal/dead-letters/1/replay", headers=admin)
    count = len(await letters(database))

    corrected = Subscriptions(sample.THINGS)
    corrected.on(sample.THING_CHANGED, TolerantThingState)(record_tolerant_thing)
    app.state.subscriptions = corrected
    replayed = await client.post("/internal/dead-letters/1/replay", headers=admin)

    assert (refused.status_code, refused.json()["code"], count) == (409, "cannot-replay", 1)
    assert replayed.json()["outcome"] == "applied"
    assert await sample.things(database) == {1: ("7", 1, 1)}


class TolerantThingState(msgspec.Struct, frozen=True):
    """As a corrected handler reads it."""

    thing_id: int
    label: str | int


async def record_tolerant_thing(
    database: Database, event: Event, state: TolerantThingState
) -> None:
    await sample.record_thing(database, event, sample.ThingState(state.thing_id, str(state.label)))


async def test_a_malformed_event_cannot_be_replayed(
    client: httpx.AsyncClient, issuer: Issuer
) -> None:
    """It says so, with the reason."""
    await client.post("/events", content=b"nonsense")
    response = await client.post(
        "/internal/dead-letters/1/replay", headers=issuer.bearer(1, "admin")
    )

    assert (response.status_code, response.json()["code"]) == (409, "cannot-replay")


@pytest.mark.parametrize("roles", [None, ("customer",), ("staff",)])
async def test_dead_letters_are_for_admins(
    client: httpx.AsyncClient, issuer: Issuer, roles: tuple[str, ...] | None
) -> None:
    """They hold what others sent."""
    headers = issuer.bearer(1, *roles) if roles else {}
    answers = [
        await client.get("/internal/dead-letters", headers=headers),
        await client.post("/internal/dead-letters/1/replay", headers=headers),
    ]

    assert {answer.status_code for answer in answers} == {403 if roles else 401}


@pytest.mark.parametrize("letter_id", ["1", "9223372036854775808"])
async def test_a_letter_that_is_not_there_is_not_found(
    client: httpx.AsyncClient, issuer: Issuer, letter_id: str
) -> None:
    """Nor is one whose number no column holds."""
    response = await client.post(
        f"/internal/dead-letters/{letter_id}/replay", headers=issuer.bearer(1, "admin")
    )

    assert response.status_code == 404


async def test_dead_letters_come_in_pages(client: httpx.AsyncClient, issuer: Issuer) -> None:
    """Oldest first."""
    for number in range(3):
        await client.post("/events", content=f"nonsense {number}".encode())
    admin = issuer.bearer(1, "admin")
    first = await client.get("/internal/dead-letters?limit=2", headers=admin)
    second = await client.get(first.links["next"]["url"], headers=admin)

    assert [letter["id"] for letter in first.json() + second.json()] == [1, 2, 3]
    assert "next" not in second.links


async def test_the_feed_is_a_batch_with_a_link_to_what_follows(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    """And the newest event's number in a header."""
    state = app.state
    for text in "abc":
        await sample.write_note(state.database, text, outbox=state.outbox)
    first = await client.get("/internal/streams/notes?limit=2")
    second = await client.get(first.links["next"]["url"])

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
    """410 is what makes a reader take the snapshot."""
    assert (await client.get(path)).status_code == status


async def test_a_snapshot_is_lines(app: Litestar, client: httpx.AsyncClient) -> None:
    """Streamed, so that memory stays bounded whatever there is."""
    state = app.state
    await sample.write_note(state.database, "a", outbox=state.outbox)
    response = await client.get("/internal/snapshots/notes")
    lines: list[Any] = [json.loads(line) for line in response.text.splitlines()]

    assert response.headers["content-type"] == "application/x-ndjson"
    assert (lines[0]["sequence"], lines[-1], len(lines)) == (1, {"count": 1}, 3)

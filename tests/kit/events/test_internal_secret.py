"""Signatures of events, and tokens for feeds."""

import itertools
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from functions.kit.base.settings import BadSettings, Secret
from functions.kit.events import cloudevents
from functions.kit.events.internal_secret import InternalSecret
from tests.kit import sample
from tests.kit.sample import thing_changed
from tests.support.signing import FEED, SECRET, SIGNER

OTHER = "another-secret-that-is-as-long-as-it-must-be"


def secret(text: str) -> InternalSecret:
    return InternalSecret(Secret(text))


def test_a_signature_is_of_the_event_as_it_stands() -> None:
    """It is valid after serialization, and invalid after any change of the event."""
    event = thing_changed(1)
    headers, body = cloudevents.write(event)
    received = cloudevents.read(headers, body)
    changes: list[dict[str, Any]] = [
        {"id": "x"},
        {"source": "/x"},
        {"type": "x"},
        {"subject": "x"},
        {"sequence": 2},
        {"sequence": None},
        {"revision": 2},
        {"data": b"{}"},
        {"signature": None},
        {"signature": "\u00f1"},
    ]

    assert SIGNER.is_genuine(received)
    for change in changes:
        assert not SIGNER.is_genuine(msgspec.structs.replace(received, **change))
    assert not secret(OTHER).is_genuine(received)


def test_a_broker_may_write_time_and_trace_as_it_likes() -> None:
    """The signature does not cover them, and no decision depends on them."""
    event = msgspec.structs.replace(thing_changed(1), traceparent="x", dataschema="y")

    assert SIGNER.is_genuine(event)


def test_a_structured_event_keeps_its_signature() -> None:
    """Its data is serialized again on the way, to the same text."""
    headers = {"content-type": "application/cloudevents+json"}
    body = cloudevents.write_structured(thing_changed(1))

    assert SIGNER.is_genuine(cloudevents.read(headers, body))


def test_without_a_secret_nothing_is_genuine_and_feeds_are_open() -> None:
    """As in development, where the network alone protects the internal API."""
    none = secret("")

    assert not none
    assert none.sign(sample.thing_changed(1)) == sample.thing_changed(1)
    assert not none.is_genuine(thing_changed(1))
    assert (none.headers, none.authorizes({})) == ({}, True)


def test_a_secret_is_changed_without_a_pause() -> None:
    """Old, old and new, new and old, new: each side accepts the other's signatures at each step."""
    steps = [SECRET, f"{SECRET}, {OTHER}", f"{OTHER},{SECRET}", OTHER]
    event = msgspec.structs.replace(thing_changed(1), signature=None)
    for before, after in itertools.pairwise(steps):
        for sender, reader in ((before, after), (after, before)):
            assert secret(reader).is_genuine(secret(sender).sign(event))
            assert secret(reader).authorizes(secret(sender).headers)


async def test_feeds_are_shown_to_services_only(client: httpx.AsyncClient) -> None:
    """The secret itself is never sent, and is refused as a credential."""
    for path in ("streams/notes", "snapshots/notes"):
        answers = [
            (await client.get(f"/internal/{path}", headers=headers)).status_code
            for headers in ({}, {"authorization": f"Bearer {SECRET}"}, FEED)
        ]

        assert answers == [401, 401, 200]


@pytest.mark.parametrize("text", ["short", f"{SECRET},short", f"{SECRET},"])
def test_a_short_secret_is_refused(text: str) -> None:
    """A secret that can be guessed could be used to sign events."""
    with pytest.raises(BadSettings, match="INTERNAL_SECRET"):
        sample.settings("", INTERNAL_SECRET=text)


async def test_the_relay_signs(app: Litestar) -> None:
    """A consumer with the secret accepts the events that it sends."""
    sent: list[cloudevents.Event] = []

    def broker(request: httpx.Request) -> httpx.Response:
        sent.append(cloudevents.read(request.headers, request.content))
        return httpx.Response(202)

    state = app.state.services
    state.relay.sink = "http://broker.test"
    state.relay.http = httpx.AsyncClient(transport=httpx.MockTransport(broker))
    database = state.database
    from functions.kit.data.migrations import load, migrate
    from tests.kit import migrations as sample_migrations

    await migrate(database, load(sample_migrations))
    await sample.write_note(database, "a", outbox=state.outbox)
    await state.relay.flush()
    await database.close()

    assert [SIGNER.is_genuine(event) for event in sent] == [True]

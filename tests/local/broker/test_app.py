"""The HTTP API responds as Knative's ingress: 202 for a stored event, otherwise a reason."""

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from functions.local.broker.app import MAX_BYTES, App
from tests.local.broker.events import SOURCE, BrokerFactory, binary, trigger
from tests.local.subscribers import Subscriber, serving


@pytest.fixture
async def api(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(App(running_broker(trigger(subscriber.url)))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
async def test_events_of_the_sdk_are_accepted_in_both_modes(
    write: object, api: httpx.AsyncClient, subscriber: Subscriber
) -> None:
    """The response is 202 with an empty body, and the subscriber gets the same id, subject and JSON
    data."""
    sent = CloudEvent(
        {
            "type": "t",
            "source": SOURCE,
            "subject": "book/42",
            "datacontenttype": "application/json",
        },
        {"title": "Rayuela", "price": 12.5},
    )
    message = write(sent)  # type: ignore[operator]

    response = await api.post("/", headers=message.headers, content=message.body)
    await subscriber.until_count(1)

    assert (response.status_code, response.content) == (202, b"")
    (got,) = subscriber.received
    assert got.event_id == sent.get_id()
    assert got.headers["ce-subject"] == "book/42"
    assert json.loads(got.body) == {"title": "Rayuela", "price": 12.5}


async def test_an_event_that_matches_no_trigger_is_confirmed(api: httpx.AsyncClient) -> None:
    """The response is 202 as in Knative, although the event is delivered to no subscriber."""
    response = await api.post("/", headers=binary("1", "/nobody"), content=b"{}")

    assert (response.status_code, response.content) == (202, b"")


async def test_a_request_that_is_not_an_event_is_refused_with_a_reason(
    api: httpx.AsyncClient,
) -> None:
    """JSON without the attributes of CloudEvents gets a 400 that lists the missing ones."""
    response = await api.post("/", json={"title": "Rayuela"})

    assert response.status_code == 400
    assert response.text == "not a CloudEvents 1.0 event: specversion, id, source, type missing"


async def test_a_batch_is_an_unsupported_media_type(api: httpx.AsyncClient) -> None:
    """`application/cloudevents-batch+json` gets a 415."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    response = await api.post("/", headers=headers, content=b"[]")

    assert response.status_code == 415


async def stream(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b"x" * 1024


async def test_a_body_is_limited_to_one_mebibyte(
    api: httpx.AsyncClient, subscriber: Subscriber
) -> None:
    """1 MiB is delivered; more is a 413, whether Content-Length declares the size or the body is
    chunked."""
    largest = await api.post("/", headers=binary("1"), content=b"x" * MAX_BYTES)
    declared = await api.post("/", headers=binary("2"), content=b"x" * (MAX_BYTES + 1))
    chunked = await api.post("/", headers=binary("3"), content=stream(MAX_BYTES + 1024))
    await subscriber.until_count(1)

    assert [a.status_code for a in (largest, declared, chunked)] == [202, 413, 413]
    assert [len(got.body) for got in subscriber.received] == [MAX_BYTES]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/healthz", 200), ("GET", "/", 405), ("POST", "/status", 405), ("POST", "/x", 404)],
)
async def test_other_methods_and_paths(
    method: str, path: str, status: int, api: httpx.AsyncClient
) -> None:
    """A wrong method on a known path is a 405, an unknown path a 404."""
    assert status == (await api.request(method, path)).status_code


async def test_status_counts_per_trigger(api: httpx.AsyncClient) -> None:
    """Before the first event, `/status` lists the Trigger with six counts, all zero."""
    before = (await api.get("/status")).json()

    assert before == {
        "triggers": {
            "purchase-books": {
                "queued": 0,
                "retrying": 0,
                "delivered": 0,
                "dead_lettered": 0,
                "dead_letters_waiting": 0,
                "lost": 0,
            }
        }
    }


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
async def test_an_event_that_cannot_be_stored_is_not_confirmed(
    api: httpx.AsyncClient, store_file: Path
) -> None:
    """A SQLite error is a 503 with its message, so that the sender sends the event again."""
    with sqlite3.connect(store_file) as sql:
        sql.execute("DROP TABLE queue")
    sql.close()

    response = await api.post("/", headers=binary("1"), content=b"{}")

    assert response.status_code == 503
    assert "no such table" in response.text

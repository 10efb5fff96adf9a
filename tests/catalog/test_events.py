"""What the catalogue tells: contracts, revisions, the snapshot."""

import json
from typing import Any

import msgspec
import pytest

from functions.catalog import events
from functions.kit.events import cloudevents
from tests.catalog.library import ISBN, Library
from tests.support.contracts import validator, violations
from tests.support.signing import FEED
from tests.support.snapshots import states_of

TYPES = (events.BOOK_CREATED, events.BOOK_UPDATED, events.BOOK_RETIRED)


async def states(library: Library) -> list[dict[str, Any]]:
    """The snapshot, without its first and last line."""
    snapshot = await library.client.get("/internal/snapshots/books", headers=FEED)
    lines = snapshot.text.splitlines()
    return [json.loads(line) for line in lines[1:-1]]


async def test_each_change_publishes_one_event_with_the_full_state(library: Library) -> None:
    """Adding, changing and retiring a book publish one event each, with growing revisions."""
    book_id = await library.add(isbn=ISBN, category="Novela", stock=4)
    await library.call("PATCH", f"/books/{book_id}", {"price": "13.00"}, if_match="*")
    await library.call("DELETE", f"/books/{book_id}")
    published = await library.published()

    assert [
        (
            event["type"],
            event["revision"],
            event["data"]["price_minor"],
            event["data"]["retired"],
        )
        for event in published
    ] == [
        ("bookstore.book.created.v1", "1", 1250, False),
        ("bookstore.book.updated.v1", "2", 1300, False),
        ("bookstore.book.retired.v1", "3", 1300, True),
    ]
    assert {
        "book_id": book_id,
        "title": "Rayuela",
        "author": "Julio Cortázar",
        "description": None,
        "isbn": ISBN,
        "category": "Novela",
        "price_minor": 1250,
        "currency": "USD",
        "retired": False,
        "initial_stock": 4,
        "year": None,
        "language": None,
        "external_rating_hundredths": None,
        "external_ratings_count": 0,
        "seller_id": None,
    } == published[0]["data"]
    assert {("/bookstore/catalog/books", f"book/{book_id}")} == {
        (event["source"], event["subject"]) for event in published
    }
    assert violations(published) == []


async def test_the_snapshot_has_the_state_of_every_book(library: Library) -> None:
    """It contains retired books, so that consumers stop selling them."""
    for title in "abc":
        await library.add(title)
    await library.call("DELETE", "/books/2")
    await library.call("PATCH", "/books/3", {"title": "z"}, if_match="*")
    found = await states(library)

    assert [
        (state["subject"], state["type"], state["revision"], state["data"]["title"])
        for state in found
    ] == [
        ("book/1", "bookstore.book.updated.v1", "1", "a"),
        ("book/2", "bookstore.book.retired.v1", "2", "b"),
        ("book/3", "bookstore.book.updated.v1", "2", "z"),
    ]
    assert violations(found) == []


async def test_the_snapshot_is_read_in_pages(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of several pages has every book once, in order."""
    monkeypatch.setattr("functions.catalog.queries.books.SNAPSHOT_PAGE", 2)
    for title in "abcd":
        await library.add(title)

    assert [state["data"]["title"] for state in await states(library)] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
async def test_pages_of_the_snapshot_are_the_whole_one(library: Library, limit: int) -> None:
    """For each reader that asks for pages, of any size."""
    for title in "abcd":
        await library.add(title)
    pages = await states_of(library.client, "books", limit)

    assert [state["data"]["title"] for state in pages] == ["a", "b", "c", "d"]


async def test_an_event_carries_the_trace_of_its_request(library: Library) -> None:
    """Its `traceparent` has the trace id of the request."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await library.call(
        "POST",
        "/books",
        {"title": "t", "author": "a", "price": 1},
        traceparent=f"00-{trace}-00f067aa0ba902b7-01",
    )
    (event,) = await library.published()

    assert trace == event["traceparent"].split("-")[1]


@pytest.mark.parametrize("event_type", TYPES)
def test_contract_and_producer_name_the_same_fields(event_type: str) -> None:
    """The contract describes every field that is published, and requires those without a default,
    which the first release published."""
    schema = validator(event_type).schema
    assert isinstance(schema, dict)
    fields = msgspec.structs.fields(events.BookState)

    assert [field.name for field in fields] == list(schema["properties"])
    assert [field.name for field in fields if field.required] == schema["required"]
    assert all(field["description"] for field in schema["properties"].values())
    assert f"urn:bookstore:contract:{event_type}" == schema["$id"]


async def test_the_feed_is_a_batch_that_the_kit_reads(library: Library) -> None:
    """The feed is a CloudEvents batch with sequence, revision and subject."""
    await library.add()
    response = await library.feed()
    (event,) = cloudevents.read_batch(response.content)

    assert (event.sequence, event.revision, event.subject) == (1, 1, "book/1")

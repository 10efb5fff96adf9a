"""CloudEvents over HTTP: written events are read back, malformed ones raise `MalformedEvent`."""

import json
from datetime import UTC, datetime
from typing import Any

import cloudevents.core.bindings.http  # noqa: F401 - so that no example has to wait for it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.events.cloudevents import (
    Event,
    MalformedEvent,
    read,
    read_batch,
    write,
    write_batch,
    write_structured,
)

STRUCTURED = {"content-type": "application/cloudevents+json"}

BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "0198-a",
    "ce-source": "/bookstore/catalog/books",
    "ce-type": "bookstore.book.created.v1",
    "content-type": "application/json",
}

WHOLE = Event(
    id="0198-a",
    source="/bookstore/catalog/books",
    type="bookstore.book.created.v1",
    subject="book/42",
    time=datetime(2026, 3, 14, 9, 26, 53, 589793, UTC),
    data='{"title":"Cien años de soledad\u2028"}'.encode(),
    dataschema="urn:bookstore:contract:bookstore.book.created.v1",
    sequence=7,
    revision=3,
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)

# Letters, marks, symbols: what the specification's String allows.
text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=40)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    Event,
    id=text,
    source=text,
    type=text,
    subject=text | st.just(""),
    time=st.none() | st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
    data=json_values.map(lambda value: json.dumps(value).encode()),
    sequence=st.none() | st.integers(0, 2**63 - 1),
    revision=st.none() | st.integers(0, 2**63 - 1),
)


def comparable(event: Event) -> tuple[Any, ...]:
    """All of an event, with its data parsed, because a structured event may format its JSON
    differently."""
    return (
        *(getattr(event, name) for name in event.__struct_fields__ if name != "data"),
        json.loads(event.data),
    )


def structured(**attributes: Any) -> bytes:
    given = {"specversion": "1.0", "id": "a", "source": "/s", "type": "t", **attributes}
    return json.dumps({name: it for name, it in given.items() if it is not None}).encode()


@given(events)
def test_binary_mode_is_read_as_it_was_written(event: Event) -> None:
    """Attributes in headers, percent-encoded where they are not ASCII."""
    headers, body = write(event)

    assert read(headers, body) == event


@given(events)
def test_structured_mode_is_read_as_it_was_written(event: Event) -> None:
    """The whole event in one JSON object."""
    assert comparable(read(STRUCTURED, write_structured(event))) == comparable(event)


@given(st.lists(events, max_size=3))
def test_a_batch_is_read_as_it_was_written(batch: list[Event]) -> None:
    """A feed's page, also an empty one."""
    assert [comparable(event) for event in read_batch(write_batch(batch))] == [
        comparable(event) for event in batch
    ]


@given(st.dictionaries(st.sampled_from([*BINARY, "ce-time", "ce-sequence"]), text), st.binary())
def test_whatever_comes_in_headers_is_an_event_or_malformed(
    headers: dict[str, str], body: bytes
) -> None:
    """No other exception is raised."""
    try:
        event = read({**BINARY, **headers}, body)
    except MalformedEvent:
        return
    assert event.id


@given(
    st.dictionaries(
        st.sampled_from(["specversion", "id", "source", "type", "time", "sequence", "data", "x"]),
        json_values,
    )
)
def test_whatever_comes_in_a_body_is_an_event_or_malformed(attributes: dict[str, Any]) -> None:
    """Also in structured mode."""
    try:
        event = read(STRUCTURED, structured(**attributes))
    except MalformedEvent:
        return
    assert event.id


def test_extensions_go_over_the_wire_as_strings() -> None:
    """The sequence has twenty digits, so that it sorts as text.

    The subject is the partition key as well.
    """
    headers, _ = write(WHOLE)

    assert headers["ce-sequence"] == "00000000000000000007"
    assert (headers["ce-revision"], headers["ce-partitionkey"]) == ("3", "book/42")


def test_the_trace_goes_in_the_header_that_the_broker_lets_through() -> None:
    """Knative's dispatcher removes ce-traceparent."""
    headers, _ = write(WHOLE)

    assert headers["traceparent"] == WHOLE.traceparent


def test_a_structured_event_is_ascii() -> None:
    """So a line separator in a title does not end a snapshot's line."""
    assert write_structured(WHOLE).isascii()


def test_a_time_that_was_not_given_is_not_invented() -> None:
    """The SDK would set the present time, when it reads and when it writes."""
    timeless = read(BINARY, b"{}")
    headers, _ = write(timeless)

    assert timeless.time is None
    assert "ce-time" not in headers


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_required_attribute_that_is_missing_is_named(name: str, value: str | None) -> None:
    """In both modes. The SDK would make up some of them."""
    headers = {key: it for key, it in BINARY.items() if key != f"ce-{name}"}
    if value is not None:
        headers[f"ce-{name}"] = value

    with pytest.raises(MalformedEvent, match=name):
        read(headers, b"{}")
    with pytest.raises(MalformedEvent, match=name):
        read(STRUCTURED, structured(**{name: value}))


@pytest.mark.parametrize(
    "attributes",
    [
        {"specversion": "0.3"},
        {"specversion": "2.0"},
        {"id": 5},
        {"id": ["a"]},
        {"id": "a" * 256},
        {"id": "a\x00b"},
        {"id": "a\nb"},
        {"type": "t\x7f"},
        {"subject": "\ud800"},
        {"source": "/s\ufffe"},
        {"time": "yesterday"},
        {"time": "2026-03-14T09:26:53"},
        {"sequence": "-1"},
        {"sequence": "1.5"},
        {"sequence": "٣"},
        {"sequence": True},
        {"revision": str(2**63)},
        {"revision": "9" * 250},
        {"Upper": "x"},
        {"under_score": "x"},
        {"data": float("nan")},
        {"data": {"prices": [1.5, float("-inf")]}},
        {"data": {"title": "\ud800"}},
    ],
    ids=repr,
)
def test_an_attribute_that_cannot_be_is_malformed(attributes: dict[str, Any]) -> None:
    """By the rules of the specification and by the widths of the tables' columns."""
    with pytest.raises(MalformedEvent):
        read(STRUCTURED, structured(**attributes))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"7", b"null", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000],
    ids=lambda body: repr(body[:10]),
)
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    """As an event and as a batch; an empty list is an empty batch."""
    with pytest.raises(MalformedEvent):
        read(STRUCTURED, body)
    if body != b"[]":
        with pytest.raises(MalformedEvent):
            read_batch(body)


def test_a_batch_with_one_malformed_event_is_refused_whole() -> None:
    """Reading continues after the last event of a page, so no event of it may be left out."""
    batch = b"[" + write_structured(WHOLE) + b',{"id":"x"}]'

    with pytest.raises(MalformedEvent, match="source"):
        read_batch(batch)


def test_data_in_base64_is_read() -> None:
    """Other producers may send JSON as base64."""
    assert read(STRUCTURED, structured(data_base64="eyJhIjoxfQ==")).data == b'{"a":1}'


def test_data_is_left_as_it_was_sent() -> None:
    """Byte for byte in binary mode: only its subscriber knows its type."""
    assert read(BINARY, b"not json").data == b"not json"
    assert read(BINARY, b"").data == b"null"


def test_attributes_of_others_are_passed_over() -> None:
    """A trace that is not a text is ignored as well."""
    event = read(STRUCTURED, structured(traceparent=7, knativeerrorcode="500"))

    assert event.traceparent is None


def from_json(**members: object) -> Event:
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **members}
    return read({"content-type": "application/cloudevents+json"}, json.dumps(event).encode())


@pytest.mark.parametrize(
    "name", ["time", "subject", "dataschema", "datacontenttype", "sequence", "traceparent", "other"]
)
def test_a_null_attribute_is_unset(name: str) -> None:
    """CloudEvents' JSON format, section 2.3. Data may be null."""
    assert from_json(**{name: None, "data": {"a": None}}) == from_json(data={"a": None})
    assert from_json(data=None).data == b"null"


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_required_attribute_that_is_null_is_missing(name: str) -> None:
    """The error names it."""
    with pytest.raises(MalformedEvent, match=name):
        from_json(**{name: None})


@pytest.mark.parametrize("zone", ["Z", "+05:30", ".5Z"])
def test_a_leap_second_is_the_second_before_it(zone: str) -> None:
    """RFC 3339 has leap seconds, and Python does not. In both modes."""
    leap, before = f"2016-12-31T23:59:60{zone}", f"2016-12-31T23:59:59{zone}"
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}

    assert from_json(time=leap) == from_json(time=before)
    assert read({**binary, "CE-Time": leap}, b"") == read({**binary, "ce-time": before}, b"")
    with pytest.raises(MalformedEvent):
        from_json(time="2016-12-31T23:60:00Z")

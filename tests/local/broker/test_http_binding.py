"""A request becomes an event unchanged, or is refused with a reason."""

import base64
import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st

from functions.local.broker.errors import NotAnEvent, UnsupportedMode
from functions.local.broker.http_binding import read_event, with_extensions
from tests.local.broker.events import binary, event

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


def structured(**fields: Any) -> bytes:
    document = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **fields}
    return json.dumps({name: value for name, value in document.items() if value != ...}).encode()


def test_a_binary_event_passes_unchanged() -> None:
    """Attributes and body are kept byte by byte (12.50 does not become 12.5), and headers of the
    connection such as `host` are left out."""
    headers = binary("1", **{"ce-subject": "book/42", "ce-time": "2026-01-02T03:04:05Z"})

    read = read_event({**headers, "host": "x", "user-agent": "y"}, b'{"price": 12.50}')

    assert headers == read.message.headers
    assert read.message.body == b'{"price": 12.50}'


def test_invalid_json_passes_unchanged() -> None:
    """Consumers validate the data, and quarantine what is invalid."""
    assert event("1", body=b'{"broken').message.body == b'{"broken'


def test_a_missing_time_is_not_generated() -> None:
    """`time` is optional in CloudEvents, and the broker does not add the time of arrival."""
    assert "ce-time" not in event("1").message.headers


def test_percent_encoding_is_decoded_and_encoded() -> None:
    """Filters compare the decoded text, while the delivered header is percent-encoded."""
    read = read_event(binary("1", **{"ce-subject": "caf%C3%A9%20%22a%22"}), b"")

    assert read.attributes["subject"] == 'café "a"'
    assert read.message.headers["ce-subject"] == "caf%C3%A9%20%22a%22"


def test_the_trace_attribute_is_removed_and_the_trace_header_kept() -> None:
    """As in Knative, `ce-traceparent` is dropped, while `traceparent` and `tracestate` are
    forwarded."""
    read = read_event(
        binary("1", **{"ce-traceparent": "00-a", "traceparent": "00-b", "tracestate": "c"}), b""
    )

    assert "ce-traceparent" not in read.message.headers
    assert read.message.headers["traceparent"] == "00-b"
    assert read.message.headers["tracestate"] == "c"


@pytest.mark.parametrize(
    ("fields", "content_type", "body"),
    [
        ({"data": {"título": "Rayuela"}}, "application/json", '{"título":"Rayuela"}'.encode()),
        ({"data": [1, 2]}, "application/json", b"[1,2]"),
        ({"data": "text"}, "application/json", b'"text"'),
        ({"data": 1.5}, "application/json", b"1.5"),
        ({"data": "text", "datacontenttype": "text/plain"}, "text/plain", b"text"),
        (
            {"data": "x", "datacontenttype": "application/vnd.a+json"},
            "application/vnd.a+json",
            b'"x"',
        ),
        ({"data_base64": base64.b64encode(b"\x00\xff").decode()}, None, b"\x00\xff"),
        ({"data": None}, None, b""),
        ({}, None, b""),
    ],
)
def test_a_structured_event_is_delivered_in_binary_mode(
    fields: dict[str, Any], content_type: str | None, body: bytes
) -> None:
    """JSON data become compact JSON, text of another content type stays text, base64 is decoded,
    and missing or null data give an empty body."""
    message = read_event(STRUCTURED, structured(**fields)).message

    assert message.headers.get("content-type") == content_type
    assert message.body == body
    assert message.headers["ce-id"] == "1"


def test_extensions_become_text() -> None:
    """In structured mode true becomes `true` and 7 becomes `7`; an extension that is null is left
    out."""
    read = read_event(STRUCTURED, structured(flag=True, number=7, nothing=None))

    assert read.message.headers["ce-flag"] == "true"
    assert read.message.headers["ce-number"] == "7"
    assert "ce-nothing" not in read.message.headers
    assert read.attributes["number"] == "7"


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in binary("1").items() if key != name}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "specversion, id, source, type missing"),
        ({"content-type": "application/json"}, "missing"),
        (without("ce-id"), "id missing"),
        (without("ce-source"), "source missing"),
        (without("ce-type"), "type missing"),
        (without("ce-specversion"), "specversion missing"),
        (binary("1", **{"ce-specversion": "0.3"}), "specversion"),
        (binary("1", **{"ce-specversion": "9"}), "specversion"),
        (binary(""), "id"),
        (binary("1", **{"ce-time": "yesterday"}), "not a CloudEvents event"),
        (binary("1", **{"ce-time": "2026-01-02T03:04:05"}), "timezone"),
        (binary("1", **{"ce-bad-name": "x"}), "lowercase letters|attribute name"),
        (binary("1", **{"ce-big": "x" * 40_000}), "do not fit into the headers"),
    ],
)
def test_an_invalid_binary_event_is_refused(headers: dict[str, str], reason: str) -> None:
    """NotAnEvent names the problem: a missing attribute, another specversion, a time without time
    zone, a bad name, or attributes above 32 KiB."""
    with pytest.raises(NotAnEvent, match=reason):
        read_event(headers, b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff",
        b"[" * 100_000,
        structured(id=...),
        structured(id=1),
        structured(id=""),
        structured(specversion="0.3"),
        structured(specversion=1),
        structured(source=["a"]),
        structured(ext={"a": 1}),
        structured(**{"a\n": "x"}),
        structured(A="x"),
        structured(time=5),
        structured(time="no time"),
        structured(datacontenttype="text/plain\r\nx: y"),
        structured(data=1, data_base64="MQ=="),
        structured(data_base64="a"),
        structured(data_base64=5),
        structured(subject="\ud800"),
        structured(data="\ud800", datacontenttype="text/plain"),
        structured(data={"title": "\ud800"}),
    ],
)
def test_an_invalid_structured_event_is_refused(body: bytes) -> None:
    """Malformed or deeply nested JSON, values of a wrong type and unpaired surrogates all raise
    NotAnEvent, and no exception of a parser."""
    with pytest.raises(NotAnEvent):
        read_event(STRUCTURED, body)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents-batch+json",
        "application/cloudevents+xml",
        "application/cloudevents",
    ],
)
def test_other_modes_are_unsupported(content_type: str) -> None:
    """Batches, XML and an unnamed format raise UnsupportedMode with the content type."""
    with pytest.raises(UnsupportedMode, match=content_type.replace("+", r"\+")):
        read_event({"content-type": content_type}, b"[]")


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=6),
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers()),
    ),
    st.booleans(),
)
def test_any_document_is_refused_or_an_event_that_can_be_delivered(
    fields: dict[str, Any], complete: bool
) -> None:
    """The message of an accepted document is a valid binary event, which reads as the same headers
    and body."""
    document = {**fields, "specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
    body = json.dumps(document if complete else fields).encode()
    try:
        message = read_event(STRUCTURED, body).message
    except NotAnEvent:
        return
    again = read_event(message.headers, message.body)

    assert dict(again.message.headers) == dict(message.headers)
    assert again.message.body == message.body


def test_the_sdk_reads_added_extensions() -> None:
    """Line breaks, quotes and accents of an added value are encoded so that the SDK decodes them;
    the body and the trace header stay."""
    message = with_extensions(
        event("1", body=b"raw", traceparent="00-b").message,
        {"knativeerrordata": 'línea 1\n"línea 2"'},
    )

    read = from_http_event(HTTPMessage(dict(message.headers), message.body))

    assert read.get_extension("knativeerrordata") == 'línea 1\n"línea 2"'
    assert read.get_id() == "1"
    assert message.body == b"raw"
    assert message.headers["traceparent"] == "00-b"

"""An event passes AMQP unchanged, and other publishers' events are read as the binding allows."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cloudevents.core.bindings import amqp

from functions.local.broker.errors import NotAnEvent
from functions.local.broker.http_binding import read_event
from functions.local.broker.rabbitmq.amqp_binding import from_amqp, to_amqp
from tests.local.broker.events import SOURCE, binary, event

FOREIGN = {
    "cloudEvents:specversion": "1.0",
    "cloudEvents:id": "7",
    "cloudEvents:source": SOURCE,
    "cloudEvents:type": "t",
}


def incoming(headers: dict[str, Any], body: bytes = b"", content_type: str | None = None) -> Any:
    return SimpleNamespace(headers=headers, body=body, content_type=content_type)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ce-time": "2026-01-02T03%3A04%3A05.678901%2B02%3A00"},
        {"ce-subject": "%C3%B1and%C3%BA%20%25%20%22"},
        {"ce-sequence": "00000000000000000007", "traceparent": "00-a-b-01", "tracestate": "x=1"},
        {"content-type": "text/plain; charset=" + "x" * 300},
    ],
)
def test_an_event_passes_unchanged(more: dict[str, str]) -> None:
    """A time's microseconds and offset, leading zeros, trace headers and a content type of more
    than 255 characters survive the way to AMQP and back."""
    sent = read_event(binary("1", **more), b"\x00\xff")
    outgoing = to_amqp(sent.message)

    got = from_amqp(incoming(dict(outgoing.headers), outgoing.body, outgoing.content_type))

    assert got == sent


def test_the_sdk_reads_a_written_message() -> None:
    """The `cloudevents` SDK decodes the subject, keeps an extension's leading zeros and parses the
    JSON data."""
    sent = event("1", body=b'{"price":1250}', **{"ce-subject": "%C3%B1", "ce-sequence": "007"})
    outgoing = to_amqp(sent.message)

    read = amqp.from_binary_event(
        amqp.AMQPMessage(
            {"content-type": outgoing.content_type}, dict(outgoing.headers), outgoing.body
        )
    )

    assert (read.get_id(), read.get_source(), read.get_subject()) == ("1", SOURCE, "ñ")
    assert read.get_extension("sequence") == "007"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data() == {"price": 1250}


def test_messages_are_persistent() -> None:
    """Delivery mode 2 lets a durable queue keep the message when RabbitMQ restarts."""
    assert to_amqp(event("1").message).delivery_mode == 2


def test_native_types_and_the_other_prefix_are_read() -> None:
    """With the prefix `cloudEvents_` too, AMQP timestamps, numbers, booleans and bytes become the
    canonical text of CloudEvents."""
    headers: dict[str, Any] = {name.replace(":", "_"): value for name, value in FOREIGN.items()}
    headers |= {
        "cloudEvents_time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "cloudEvents_count": 3,
        "cloudEvents_urgent": True,
        "cloudEvents_note": b"caf\xc3\xa9",
        "x-death": [{"count": 1}],
    }

    got = from_amqp(incoming(headers, b"{}", "application/json"))

    assert got.message.headers["ce-time"] == "2026-01-02T03:04:05Z"
    assert got.message.headers["ce-note"] == "caf%C3%A9"
    assert (got.attributes["count"], got.attributes["urgent"]) == ("3", "true")


def test_structured_mode_is_read() -> None:
    """The content type `application/cloudevents+json` selects it, and `data` becomes the body."""
    body = json.dumps({"specversion": "1.0", "id": "7", "source": SOURCE, "type": "t", "data": [1]})

    got = from_amqp(incoming({}, body.encode(), "application/cloudevents+json"))

    assert (got.attributes["id"], got.message.body) == ("7", b"[1]")


def test_a_message_that_is_not_an_event_is_refused() -> None:
    """Without the headers of the required attributes, NotAnEvent says what is missing."""
    with pytest.raises(NotAnEvent, match="missing"):
        from_amqp(incoming({"x": 1}, b"hello", None))


def test_an_attribute_name_that_is_too_long_for_amqp_is_refused() -> None:
    """The name of an AMQP header, prefix included, has at most 255 bytes."""
    sent = read_event(binary("1", **{f"ce-{'x' * 250}": "1"}), b"")

    with pytest.raises(NotAnEvent, match="is too long for AMQP"):
        to_amqp(sent.message)


def test_the_sample_has_the_attributes_of_an_event() -> None:
    """A check of this file's sample of another publisher."""
    assert from_amqp(incoming(FOREIGN)).attributes.keys() == {
        name.removeprefix("ce-") for name in binary("7") if name.startswith("ce-")
    }

"""Encodes and decodes CloudEvents over HTTP, in binary, structured and batch mode, with the SDK.

The SDK fills in a missing `id`, `time` or `specversion`. An event without `id` or `specversion` is
malformed, so the attributes are checked before the SDK creates the event, and no `time` is
invented. `data` is kept as JSON text; its subscriber decodes it (`subscriptions.py`).
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from cloudevents.core.exceptions import CloudEventValidationError
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

JSON = "application/json"
_STRUCTURED = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"

_REQUIRED = ("specversion", "id", "source", "type")
_MAX_ATTRIBUTE = 255
"""Longest attribute, in characters, that the tables can store."""

# Controls, surrogates and noncharacters (CloudEvents 1.0, section 3.1, "String").
_DISALLOWED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class MalformedEvent(Exception):
    """Not a CloudEvents 1.0 event that can be stored; the text is the reason."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is sent, received and stored."""

    id: str
    """A UUIDv7 for events of this project, assigned when the outbox row is written."""
    source: str
    type: str
    subject: str = ""
    time: datetime | None = None
    data: bytes = b"null"
    """JSON, UTF-8."""
    dataschema: str | None = None
    sequence: int | None = None
    """Contiguous per source; assigned by the owner (`sequencer.py`)."""
    revision: int | None = None
    """Increases with each change of the subject."""
    traceparent: str | None = None
    tracestate: str | None = None
    """Sent as a header only: an attribute of an event may be half as long as it can be."""
    signature: str | None = None
    """Proves that a service of this deployment sent the event (`internal_secret.py`)."""


# The SDK is imported with the first event, because a cold start of the public API has none.


@cache
def _raw_data() -> "JSONFormat":
    """The SDK's JSON format, without decoding `data`."""
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415

    class RawData(JSONFormat):
        def read_data(self, body: bytes, datacontenttype: str | None) -> Any:
            del datacontenttype
            return body

    return RawData()


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """The event of a request in binary or structured mode.

    Raises `MalformedEvent`.
    """
    from cloudevents.core.bindings.http import HTTPMessage, from_http  # noqa: PLC0415
    from cloudevents.core.exceptions import (  # noqa: PLC0415
        BaseCloudEventException,
        CloudEventValidationError,
    )
    from cloudevents.core.v1.event import CloudEvent  # noqa: PLC0415

    missing: list[str] = []
    given_time: list[bool] = []

    def strict(attributes: dict[str, Any], data: Any) -> "CloudEvent":
        missing.extend(name for name in _REQUIRED if not attributes.get(name))
        given_time.append("time" in attributes)
        if missing:
            raise MalformedEvent(f"attribute missing: {', '.join(missing)}")
        return CloudEvent(attributes, data)

    try:
        headers, body = _normalised(headers, body)
        parsed = from_http(HTTPMessage(dict(headers), body), _raw_data(), strict)
        return _from_sdk(parsed, keep_time=given_time == [True])
    except MalformedEvent:
        raise
    except CloudEventValidationError as error:
        raise MalformedEvent(_sentence(error)) from error
    except (
        BaseCloudEventException,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise MalformedEvent(f"not a CloudEvent: {type(error).__name__}: {error}"[:300]) from error


# A leap second (RFC 3339, section 5.7), which Python's datetime does not support.
_LEAP_SECOND = re.compile(r"([Tt]\d\d:\d\d):60")


def _normalised(headers: Mapping[str, str], body: bytes) -> tuple[Mapping[str, str], bytes]:
    """Normalise what the SDK does not support.

    A JSON null means that an attribute is unset (CloudEvents JSON format, section 2.3), but the
    SDK treats it as a value. A leap second becomes the second before it.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if "ce-time" in headers:
        headers["ce-time"] = _LEAP_SECOND.sub(r"\1:59", headers["ce-time"])
    if not headers.get("content-type", "").lower().startswith(_STRUCTURED):
        return headers, body
    if b"null" not in body and b":60" not in body:
        return headers, body
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return headers, body  # the SDK reports the error
    present = {
        name: msgspec.Raw(_LEAP_SECOND.sub(r"\1:59", bytes(value).decode()).encode())
        if name == "time"
        else value
        for name, value in members.items()
        if name == "data" or bytes(value) != b"null"
    }
    return headers, msgspec.json.encode(present)


def read_batch(body: bytes) -> list[Event]:
    """The events of a batch, such as a feed's page.

    Raises `MalformedEvent` if any of them is malformed.
    """
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedEvent(f"not a batch: {error}") from error
    headers = {"content-type": _STRUCTURED}
    return [read(headers, bytes(item)) for item in items]


def write(event: Event) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request in binary mode."""
    from cloudevents.core.bindings.http import to_binary  # noqa: PLC0415
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415

    message = to_binary(_to_sdk(event, event.data), JSONFormat())
    headers = dict(message.headers)
    if event.traceparent:
        # The broker's dispatcher removes ce-traceparent, but passes the plain header on.
        headers["traceparent"] = event.traceparent
        if event.tracestate:
            headers["tracestate"] = event.tracestate
    return headers, message.body


def write_structured(event: Event) -> bytes:
    """The event as one JSON object."""
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415

    return JSONFormat().write(_to_sdk(event, msgspec.json.decode(event.data)))


def write_batch(events: Iterable[Event]) -> bytes:
    """A batch: a JSON array of structured events."""
    return b"[" + b",".join(map(write_structured, events)) + b"]"


def _to_sdk(event: Event, data: Any) -> "CloudEvent":
    from cloudevents.core.v1.event import CloudEvent  # noqa: PLC0415

    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "datacontenttype": JSON,
    }
    if event.time is not None:
        attributes["time"] = event.time
    if event.subject:
        attributes |= {"subject": event.subject, "partitionkey": event.subject}
    if event.dataschema:
        attributes["dataschema"] = event.dataschema
    if event.sequence is not None:
        attributes["sequence"] = f"{event.sequence:020d}"
    if event.revision is not None:
        attributes["revision"] = str(event.revision)
    if event.traceparent:
        attributes["traceparent"] = event.traceparent
    if event.signature:
        attributes["signature"] = event.signature
    sdk_event = CloudEvent(attributes, data)
    if event.time is None:
        del attributes["time"]  # which the SDK has set to the current time
    return sdk_event


def _from_sdk(event: Any, *, keep_time: bool) -> Event:
    attributes = event.get_attributes()
    for name, value in attributes.items():
        if isinstance(value, str) and len(value) > _MAX_ATTRIBUTE:
            raise MalformedEvent(
                f"attribute {name[:40]} is longer than {_MAX_ATTRIBUTE} characters"
            )
        if isinstance(value, str) and _DISALLOWED.search(value):
            raise MalformedEvent(f"attribute {name[:40]} holds a character that is not allowed")
    traceparent, signature = attributes.get("traceparent"), attributes.get("signature")
    return Event(
        id=event.get_id(),
        source=event.get_source(),
        type=event.get_type(),
        subject=event.get_subject() or "",
        time=event.get_time() if keep_time else None,
        data=_json_text(event.get_data()),
        dataschema=event.get_dataschema(),
        sequence=_whole_number("sequence", attributes.get("sequence")),
        revision=_whole_number("revision", attributes.get("revision")),
        traceparent=traceparent if isinstance(traceparent, str) else None,
        signature=signature if isinstance(signature, str) else None,
    )


def _json_text(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data or b"null"
    if not _is_finite(data):
        raise MalformedEvent("data contains NaN or Infinity, which JSON does not support")
    return msgspec.json.encode(data)


def _is_finite(data: Any) -> bool:
    """Whether all numbers are finite. The SDK accepts others, which msgspec encodes as null."""
    if isinstance(data, dict):
        return all(map(_is_finite, data.values()))
    if isinstance(data, list):
        return all(map(_is_finite, data))
    return not isinstance(data, float) or math.isfinite(data)


def _whole_number(name: str, value: Any) -> int | None:
    """Extension attributes arrive as strings through a broker; integers are accepted too."""
    if value is None:
        return None
    text = str(value)
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise MalformedEvent(f"attribute {name} must be a whole number")
    return int(text)


def _sentence(error: "CloudEventValidationError") -> str:
    return "; ".join(str(each) for errors in error.errors.values() for each in errors)[:300]

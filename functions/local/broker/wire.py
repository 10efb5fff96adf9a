"""CloudEvents on the wire: a request in, the binary-mode message to deliver out.

The `cloudevents` SDK reads and writes them. Two of its kindnesses are undone: it invents a
missing `id` and `time`, and it parses the data, where a broker hands on the bytes it got.
Everything that could fail at delivery is tried here, so that no event once confirmed can
stick in the broker for its form. Next file: `store`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_binary,
    from_structured,
    to_binary,
)
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from functions.local.broker.errors import NotAnEvent, UnsupportedMode
from functions.local.broker.store import Message

_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]+")
_JSON = re.compile(r"[^;]*[/+]json\s*(;.*)?", re.IGNORECASE)
# Below the 64 KiB that uvicorn takes for all headers of a request.
_MOST_HEADER_BYTES = 32 * 1024
# Knative strips these from the event; the HTTP headers of the same meaning get through.
_TRACE_ATTRIBUTES = ("traceparent", "tracestate")
_TRACE_HEADERS = ("traceparent", "tracestate")


class _Bytes(JSONFormat):
    """The SDK's JSON format, except that data pass through unread."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body


_FORMAT = _Bytes()


class _Received(CloudEvent):
    """The SDK's event, with nothing in it that the sender did not send."""

    def __init__(self, attributes: dict[str, Any], data: Any = None) -> None:
        attributes = {name: value for name, value in attributes.items() if value is not None}
        missing = [name for name in _REQUIRED if name not in attributes]
        if missing:
            raise NotAnEvent(f"no CloudEvent 1.0: {', '.join(missing)} missing")
        for name, value in attributes.items():
            if not _NAME.fullmatch(name):
                raise NotAnEvent(f"{name!r} is no attribute name")
            if isinstance(value, dict | list):
                raise NotAnEvent(f"attribute {name!r} must be a simple value")
            if isinstance(value, bool):
                attributes[name] = _text(value)
        timed = "time" in attributes
        super().__init__(
            attributes, data if isinstance(data, bytes) else _structured_data(attributes, data)
        )
        if not timed:
            del self.get_attributes()["time"]


@dataclass(frozen=True)
class Event:
    attributes: Mapping[str, str]
    """As text, as filters compare them."""
    message: Message

    def __str__(self) -> str:
        return f"{self.attributes['type']} {self.attributes['id']}"


def read_event(headers: Mapping[str, str], body: bytes) -> Event:
    """`headers` with lower-case names. Raises NotAnEvent or UnsupportedMode with the reason."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    request = HTTPMessage(dict(headers), body)
    if media_type == JSONFormat.CONTENT_TYPE:
        event = _read(from_structured, request)
    elif media_type.startswith("application/cloudevents"):
        raise UnsupportedMode(
            f"{media_type} is not taken: send one event, in binary mode or as "
            f"{JSONFormat.CONTENT_TYPE}"
        )
    else:
        event = _read(from_binary, request)
    for name in _TRACE_ATTRIBUTES:
        event.get_attributes().pop(name, None)
    trace = {name: headers[name] for name in _TRACE_HEADERS if name in headers}
    return Event(
        attributes={name: _text(value) for name, value in event.get_attributes().items()},
        message=_message(event, trace),
    )


def holds_event(headers: Mapping[str, str]) -> bool:
    return "ce-specversion" in headers or headers.get("content-type", "").lower().startswith(
        "application/cloudevents"
    )


def new_event(attributes: Mapping[str, str], data: bytes) -> Event:
    event = CloudEvent(dict(attributes), data)
    return Event(
        attributes={name: _text(value) for name, value in event.get_attributes().items()},
        message=_message(event, {}),
    )


def with_extensions(message: Message, extensions: Mapping[str, str]) -> Message:
    event = from_binary(HTTPMessage(dict(message.headers), message.body), _FORMAT, _Received)
    event.get_attributes().update(extensions)
    trace = {name: message.headers[name] for name in _TRACE_HEADERS if name in message.headers}
    return _message(event, trace)


def _read(reader: Any, request: HTTPMessage) -> BaseCloudEvent:
    try:
        event: BaseCloudEvent = reader(request, _FORMAT, _Received)
    except BaseCloudEventException as error:
        raise NotAnEvent(str(error)) from error
    # The SDK lets through whatever its parsers raise, and trips over JSON that is no object.
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotAnEvent(f"no CloudEvent can be read from it: {error}") from error
    return event


def _message(event: BaseCloudEvent, trace: Mapping[str, str]) -> Message:
    try:
        wire = to_binary(event, _FORMAT)
    except UnicodeEncodeError as error:
        raise NotAnEvent("an attribute holds an unpaired surrogate") from error
    headers = {**wire.headers, **trace}
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise NotAnEvent(f"{name} cannot be sent in a header: {value[:80]!r}")
    if sum(len(name) + len(value) for name, value in headers.items()) > _MOST_HEADER_BYTES:
        raise NotAnEvent(f"attributes above {_MOST_HEADER_BYTES} bytes do not fit into headers")
    return Message(headers, wire.body)


def _structured_data(attributes: dict[str, Any], data: object) -> bytes:
    """In structured mode `data` is a JSON value, unless another content type says text."""
    if data is None:
        return b""
    content_type = attributes.setdefault("datacontenttype", JSONFormat.DEFAULT_CONTENT_TYPE)
    try:
        if isinstance(data, str) and not _JSON.fullmatch(content_type):
            return data.encode()
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise NotAnEvent("data hold an unpaired surrogate") from error


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

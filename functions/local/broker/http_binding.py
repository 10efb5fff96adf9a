"""CloudEvents' HTTP binding: reads the event of a request, and writes the message to deliver.

It uses the `cloudevents` SDK, except that no `id` or `time` is generated where it is missing, and
that data stay the bytes that were received. The message is written before the event is confirmed,
so that no confirmed event has a form that cannot be delivered. Next file: `store`.
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
from functions.local.broker.store import BinaryMessage

_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]+")
_JSON = re.compile(r"[^;]*[/+]json\s*(;.*)?", re.IGNORECASE)
# Below uvicorn's limit of 64 KiB for all headers of a request.
_MAX_HEADER_BYTES = 32 * 1024
# Knative removes these attributes from an event, and forwards the HTTP headers of the same names.
_TRACE_ATTRIBUTES = ("traceparent", "tracestate")
_TRACE_HEADERS = ("traceparent", "tracestate")


class _Bytes(JSONFormat):
    """The SDK's JSON format without parsing the data."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body


_FORMAT = _Bytes()


class _Received(CloudEvent):
    """The SDK's event with only the attributes that were sent."""

    def __init__(self, attributes: dict[str, Any], data: Any = None) -> None:
        attributes = {name: value for name, value in attributes.items() if value is not None}
        missing = [name for name in _REQUIRED if name not in attributes]
        if missing:
            raise NotAnEvent(f"not a CloudEvents 1.0 event: {', '.join(missing)} missing")
        for name, value in attributes.items():
            if not _NAME.fullmatch(name):
                raise NotAnEvent(f"{name!r} is not an attribute name")
            if isinstance(value, dict | list):
                raise NotAnEvent(f"attribute {name!r} must be a simple value")
            if isinstance(value, bool):
                attributes[name] = _text(value)
        has_time = "time" in attributes
        super().__init__(
            attributes, data if isinstance(data, bytes) else _structured_data(attributes, data)
        )
        if not has_time:
            del self.get_attributes()["time"]


@dataclass(frozen=True)
class BrokerEvent:
    """An event with what Triggers filter by and what subscribers get."""

    attributes: Mapping[str, str]
    """Their canonical text, which filters compare."""
    message: BinaryMessage

    def __str__(self) -> str:
        return f"{self.attributes['type']} {self.attributes['id']}"


def read_event(headers: Mapping[str, str], body: bytes) -> BrokerEvent:
    """The names of `headers` are in lower case. Raises NotAnEvent or UnsupportedMode."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    request = HTTPMessage(dict(headers), body)
    if media_type == JSONFormat.CONTENT_TYPE:
        event = _read(from_structured, request)
    elif media_type.startswith("application/cloudevents"):
        raise UnsupportedMode(
            f"{media_type} is not supported: send one event, in binary mode or as "
            f"{JSONFormat.CONTENT_TYPE}"
        )
    else:
        event = _read(from_binary, request)
    for name in _TRACE_ATTRIBUTES:
        event.get_attributes().pop(name, None)
    trace = {name: headers[name] for name in _TRACE_HEADERS if name in headers}
    return BrokerEvent(
        attributes={name: _text(value) for name, value in event.get_attributes().items()},
        message=_message(event, trace),
    )


def holds_event(headers: Mapping[str, str]) -> bool:
    return "ce-specversion" in headers or headers.get("content-type", "").lower().startswith(
        "application/cloudevents"
    )


def new_event(attributes: Mapping[str, str], data: bytes) -> BrokerEvent:
    event = CloudEvent(dict(attributes), data)
    return BrokerEvent(
        attributes={name: _text(value) for name, value in event.get_attributes().items()},
        message=_message(event, {}),
    )


def with_extensions(message: BinaryMessage, extensions: Mapping[str, str]) -> BinaryMessage:
    event = from_binary(HTTPMessage(dict(message.headers), message.body), _FORMAT, _Received)
    event.get_attributes().update(extensions)
    trace = {name: message.headers[name] for name in _TRACE_HEADERS if name in message.headers}
    return _message(event, trace)


def _read(reader: Any, request: HTTPMessage) -> BaseCloudEvent:
    try:
        event: BaseCloudEvent = reader(request, _FORMAT, _Received)
    except BaseCloudEventException as error:
        raise NotAnEvent(str(error)) from error
    # The SDK does not catch the errors of its parsers, nor those of JSON that is not an object.
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotAnEvent(f"not a CloudEvents event: {error}") from error
    return event


def _message(event: BaseCloudEvent, trace: Mapping[str, str]) -> BinaryMessage:
    try:
        wire = to_binary(event, _FORMAT)
    except UnicodeEncodeError as error:
        raise NotAnEvent("an attribute contains an unpaired surrogate") from error
    headers = {**wire.headers, **trace}
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise NotAnEvent(f"{name} cannot be a header: {value[:80]!r}")
    if sum(len(name) + len(value) for name, value in headers.items()) > _MAX_HEADER_BYTES:
        raise NotAnEvent(f"attributes above {_MAX_HEADER_BYTES} bytes do not fit into the headers")
    return BinaryMessage(headers, wire.body)


def _structured_data(attributes: dict[str, Any], data: object) -> bytes:
    """In structured mode `data` is a JSON value, or text if the content type is not JSON."""
    if data is None:
        return b""
    content_type = attributes.setdefault("datacontenttype", JSONFormat.DEFAULT_CONTENT_TYPE)
    try:
        if isinstance(data, str) and not _JSON.fullmatch(content_type):
            return data.encode()
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise NotAnEvent("the data contain an unpaired surrogate") from error


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""CloudEvents' AMQP binding 1.0, in binary mode.

Attributes are headers `cloudEvents:NAME` with their canonical text, so that other consumers can
bind queues of their own. Messages of other publishers are read in both modes, with either prefix of
the binding. The SDK's writer is not used: it rounds `time` to milliseconds and drops its offset.
Next file: `connection`.
"""

from datetime import UTC, datetime
from urllib.parse import quote, unquote

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, DeliveryMode, HeadersType

from functions.local.broker.errors import NotAnEvent
from functions.local.broker.http_binding import BrokerEvent, read_event
from functions.local.broker.store import BinaryMessage

PREFIX = "cloudEvents:"
_PREFIXES = (PREFIX, "cloudEvents_")
_HTTP_PREFIX = "ce-"
_CONTENT_TYPE = "content-type"
_TRACE_HEADERS = ("traceparent", "tracestate")
_MAX_SHORT_STRING = 255
"""Bytes of an AMQP short string, such as a header's name or the property content-type."""


def to_amqp(message: BinaryMessage) -> aio_pika.Message:
    """Raises NotAnEvent for an attribute whose name is too long for AMQP."""
    headers: HeadersType = {}
    content_type = message.headers.get(_CONTENT_TYPE)
    if content_type is not None:
        # In addition to the property, since bindings match headers only.
        headers[f"{PREFIX}datacontenttype"] = content_type
    for name, value in message.headers.items():
        if name.startswith(_HTTP_PREFIX):
            header = PREFIX + name.removeprefix(_HTTP_PREFIX)
            if len(header) > _MAX_SHORT_STRING:
                raise NotAnEvent(f"the attribute name {name[:80]!r} is too long for AMQP")
            headers[header] = unquote(value)
        elif name in _TRACE_HEADERS:
            headers[name] = value
    fits = content_type is not None and len(content_type) <= _MAX_SHORT_STRING
    return aio_pika.Message(
        message.body,
        headers=headers,
        content_type=content_type if fits else None,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def from_amqp(incoming: AbstractIncomingMessage) -> BrokerEvent:
    """Raises NotAnEvent or UnsupportedMode: other clients can publish anything."""
    headers: dict[str, str] = {}
    for name, value in incoming.headers.items():
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is not None:
            attribute = name.removeprefix(prefix)
            if attribute == "datacontenttype":
                headers[_CONTENT_TYPE] = _text(value)
            else:
                headers[_HTTP_PREFIX + attribute] = quote(_text(value), safe="")
        elif name in _TRACE_HEADERS:
            headers[name] = _text(value)
    if incoming.content_type:
        headers[_CONTENT_TYPE] = incoming.content_type
    return read_event(headers, incoming.body)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)

"""An event as AMQP carries it: CloudEvents' AMQP binding 1.0, in binary mode.

Attributes are headers `cloudEvents:NAME` with their canonical text, so that any consumer may bind
a queue of its own and understand what arrives; what others publish is read in both modes, with
either prefix of the binding. The SDK's writer is not used: it rounds `time` to milliseconds and
forgets its offset. Next file: `link`.
"""

from datetime import UTC, datetime
from urllib.parse import quote, unquote

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, DeliveryMode, HeadersType

from functions.local.broker.errors import NotAnEvent
from functions.local.broker.store import Message
from functions.local.broker.wire import Event, read_event

PREFIX = "cloudEvents:"
_PREFIXES = (PREFIX, "cloudEvents_")
_HTTP_PREFIX = "ce-"
_CONTENT_TYPE = "content-type"
_TRACE_HEADERS = ("traceparent", "tracestate")
_MOST_SHORT = 255
"""Bytes of a short string: a header's name, the property content-type."""


def to_amqp(message: Message) -> aio_pika.Message:
    """Raises NotAnEvent for an attribute whose name is longer than AMQP can say."""
    headers: HeadersType = {}
    content_type = message.headers.get(_CONTENT_TYPE)
    if content_type is not None:
        # Beside the property, as filters and bindings see only headers.
        headers[f"{PREFIX}datacontenttype"] = content_type
    for name, value in message.headers.items():
        if name.startswith(_HTTP_PREFIX):
            header = PREFIX + name.removeprefix(_HTTP_PREFIX)
            if len(header) > _MOST_SHORT:
                raise NotAnEvent(f"{name[:80]!r} is too long a name for an attribute")
            headers[header] = unquote(value)
        elif name in _TRACE_HEADERS:
            headers[name] = value
    fits = content_type is not None and len(content_type) <= _MOST_SHORT
    return aio_pika.Message(
        message.body,
        headers=headers,
        content_type=content_type if fits else None,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def from_amqp(incoming: AbstractIncomingMessage) -> Event:
    """Raises NotAnEvent or UnsupportedMode, for anybody can publish to an exchange."""
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

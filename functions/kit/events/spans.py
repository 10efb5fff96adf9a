"""The spans of an event: `create` in the transaction, `send` by the relay, `process` by a consumer.

The three are one trace, across the broker: the outbox keeps the `traceparent` of `create`. Where an
event is read from a feed, or replayed by an admin, its `process` belongs to the trace of that read,
and has a link to `create`.

Sources: OpenTelemetry semantic conventions, "Messaging Spans" and "CloudEvents".
"""

import re
from functools import lru_cache

from functions.kit.base.telemetry import (
    current_traceparent,
    is_traceparent,
    member,
    tracestate_of,
    with_member,
)
from functions.kit.base.tracing import (
    CONSUMER,
    INTERNAL,
    PRODUCER,
    RecordedSpan,
    SharedAttributes,
    Value,
    is_recording,
    span,
    span_of,
)
from functions.kit.events.cloudevents import Event

SYSTEM = "cloudevents"
_VENDOR = "bookstore"
"""Our key in a `tracestate` (Trace Context, section 3.3.1). Its value is the id of `create`."""
_SPAN_ID = re.compile("[0-9a-f]{16}")


def create_span(event_id: str, source: str, event_type: str, subject: str) -> RecordedSpan:
    """Of an event that is written to the outbox."""
    own = _own(event_id, subject)
    return span(f"create {event_type}", PRODUCER, own, _shared("create", source, event_type))


def send_span(event: Event) -> RecordedSpan:
    """Of a request to the broker. It is a child of `create`, however much later it is sent."""
    own, shared = _of(event, "send")
    return span_of(event.traceparent, f"send {event.type}", PRODUCER, own, shared)


def process_span(event: Event) -> RecordedSpan:
    """Of an event that takes effect: a part of the current request or read, with a link to
    `create`."""
    recorded = span(f"process {event.type}", CONSUMER, *_of(event, "process"))
    if (created := _created(event)) is not None:
        recorded.link(created)
    return recorded


def read_span(source: str, operation: str) -> RecordedSpan:
    """Of a read of a feed: a trace of its own, unless a request waits for it."""
    name = f"{operation} {source}"
    attributes: dict[str, Value] = {"cloudevents.event_source": source}
    if is_recording():
        return span(name, INTERNAL, attributes)
    return span_of(None, name, INTERNAL, attributes)


def trace_headers(event: Event) -> dict[str, str]:
    """Headers of a request to the broker, which passes them on. They name the current span.

    Knative's dispatcher makes a span of its own only if there is a `tracestate`, and it removes the
    attribute `traceparent` of the event. So the state names `create`, before the members that came
    with the request which caused the event.
    """
    current = current_traceparent.get()
    if current is None or not is_traceparent(event.traceparent):
        return {}
    state = with_member(event.tracestate, _VENDOR, event.traceparent[36:52])
    return {"traceparent": current, "tracestate": state}


def _created(event: Event) -> str | None:
    """The traceparent of an event's `create`, as far as it arrived."""
    if is_traceparent(event.traceparent):
        return event.traceparent
    current = current_traceparent.get()
    created = member(tracestate_of(current), _VENDOR)
    if current is None or created is None or not _SPAN_ID.fullmatch(created):
        return None
    return f"{current[:36]}{created}{current[52:]}"


def _of(event: Event, operation: str) -> tuple[dict[str, Value], SharedAttributes]:
    return _own(event.id, event.subject), _shared(operation, event.source, event.type)


def _own(event_id: str, subject: str) -> dict[str, Value]:
    return {
        "messaging.message.id": event_id,
        "cloudevents.event_id": event_id,
        "cloudevents.event_subject": subject,
    }


@lru_cache(maxsize=512)
def _shared(operation: str, source: str, event_type: str) -> SharedAttributes:
    return SharedAttributes(
        {
            "messaging.system": SYSTEM,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.destination.name": event_type,
            "cloudevents.event_source": source,
            "cloudevents.event_spec_version": "1.0",
            "cloudevents.event_type": event_type,
        }
    )

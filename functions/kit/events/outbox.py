"""The transactional outbox: an event is written in the transaction of the change it reports.

So an event exists if and only if its change has committed, even if the broker is down or the
process is killed. `sequencer.py` assigns sequences to the rows, `relay.py` sends them, and
`feed.py` serves them to consumers.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from piccolo.querystring import QueryString
from uuid_utils import uuid7

from functions.kit.base.clock import Clock
from functions.kit.base.metrics import Metrics
from functions.kit.base.telemetry import current_traceparent, tracestate_of
from functions.kit.data.database import Database, Row, after_commit
from functions.kit.events.cloudevents import Event
from functions.kit.events.spans import create_span


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is not written yet; a service's `events.py` creates it."""

    source: str
    type: str
    subject: str
    revision: int
    """Of the subject; a consumer applies a state only if its revision is newer."""
    data: Any
    """A struct with the full state of the subject, as the event's contract defines it."""


class Outbox:
    """Writes events, and wakes the relay after their transaction commits."""

    def __init__(self, clock: Clock, metrics: Metrics | None = None) -> None:
        self.clock = clock
        self.metrics = metrics or Metrics()
        self.wake = _no_relay

    async def add(self, database: Database, *messages: NewEvent) -> None:
        """Write events, in this order, inside the transaction of their change.

        Raises `ValueError` outside of a transaction.
        """
        if not database.transaction_exists():
            raise ValueError("An event must be written in the transaction of its change")
        if not messages:
            return
        now, trace = self.clock(), current_traceparent.get()
        state = tracestate_of(trace)
        values: list[object] = []
        created = []
        for message in messages:
            event_id = str(uuid7())
            recorded = create_span(event_id, message.source, message.type, message.subject)
            created.append(recorded)
            values += (
                event_id,
                message.source,
                message.type,
                message.subject,
                message.revision,
                msgspec.json.encode(message.data).decode(),
                recorded.traceparent or trace,
                state,
                now,
            )
        places = ", ".join(["({}, {}, {}, {}, {}, {}, {}, {}, {})"] * len(messages))
        await database.execute(
            QueryString(
                "INSERT INTO outbox (event_id, source, type, subject, revision, data,"  # noqa: S608
                f" traceparent, tracestate, created_at) VALUES {places}",
                *values,
            )
        )
        for recorded in created:
            recorded.finish()
        after_commit(self._wake)
        after_commit(lambda: self._count(messages))

    def _count(self, messages: Sequence[NewEvent]) -> None:
        for message in messages:
            self.metrics.events_created.labels(message.type).inc()

    def _wake(self) -> None:
        self.wake()


def to_event(row: Row) -> Event:
    """The event of an outbox row."""
    return Event(
        id=row["event_id"],
        source=row["source"],
        type=row["type"],
        subject=row["subject"],
        time=row["created_at"],
        data=row["data"].encode(),
        dataschema=contract(row["type"]),
        sequence=row["sequence"],
        revision=row["revision"],
        traceparent=row["traceparent"],
        tracestate=row["tracestate"],
    )


def as_state(message: NewEvent) -> Event:
    """The event of a snapshot for a subject's state. It has no sequence."""
    return Event(
        id=str(uuid7()),
        source=message.source,
        type=message.type,
        subject=message.subject,
        data=msgspec.json.encode(message.data),
        dataschema=contract(message.type),
        revision=message.revision,
    )


def contract(event_type: str) -> str:
    """The URN of an event type's contract (`eventing/contracts/`)."""
    return f"urn:bookstore:contract:{event_type}"


def _no_relay() -> None:
    """For a process without a relay: another process sends the events."""

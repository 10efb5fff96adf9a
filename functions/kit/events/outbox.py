"""The transactional outbox: an event is a row in the transaction of the change that it tells of.

`numbering.py` numbers the rows, `relay.py` sends them; `streams.py` shows them as the owner's
feed. Broker down, process killed: the row is there, or the change never happened.
"""

from typing import Any

import msgspec
from piccolo.querystring import QueryString
from uuid_utils import uuid7

from functions.kit.base.clock import Clock
from functions.kit.base.telemetry import current_traceparent
from functions.kit.data.database import Database, Row, after_commit
from functions.kit.events.cloudevents import Event


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a service's `events.py` makes: an event that has not been written yet."""

    source: str
    type: str
    subject: str
    revision: int
    """Of the subject; a consumer applies a state only when this is newer than what it has."""
    data: Any
    """A struct with the full state of the subject; its fields are the contract's."""


class Outbox:
    """Writes rows, and wakes the relay once the transaction around them has committed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.wake = _nobody

    async def add(self, database: Database, *messages: NewEvent) -> None:
        """Write events, in this order, inside the transaction of the change they tell of."""
        if not database.transaction_exists():
            raise ValueError("An event is written in the transaction of its change")
        if not messages:
            return
        now = self.clock()
        values = [
            value
            for message in messages
            for value in (
                str(uuid7()),
                message.source,
                message.type,
                message.subject,
                message.revision,
                msgspec.json.encode(message.data).decode(),
                current_traceparent.get(),
                now,
            )
        ]
        places = ", ".join(["({}, {}, {}, {}, {}, {}, {}, {})"] * len(messages))
        await database.execute(
            QueryString(
                "INSERT INTO outbox (event_id, source, type, subject, revision, data,"  # noqa: S608
                f" traceparent, created_at) VALUES {places}",
                *values,
            )
        )
        after_commit(self._wake)

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
    )


def as_state(message: NewEvent) -> Event:
    """The event that a snapshot shows for a subject: its state, of no place in the stream."""
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
    """The name of a type's contract, which `eventing/contracts` holds."""
    return f"urn:bookstore:contract:{event_type}"


def _nobody() -> None:
    """Nothing sends here: the events wait for a process that does."""

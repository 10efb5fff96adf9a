"""Maps event types to handlers, and consumes events.

A handler runs in the transaction that records its event in the inbox. It applies a state only if
its revision is newer, so the result does not depend on the order of events, or on duplicates. An
event that cannot be decoded is quarantined (`dead_letters.py`) and counts as read.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import msgspec

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, transactional
from functions.kit.events import dead_letters, inbox
from functions.kit.events.cloudevents import Event
from functions.kit.events.dead_letters import Reason
from functions.kit.events.feed import Digest
from functions.kit.events.inbox import Position
from functions.kit.events.spans import process_span

logger = logging.getLogger(__name__)

State = TypeVar("State", bound=msgspec.Struct)
Handler = Callable[[Database, Event, Any], Awaitable[None]]

MAX_REVISION = 10**12
"""Largest sequence and revision: a thousand changes a second for thirty years."""

EARLIEST, LATEST = 1970, 9998
"""Valid years of a time. Later ones overflow in another time zone or in a MySQL DATETIME."""

PING = "dev.knative.sources.ping"
"""The type of a PingSource's events, which trigger the background tasks."""


class EventOutcome(StrEnum):
    APPLIED = "applied"
    SEEN_BEFORE = "seen-before"
    SUPERSEDED = "superseded"
    """Its sequence was already read, but not with this id: a snapshot included it, or its owner's
    database was restored from a backup. It had no effect; the next catch-up finds out which."""
    UNKNOWN_TYPE = "unknown-type"
    QUARANTINED = "quarantined"
    UNCONFIRMED = "unconfirmed"
    """Unsigned, and not in its owner's feed: forged, or lost when the owner's database was restored
    from a backup. It had no effect."""
    TRIGGERED = "triggered"

    @property
    def is_quarantined(self) -> bool:
        """Whether the event was put aside as a dead letter."""
        return self in {EventOutcome.QUARANTINED, EventOutcome.UNCONFIRMED}


class Consumed(NamedTuple):
    outcome: EventOutcome
    position: Position | None
    """The position in the event's source; None if it was not changed."""


class Stream(NamedTuple):
    """A source that this service consumes; its owner's feed is at `/internal/streams/<name>`."""

    source: str
    owner: str
    """Name of the owner's setting without `_internal_url`: `auth`, `catalog`, `purchase`."""
    name: str


class Projection(NamedTuple):
    """How the stored states of a stream are replaced by a snapshot."""

    mark_stale: Callable[[Database], Awaitable[None]]
    """Sets every revision to 0, so that each state of the snapshot is newer."""
    delete_stale: Callable[[Database], Awaitable[None]]
    """Deletes rows whose revision is still 0, because they are not in the snapshot."""
    digest: Digest | None = None
    """Computes the owner's digest from the stored states."""


class InvalidEvent(Exception):
    """An event that no retry would make valid; the text is the reason."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(f"{event.type} {event.id}: {reason}")


class _Subscription(NamedTuple):
    state: type[msgspec.Struct]
    handler: Handler


class Subscriptions:
    """The streams and handlers of one service.

    A state is a struct of the consumer. It ignores unknown fields, so that the owner can add some.
    """

    def __init__(self, *streams: Stream) -> None:
        self.streams = streams
        self.projections: dict[str, Projection] = {}
        """By source."""
        self._by_type: dict[str, _Subscription] = {}

    def on(
        self, event_type: str, state: type[State]
    ) -> Callable[
        [Callable[[Database, Event, State], Awaitable[None]]],
        Callable[[Database, Event, State], Awaitable[None]],
    ]:
        """Register a handler for an event type."""

        def register(
            handler: Callable[[Database, Event, State], Awaitable[None]],
        ) -> Callable[[Database, Event, State], Awaitable[None]]:
            if event_type in self._by_type:
                raise ValueError(f"{event_type} has a handler already")
            # Transactional, because `apply` may run outside of a transaction.
            self._by_type[event_type] = _Subscription(state, transactional(handler))
            return handler

        return register

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._by_type)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(stream.source for stream in self.streams)

    async def consume(self, database: Database, event: Event, *, clock: Clock) -> Consumed:
        """Let an event take effect, at most once. Afterwards it counts as read."""
        if event.source not in self.sources:
            return Consumed(EventOutcome.UNKNOWN_TYPE, None)
        with process_span(event) as recorded:
            consumed = await _consume(database, self, event, clock=clock)
            recorded.set("bookstore.event.outcome", str(consumed.outcome))
        return consumed

    def parse(self, event: Event) -> msgspec.Struct | None:
        """The decoded state of an event; None if its type has no handler.

        Raises `InvalidEvent`.
        """
        subscription = self._by_type.get(event.type)
        if subscription is None:
            return None
        try:
            state = msgspec.json.decode(event.data, type=subscription.state)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidEvent(event, str(error)) from error
        if event.revision is None or not event.subject:
            raise InvalidEvent(event, "subject and revision are needed")
        if event.revision > MAX_REVISION:
            raise InvalidEvent(event, f"revision is beyond {MAX_REVISION}")
        for name in state.__struct_fields__:
            value = getattr(state, name)
            if isinstance(value, datetime) and not EARLIEST <= value.year <= LATEST:
                raise InvalidEvent(event, f"{name} must be between {EARLIEST} and {LATEST}")
        return state

    def check(self, event: Event) -> None:
        """Raises `InvalidEvent` for an event that is not valid in any of the streams."""
        if event.sequence is None or not 1 <= event.sequence <= MAX_REVISION:
            raise InvalidEvent(event, f"sequence must be between 1 and {MAX_REVISION}")
        self.parse(event)

    async def apply(self, database: Database, event: Event, *, clock: Clock) -> EventOutcome:
        """Run the handler without the inbox: for the states of a snapshot."""
        try:
            state = self.parse(event)
        except InvalidEvent as refusal:
            await dead_letters.store_event(
                database, Reason.QUARANTINED, str(refusal), event, clock=clock
            )
            return EventOutcome.QUARANTINED
        if state is None:
            return EventOutcome.UNKNOWN_TYPE
        await self._by_type[event.type].handler(database, event, state)
        return EventOutcome.APPLIED


@transactional
async def _consume(
    database: Database, subscriptions: Subscriptions, event: Event, *, clock: Clock
) -> Consumed:
    if event.sequence is None or not 1 <= event.sequence <= MAX_REVISION:
        # Without a position in its stream, the inbox cannot record it.
        reason = f"{event.type} {event.id}: sequence must be between 1 and {MAX_REVISION}"
        await dead_letters.store_event(database, Reason.QUARANTINED, reason, event, clock=clock)
        return Consumed(EventOutcome.QUARANTINED, None)
    if not await inbox.record(database, event, clock=clock):
        position = await inbox.backfill_sequence(database, event)
        if await dead_letters.is_quarantined(database, event):
            # It counts as read, but had no effect. The event or its handler may be corrected.
            outcome = await subscriptions.apply(database, event, clock=clock)
            if outcome is EventOutcome.APPLIED:
                await dead_letters.mark_applied(database, event, clock=clock)
            return Consumed(outcome, position)
        return Consumed(EventOutcome.SEEN_BEFORE, position)
    if await inbox.superseded(database, event):
        return Consumed(EventOutcome.SUPERSEDED, None)
    outcome = await subscriptions.apply(database, event, clock=clock)
    return Consumed(outcome, await inbox.advance(database, event.source))

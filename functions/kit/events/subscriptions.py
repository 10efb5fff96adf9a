"""The event door: event type → handler, and what becomes of an event that is taken in.

A handler runs in the transaction that remembers its event (`inbox.py`), and applies a state only
when its revision is newer, so neither order nor copies matter. What cannot be understood is put
aside (`dead_letters.py`) and counts as read. `internal_door.py` is the HTTP in front of it.
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

logger = logging.getLogger(__name__)

State = TypeVar("State", bound=msgspec.Struct)
Handler = Callable[[Database, Event, Any], Awaitable[None]]

MAX_REVISION = 10**12
"""Neither a stream nor a subject changes more often: a thousand times a second for thirty years."""

EARLIEST, LATEST = 1970, 9998
"""Years that a time of the shop can lie in. Beyond, another time zone or a MySQL DATETIME could
not hold it."""

PING = "dev.knative.sources.ping"
"""What a PingSource sends: do the work that is due."""


class EventOutcome(StrEnum):
    APPLIED = "applied"
    SEEN_BEFORE = "seen-before"
    SUPERSEDED = "superseded"
    """Its number was read, and not as this event: a snapshot contains it, or its owner's database
    was restored from a backup and one of the two pasts is lost. Catching up tells which."""
    UNKNOWN_TYPE = "unknown-type"
    QUARANTINED = "quarantined"
    UNCONFIRMED = "unconfirmed"
    """Nothing proves that it is genuine, and its owner does not know it: forged, or lost with an
    owner's database that was restored from a backup. It had no effect."""
    TRIGGERED = "triggered"


class Consumed(NamedTuple):
    outcome: EventOutcome
    position: Position | None
    """How far the event's source was read; None where it is no stream."""


class Stream(NamedTuple):
    """A source that this service reads; its owner's feed is at `/internal/streams/<name>`."""

    source: str
    owner: str
    """Name of the owner's setting without `_internal_url`: `auth`, `catalog`, `purchase`."""
    name: str


class Projection(NamedTuple):
    """How what is kept of a stream is replaced by a snapshot, whatever revisions it is at."""

    mark_stale: Callable[[Database], Awaitable[None]]
    """Set every revision to 0, so that any state which the owner tells is newer."""
    delete_stale: Callable[[Database], Awaitable[None]]
    """Give up what is still at 0: the owner does not know it any more."""
    digest: Digest | None = None
    """What is kept, in the terms of the owner's digest of the stream."""


class InvalidEvent(Exception):
    """An event that would be refused however often it came; the text says why."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(f"{event.type} {event.id}: {reason}")


class _Subscription(NamedTuple):
    state: type[msgspec.Struct]
    handler: Handler


class Subscriptions:
    """What one service consumes. A state is a tolerant struct of the consumer's own: unknown
    fields are passed over, so that the owner may add some."""

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
        """Register a handler for a type."""

        def register(
            handler: Callable[[Database, Event, State], Awaitable[None]],
        ) -> Callable[[Database, Event, State], Awaitable[None]]:
            if event_type in self._by_type:
                raise ValueError(f"{event_type} has a handler already")
            # A snapshot's states come without the transaction of `_consume`.
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
        """Give an event its effect, once; whatever it is, it counts as read afterwards."""
        if event.source not in self.sources:
            # Not a stream of ours: nothing to remember, nothing to catch up with.
            return Consumed(EventOutcome.UNKNOWN_TYPE, None)
        return await _consume(database, self, event, clock=clock)

    def parse(self, event: Event) -> msgspec.Struct | None:
        """The state that an event tells; None where its type has no handler.

        Raises `InvalidEvent` where it would be refused however often it came.
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
                raise InvalidEvent(event, f"{name} is not a time that a shop has known")
        return state

    def check(self, event: Event) -> None:
        """Raises `InvalidEvent` for what cannot be an event of one of the streams."""
        if event.sequence is None or not 1 <= event.sequence <= MAX_REVISION:
            # It has no place in its stream, so nothing can be remembered of it.
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
        # It has no place in its stream, so nothing can be remembered of it.
        reason = f"{event.type} {event.id}: sequence must be between 1 and {MAX_REVISION}"
        await dead_letters.store_event(database, Reason.QUARANTINED, reason, event, clock=clock)
        return Consumed(EventOutcome.QUARANTINED, None)
    if not await inbox.record(database, event, clock=clock):
        position = await inbox.backfill_sequence(database, event)
        if await dead_letters.waits(database, event):
            # It counts as read, and had no effect; this is the same event, corrected, or read by
            # a corrected handler.
            outcome = await subscriptions.apply(database, event, clock=clock)
            if outcome is EventOutcome.APPLIED:
                await dead_letters.settle(database, event, clock=clock)
            return Consumed(outcome, position)
        return Consumed(EventOutcome.SEEN_BEFORE, position)
    if await inbox.superseded(database, event):
        return Consumed(EventOutcome.SUPERSEDED, None)
    outcome = await subscriptions.apply(database, event, clock=clock)
    return Consumed(outcome, await inbox.advance(database, event.source))

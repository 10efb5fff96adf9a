"""The event door: event type → handler, and what becomes of an event that is taken in.

A handler runs in the transaction that remembers its event (`inbox.py`), and applies a state only
when its revision is newer, so neither order nor copies matter. What cannot be understood is put
aside (`dead_letters.py`) and counts as read. `internal_door.py` is the HTTP in front of it.
"""

import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import msgspec

from functions.kit import dead_letters, inbox
from functions.kit.clock import Clock
from functions.kit.cloudevents import Event
from functions.kit.database import Database, transactional
from functions.kit.dead_letters import Reason
from functions.kit.inbox import Position

logger = logging.getLogger(__name__)

State = TypeVar("State", bound=msgspec.Struct)
Handler = Callable[[Database, Event, Any], Awaitable[None]]

PING = "dev.knative.sources.ping"
"""What a PingSource sends: do the work that is due."""


class Outcome(StrEnum):
    APPLIED = "applied"
    SEEN_BEFORE = "seen-before"
    SUPERSEDED = "superseded"
    """Its number was read, and not as this event: a snapshot contains it, or its owner's database
    was restored from a backup and one of the two pasts is lost. Catching up tells which."""
    UNKNOWN_TYPE = "unknown-type"
    QUARANTINED = "quarantined"
    POKED = "poked"


class Taken(NamedTuple):
    outcome: Outcome
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

    doubt: Callable[[Database], Awaitable[None]]
    """Set every revision to 0, so that any state which the owner tells is newer."""
    forget: Callable[[Database], Awaitable[None]]
    """Give up what is still at 0: the owner does not know it any more."""


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
            # A snapshot's states come without the transaction of `_take`.
            self._by_type[event_type] = _Subscription(state, transactional(handler))
            return handler

        return register

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._by_type)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(stream.source for stream in self.streams)

    async def take(self, database: Database, event: Event, *, clock: Clock) -> Taken:
        """Give an event its effect, once; whatever it is, it counts as read afterwards."""
        if event.source not in self.sources:
            # Not a stream of ours: nothing to remember, nothing to catch up with.
            return Taken(Outcome.UNKNOWN_TYPE, None)
        return await _take(database, self, event, clock=clock)

    async def apply(self, database: Database, event: Event, *, clock: Clock) -> Outcome:
        """Run the handler without the inbox: for the states of a snapshot."""
        subscription = self._by_type.get(event.type)
        if subscription is None:
            return Outcome.UNKNOWN_TYPE
        try:
            state = msgspec.json.decode(event.data, type=subscription.state)
            if event.revision is None or not event.subject:
                raise msgspec.ValidationError("subject and revision are needed")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            reason = f"{event.type} {event.id}: {error}"
            await dead_letters.put_aside_event(
                database, Reason.QUARANTINED, reason, event, clock=clock
            )
            return Outcome.QUARANTINED
        await subscription.handler(database, event, state)
        return Outcome.APPLIED


@transactional
async def _take(
    database: Database, subscriptions: Subscriptions, event: Event, *, clock: Clock
) -> Taken:
    if not await inbox.once(database, event, clock=clock):
        return Taken(Outcome.SEEN_BEFORE, await inbox.renumber(database, event))
    if event.sequence is not None and await inbox.superseded(database, event):
        return Taken(Outcome.SUPERSEDED, None)
    outcome = await subscriptions.apply(database, event, clock=clock)
    if event.sequence is None:
        return Taken(outcome, None)
    return Taken(outcome, await inbox.advance(database, event.source))

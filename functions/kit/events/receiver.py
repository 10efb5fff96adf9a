"""Decides whether an event is genuine: it is signed, or its owner's feed contains it.

Anything that reaches the internal API can send an event, and events change access rights, prices
and stock. An unsigned event (`internal_secret.py`) therefore has no effect itself: it triggers a
read of its owner's feed, whose events take effect. A forged event costs one request to the owner.
"""

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database
from functions.kit.events import dead_letters, inbox
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.cloudevents import Event
from functions.kit.events.dead_letters import Reason
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.subscriptions import Consumed, EventOutcome, InvalidEvent, Subscriptions


async def receive(
    database: Database,
    event: Event,
    *,
    subscriptions: Subscriptions,
    catch_up: CatchUp,
    secret: InternalSecret,
    clock: Clock,
) -> Consumed:
    """Consume a signed event; for an unsigned one read its owner's feed instead.

    Raises `Unavailable` if the owner cannot be read, so that the broker delivers the event again.
    """
    if event.source not in subscriptions.sources or secret.is_genuine(event):
        return await subscriptions.consume(database, event, clock=clock)
    try:
        subscriptions.check(event)
    except InvalidEvent as refusal:
        await dead_letters.store_event(
            database, Reason.QUARANTINED, str(refusal), event, clock=clock
        )
        return Consumed(EventOutcome.QUARANTINED, None)
    outcome = EventOutcome.SEEN_BEFORE
    if not await inbox.is_read(database, event):
        await catch_up.confirm(event.source)
        if await inbox.is_read(database, event):
            outcome = EventOutcome.APPLIED
        elif (event.sequence or 0) <= await inbox.position(database, event.source):
            outcome = EventOutcome.SUPERSEDED
        else:
            await dead_letters.store_event(
                database,
                Reason.QUARANTINED,
                f"{event.type} {event.id}: not in the feed of {event.source}; it may be forged",
                event,
                clock=clock,
            )
            return Consumed(EventOutcome.UNCONFIRMED, None)
    elif await dead_letters.is_quarantined(database, event):
        own = await catch_up.fetch(event)
        if own is not None:
            return await subscriptions.consume(database, own, clock=clock)
    return Consumed(outcome, None)

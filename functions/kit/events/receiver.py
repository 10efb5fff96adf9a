"""Whether an event is believed: it is signed, or its owner says the same.

Whoever reaches the internal API can send an event, and an event gives rights (keys, users), prices
and stock. So an event that no service has signed (`internal_secret.py`) is a hint that something
has happened: its owner's feed is read, and what that says takes effect. A forged one costs a
request.
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
    """Apply an event that is genuine; of any other, read its owner's feed instead.

    Raises `Unavailable` where the owner cannot be reached: the broker is to deliver it again.
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
                f"{event.type} {event.id}: {event.source} does not know it; it may be forged",
                event,
                clock=clock,
            )
            return Consumed(EventOutcome.UNCONFIRMED, None)
    elif await dead_letters.waits(database, event):
        own = await catch_up.fetch(event)
        if own is not None:
            return await subscriptions.consume(database, own, clock=clock)
    return Consumed(outcome, None)

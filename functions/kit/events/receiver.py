"""Whether an event is believed: it is signed, or its owner says the same.

Whoever reaches the internal API can send an event, and an event gives rights (keys, users), prices
and stock. So an event that no service has signed (`internal_secret.py`) is a hint that something
has happened: its owner's feed is read, and what that says takes effect. A forged one costs a
request.
"""

from typing import Any

from functions.kit.data.database import Database
from functions.kit.events import dead_letters, inbox
from functions.kit.events.cloudevents import Event
from functions.kit.events.dead_letters import Reason
from functions.kit.events.subscriptions import NotUnderstood, Outcome, Subscriptions, Taken


async def receive(state: Any, event: Event) -> Taken:
    """Give an event its effect where it is genuine; else ask its owner what has happened.

    Raises `Unavailable` where the owner cannot be asked: the event is to come again.
    """
    subscriptions: Subscriptions = state.subscriptions
    database: Database = state.database
    if event.source not in subscriptions.sources or state.internal_secret.is_genuine(event):
        return await subscriptions.take(database, event, clock=state.clock)
    try:
        subscriptions.check(event)
    except NotUnderstood as refusal:
        await dead_letters.put_aside_event(
            database, Reason.QUARANTINED, str(refusal), event, clock=state.clock
        )
        return Taken(Outcome.QUARANTINED, None)
    outcome = Outcome.SEEN_BEFORE
    if not await inbox.is_read(database, event):
        await state.catch_up.confirm(event.source)
        if await inbox.is_read(database, event):
            outcome = Outcome.APPLIED
        elif (event.sequence or 0) <= await inbox.position(database, event.source):
            outcome = Outcome.SUPERSEDED
        else:
            await dead_letters.put_aside_event(
                database,
                Reason.QUARANTINED,
                f"{event.type} {event.id}: {event.source} does not know it; it may be forged",
                event,
                clock=state.clock,
            )
            return Taken(Outcome.UNCONFIRMED, None)
    elif await dead_letters.waits(database, event):
        own = await state.catch_up.fetch(event)
        if own is not None:
            return await subscriptions.take(database, own, clock=state.clock)
    return Taken(outcome, None)

"""Lets admins list, inspect, replay and discard dead letters. Part of the internal API.

They are not in the public API because they contain other services' data.
"""

import logging
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.params import QueryParameter

from functions.kit.base.errors import Conflict, Text, Unavailable
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import Event, MalformedEvent
from functions.kit.events.dead_letters import DeadLetter, Reason
from functions.kit.events.subscriptions import EventOutcome
from functions.kit.http.guards import admin
from functions.kit.http.pagination import After, Limit, decode_cursor, encode_cursor, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.kit.http.services import Services, services_of

logger = logging.getLogger(__name__)

Waiting = Annotated[bool, QueryParameter(description="Only those that were not replayed yet")]


class CannotReplay(Conflict):
    code = "cannot-replay"
    title = "This event cannot be processed as it is"
    error = Text("El evento no se puede procesar", "The event cannot be processed")


class Replayed(msgspec.Struct, frozen=True, omit_defaults=True):
    id: int
    outcome: str
    """An `EventOutcome`; in a bulk replay also `cannot-replay`, or `failed` if the handler did."""
    reason: str | None = None
    """Why it was not replayed."""


@get("/internal/dead-letters", guards=[admin])
async def list_dead_letters(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    waiting: Waiting = False,
) -> Response[list[DeadLetter]]:
    """Events that were put aside, oldest first, each with the reason, its headers and its body."""
    letters, cursor = await _page(request, after, limit, waiting=waiting)
    return page_response(request, letters, cursor)


@get("/internal/dead-letters/{letter_id:int}", guards=[admin], responses=problems(404))
async def get_dead_letter(request: AnyRequest, letter_id: PathId) -> DeadLetter:
    """One of them."""
    return await dead_letters.get(services_of(request, Services).database, letter_id)


@delete(
    "/internal/dead-letters/{letter_id:int}",
    status_code=204,
    guards=[admin],
    responses=problems(404),
)
async def discard(request: AuthenticatedRequest, letter_id: PathId) -> None:
    """Delete an event that is not needed any more; the log records the deletion."""
    database = services_of(request, Services).database
    letter = await dead_letters.get(database, letter_id)
    await dead_letters.discard(database, letter_id)
    logger.warning(
        "dead letter %d was discarded by user %d: %s %s",
        *(letter_id, request.user.user_id, letter.kind, letter.reason),
    )


@post(
    "/internal/dead-letters/{letter_id:int}/replay",
    status_code=200,
    guards=[admin],
    responses=problems(404, 409),
)
async def replay(request: AnyRequest, letter_id: PathId) -> Replayed:
    """Consume an event again; one that had its effect already changes nothing."""
    services = services_of(request, Services)
    outcome = await _replay(services, await dead_letters.get(services.database, letter_id))
    return Replayed(letter_id, str(outcome))


@post("/internal/dead-letters/replay", status_code=200, guards=[admin])
async def replay_waiting(
    request: AnyRequest, limit: Limit = 50, after: After = None
) -> Response[list[Replayed]]:
    """Consume again, oldest first, events that were not replayed; POST to the `Link` for more.

    One that cannot be replayed does not block the others, and stays.
    """
    letters, cursor = await _page(request, after, limit, waiting=True)
    services = services_of(request, Services)
    return page_response(request, [await _attempt(services, each) for each in letters], cursor)


async def _page(
    request: AnyRequest, after: str | None, limit: int, *, waiting: bool
) -> tuple[list[DeadLetter], str | None]:
    """A page and the cursor of the next one."""
    start = decode_cursor(after, int)[0] if after is not None else 0
    rows = await dead_letters.listing(
        services_of(request, Services).database, after=start, limit=limit + 1, waiting=waiting
    )
    return rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None


async def _attempt(services: Services, letter: DeadLetter) -> Replayed:
    try:
        outcome = await _replay(services, letter)
    except CannotReplay as refusal:
        return Replayed(letter.id, CannotReplay.code, str(refusal))
    except Exception as error:
        if services.database.is_unavailable(error) or isinstance(error, Unavailable):
            raise
        logger.exception("dead letter %d failed", letter.id)
        return Replayed(letter.id, "failed", "Its handler failed; see the service's log.")
    return Replayed(letter.id, str(outcome))


async def _replay(services: Services, letter: DeadLetter) -> EventOutcome:
    """Raises `CannotReplay`."""
    headers = {name: value for name, value in letter.headers.items() if "knativeerror" not in name}
    try:
        event = cloudevents.read(headers, letter.body.encode())
    except MalformedEvent as error:
        raise CannotReplay(
            Text(f"Está mal formado: {error}", f"It is malformed: {error}")
        ) from error
    outcome = await _effect(services, letter, event)
    if outcome in {EventOutcome.QUARANTINED, EventOutcome.UNCONFIRMED}:
        raise CannotReplay((await dead_letters.get(services.database, letter.id)).reason)
    await dead_letters.mark_replayed(services.database, letter.id, clock=services.clock)
    logger.info("dead letter %d was replayed: %s", letter.id, outcome)
    return outcome


async def _effect(services: Services, letter: DeadLetter, event: Event) -> EventOutcome:
    """Consume an event; if it is unsigned, the owner's version of it.

    Raises `CannotReplay` if the owner's feed does not contain it.
    """
    subscriptions = services.subscriptions
    if event.source in subscriptions.sources and not services.internal_secret.is_genuine(event):
        own = await services.catch_up.fetch(event)
        if own is None:
            raise CannotReplay(f"The feed of {event.source} lacks it: it is forged, or too old.")
        event = own
    consumed = await subscriptions.consume(services.database, event, clock=services.clock)
    if consumed.outcome is EventOutcome.SEEN_BEFORE and letter.kind is Reason.QUARANTINED:
        # It counts as read, but had no effect. The handler may be corrected now.
        return await subscriptions.apply(services.database, event, clock=services.clock)
    return consumed.outcome


HANDLERS = (list_dead_letters, get_dead_letter, discard, replay, replay_waiting)

"""Lets admins list, inspect, replay and discard dead letters. Part of the internal API.

They are not in the public API because they contain other services' data. Each replay and discard is
recorded with the admin and the time, and may be repeated without a further effect.
"""

import logging
from typing import Annotated, Any, ClassVar

import msgspec
from litestar import Response, delete, get, post
from litestar.params import JSONBody, QueryParameter

from functions.kit.base.errors import Conflict, Text
from functions.kit.base.fields import Strict, line
from functions.kit.data.database import Database
from functions.kit.data.outages import is_transient
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import Event, MalformedEvent
from functions.kit.events.dead_letters import DeadLetter, LetterAction, Reason, State
from functions.kit.events.subscriptions import EventOutcome
from functions.kit.http.guards import admin
from functions.kit.http.pagination import After, Limit, decode_cursor, encode_cursor, page_response
from functions.kit.http.problems import problems
from functions.kit.http.requests import AnyRequest, AuthenticatedRequest, PathId
from functions.kit.http.services import Services, services_of

logger = logging.getLogger(__name__)

Waiting = Annotated[
    bool, QueryParameter(description="Only those that were neither replayed nor discarded")
]
InState = Annotated[
    State | None, QueryParameter(name="state", description="Only those in this state")
]
Bodies = Annotated[
    bool, QueryParameter(description="`false`: of each body only the beginning, for a list")
]


class CannotReplay(Conflict):
    code = "cannot-replay"
    title = "This event cannot be processed as it is"
    error = Text("El evento no se puede procesar", "The event cannot be processed")


class HandlerFailed(CannotReplay):
    """The event is valid, and its handler raised an error: a defect of this service."""


class Replayed(msgspec.Struct, frozen=True, omit_defaults=True):
    id: int
    outcome: str
    """An `EventOutcome`; in a bulk replay also `cannot-replay`, or `failed` if the handler did."""
    reason: str | None = None
    """Why it was not replayed."""


class DeadLetterDetails(DeadLetter, frozen=True, kw_only=True):
    """A dead letter with what was done to it, oldest first."""

    history: list[LetterAction]


class Discard(Strict, frozen=True, kw_only=True):
    """Why an event is not needed."""

    example: ClassVar[dict[str, Any]] = {"reason": "Forged: nobody has bought this book."}

    reason: Annotated[str, line(dead_letters.MAX_REASON)]


@get("/internal/dead-letters", guards=[admin], responses=problems(400))
async def list_dead_letters(
    request: AnyRequest,
    limit: Limit = 50,
    after: After = None,
    waiting: Waiting = False,
    in_state: InState = None,
    bodies: Bodies = True,
) -> Response[list[DeadLetter]]:
    """Events that were put aside, oldest first, each with the reason, its headers and its body."""
    letters, cursor = await _page(
        request, after, limit, state=State.WAITING if waiting else in_state, bodies=bodies
    )
    return page_response(request, letters, cursor)


@get("/internal/dead-letters/{letter_id:int}", guards=[admin], responses=problems(404))
async def get_dead_letter(request: AnyRequest, letter_id: PathId) -> DeadLetterDetails:
    """One of them, with what was done to it."""
    database = services_of(request, Services).database
    return await _details(database, await dead_letters.get(database, letter_id))


async def _details(database: Database, letter: DeadLetter) -> DeadLetterDetails:
    history = await dead_letters.history(database, letter.id)
    return DeadLetterDetails(**msgspec.structs.asdict(letter), history=history)


@post(
    "/internal/dead-letters/{letter_id:int}/discard",
    status_code=200,
    guards=[admin],
    responses=problems(400, 404),
)
async def discard(
    request: AuthenticatedRequest, letter_id: PathId, data: JSONBody[Discard]
) -> DeadLetterDetails:
    """Put away an event that is not needed, with the reason; the record is kept for 90 days.

    One that was replayed or discarded before stays as it is. If the same event fails again, it
    waits again.
    """
    letter = await _discard(request, letter_id, data.reason)
    return await _details(services_of(request, Services).database, letter)


@delete(
    "/internal/dead-letters/{letter_id:int}",
    status_code=204,
    guards=[admin],
    responses=problems(404),
)
async def discard_without_reason(request: AuthenticatedRequest, letter_id: PathId) -> None:
    """The same without a reason."""
    await _discard(request, letter_id, None)


async def _discard(request: AuthenticatedRequest, letter_id: int, reason: str | None) -> DeadLetter:
    services, user_id = services_of(request, Services), request.user.user_id
    letter = await dead_letters.discard(
        services.database, letter_id, reason, user_id=user_id, clock=services.clock
    )
    logger.warning("dead letter %d was discarded by user %d", letter_id, user_id)
    return letter


@post(
    "/internal/dead-letters/{letter_id:int}/replay",
    status_code=200,
    guards=[admin],
    responses=problems(404, 409),
)
async def replay(request: AuthenticatedRequest, letter_id: PathId) -> Replayed:
    """Consume an event again; one that had its effect already changes nothing."""
    services = services_of(request, Services)
    letter = await dead_letters.get(services.database, letter_id)
    outcome = await _replay(services, letter, request.user.user_id)
    return Replayed(letter_id, str(outcome))


@post("/internal/dead-letters/replay", status_code=200, guards=[admin])
async def replay_waiting(
    request: AuthenticatedRequest, limit: Limit = 50, after: After = None
) -> Response[list[Replayed]]:
    """Consume again, oldest first, events that wait; POST to the `Link` for more.

    One that cannot be replayed does not block the others, and stays.
    """
    letters, cursor = await _page(request, after, limit, state=State.WAITING)
    services, user_id = services_of(request, Services), request.user.user_id
    replayed = [await _attempt(services, each, user_id) for each in letters]
    return page_response(request, replayed, cursor)


async def _page(
    request: AnyRequest | AuthenticatedRequest,
    after: str | None,
    limit: int,
    *,
    state: State | None,
    bodies: bool = True,
) -> tuple[list[DeadLetter], str | None]:
    """A page and the cursor of the next one."""
    start = decode_cursor(after, int)[0] if after is not None else 0
    rows = await dead_letters.listing(
        services_of(request, Services).database,
        after=start,
        limit=limit + 1,
        state=state,
        bodies=bodies,
    )
    return rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None


async def _attempt(services: Services, letter: DeadLetter, user_id: int) -> Replayed:
    try:
        outcome = await _replay(services, letter, user_id)
    except HandlerFailed as refusal:
        return Replayed(letter.id, "failed", str(refusal))
    except CannotReplay as refusal:
        return Replayed(letter.id, CannotReplay.code, str(refusal))
    return Replayed(letter.id, str(outcome))


async def _replay(services: Services, letter: DeadLetter, user_id: int) -> EventOutcome:
    """Consume a letter's event, and record by whom.

    Raises `CannotReplay`. A transient fault is raised as it is, and recorded nowhere.
    """
    database, clock = services.database, services.clock
    try:
        outcome = await _consume_again(services, letter)
    except CannotReplay as refusal:
        await dead_letters.mark_refused(
            database, letter.id, str(refusal), user_id=user_id, clock=clock
        )
        raise
    except Exception as error:
        if is_transient(database, error):
            raise
        logger.exception("dead letter %d failed", letter.id)
        kind = type(error).__name__
        reason = f"Its handler failed: {kind}"
        await dead_letters.mark_refused(database, letter.id, reason, user_id=user_id, clock=clock)
        raise HandlerFailed(
            Text(
                f"Su procesamiento ha fallado ({kind}); el registro del servicio dice por qué.",
                f"Its handler failed ({kind}); the service's log says why.",
            )
        ) from error
    await dead_letters.mark_replayed(
        database, letter.id, str(outcome), user_id=user_id, clock=clock
    )
    logger.info("dead letter %d was replayed by user %d: %s", letter.id, user_id, outcome)
    return outcome


async def _consume_again(services: Services, letter: DeadLetter) -> EventOutcome:
    """Raises `CannotReplay`."""
    headers = {name: value for name, value in letter.headers.items() if "knativeerror" not in name}
    try:
        event = cloudevents.read(headers, letter.body.encode())
    except MalformedEvent as error:
        raise CannotReplay(
            Text(f"Está mal formado: {error}", f"It is malformed: {error}")
        ) from error
    outcome = await _effect(services, letter, event)
    if outcome.is_quarantined:
        raise CannotReplay((await dead_letters.get(services.database, letter.id)).reason)
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


HANDLERS = (
    list_dead_letters,
    get_dead_letter,
    discard,
    discard_without_reason,
    replay,
    replay_waiting,
)

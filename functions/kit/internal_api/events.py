"""`POST /events`: what the broker delivers. Part of the internal API.

The status decides whether an event is kept: the broker's dispatcher takes most 4xx as success and
drops the event. So it is 202 unless redelivery would help, and 503 only for transient faults.
Next files: `events/receiver.py`, which decides whether an event is genuine, and
`dead_letters.py` for those that were put aside.
"""

import logging
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec

from functions.kit.data.outages import is_transient
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import MalformedEvent
from functions.kit.events.dead_letters import Reason
from functions.kit.events.receiver import receive
from functions.kit.events.subscriptions import PING, Outcome, Taken
from functions.kit.http.openapi import described

logger = logging.getLogger(__name__)

MAX_EVENT = 1024 * 1024
"""Bytes of an event that are read; what is longer is put aside with its beginning."""

_ACCEPTED = {202: ResponseSpec(None, description="Taken; it need not be sent again")}


async def _read_body(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    """The body, and whether it was whole; an oversized one is read to its end and cut."""
    chunks, size = [], 0
    async for chunk in request.stream():
        if size < MAX_EVENT:
            chunks.append(chunk[: MAX_EVENT - size])
        size += len(chunk)
    return b"".join(chunks), size <= MAX_EVENT


async def take_in(
    state: Any, headers: Mapping[str, str], body: bytes, *, whole: bool = True
) -> Taken:
    """Give what came its effect, or put it aside with the reason."""
    database, clock = state.database, state.clock
    try:
        if not whole:
            raise MalformedEvent(f"longer than {MAX_EVENT} bytes")
        event = cloudevents.read(headers, body)
    except MalformedEvent as error:
        await dead_letters.put_aside(
            database, Reason.QUARANTINED, str(error), headers, body, clock=clock
        )
        return Taken(Outcome.QUARANTINED, None)
    if event.type == PING:
        state.poke()
        return Taken(Outcome.POKED, None)
    try:
        taken = await receive(state, event)
    except Exception as error:
        if is_transient(database, error):
            raise
        # It would fail the next time, too. It counts as unread, so catching up tries it again.
        logger.exception("event %s of %s failed", event.id, event.source)
        reason = f"{event.type} {event.id}: its handler failed: {type(error).__name__}"
        await dead_letters.put_aside_event(database, Reason.QUARANTINED, reason, event, clock=clock)
        taken = Taken(Outcome.QUARANTINED, None)
    source = event.source if event.source in state.subscriptions.sources else "other"
    state.metrics.events_received.labels(source, taken.outcome).inc()
    if taken.outcome is Outcome.SUPERSEDED or (taken.position and taken.position.gap):
        state.catch_up.notify(event.source)
    return taken


@post(
    "/events",
    status_code=202,
    request_max_body_size=None,
    responses=_ACCEPTED,
    opt=described(any_query=True),  # a refusal would lose the event
)
async def events(request: Request[Any, Any, Any]) -> Response[bytes]:
    """A CloudEvent, in binary or structured mode."""
    body, whole = await _read_body(request)
    await take_in(request.app.state, request.headers, body, whole=whole)
    return Response(b"", status_code=202)


@post(
    "/events/dead-letter",
    status_code=202,
    request_max_body_size=None,
    responses=_ACCEPTED,
    opt=described(any_query=True),
)
async def dead_letter(request: Request[Any, Any, Any]) -> Response[bytes]:
    """An event that the broker gave up delivering."""
    body, _ = await _read_body(request)
    headers = request.headers
    code = headers.get("ce-knativeerrorcode", "unknown")
    destination = headers.get("ce-knativeerrordest", "unknown")
    reason = f"not delivered to {destination}: {code}"
    state = request.app.state
    await dead_letters.put_aside(
        state.database, Reason.DEAD_LETTERED, reason, headers, body, clock=state.clock
    )
    return Response(b"", status_code=202)


HANDLERS = (events, dead_letter)

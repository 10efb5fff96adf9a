"""The internal door: events in, feeds and snapshots out. Never reachable from outside.

What `POST /events` answers decides whether an event lives: the broker's dispatcher takes most 4xx
as success and forgets the event. So it is 202 unless redelivery would help, and 503 only for
transient faults. Next files: `receiving.py`, which says whether an event is believed, and
`dead_letters_door.py` for what was put aside.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from functions.kit import cloudevents, dead_letters, dead_letters_door
from functions.kit.cloudevents import BATCH_MEDIA_TYPE, MalformedEvent
from functions.kit.dead_letters import Reason
from functions.kit.errors import Text, Unauthenticated
from functions.kit.internal_secret import InternalSecret
from functions.kit.openapi import described
from functions.kit.outages import is_transient
from functions.kit.problems import problems
from functions.kit.receiving import receive
from functions.kit.streams import HEAD_HEADER, MAX_PAGE, Feed, StreamDigest
from functions.kit.subscriptions import PING, Outcome, Taken
from functions.kit.values import MAX_ID

logger = logging.getLogger(__name__)

MAX_EVENT = 1024 * 1024
"""Bytes of an event that are read; what is longer is put aside with its beginning."""

_ACCEPTED = {202: ResponseSpec(None, description="Taken; it need not be sent again")}

Sequence = Annotated[int, QueryParameter(ge=0, le=MAX_ID)]
EventId = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]
PageSize = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)]


class NotOneOfUs(Unauthenticated):
    code = "internal-secret-needed"
    title = "Only the services of this shop may read this"
    error = Text("No autorizado", "Not allowed")


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


@get(
    "/internal/streams/{name:str}",
    responses={
        # Examples are made with faker, which nothing else imports: 50 MiB.
        200: ResponseSpec(
            list[dict[str, Any]], generate_examples=False, media_type=BATCH_MEDIA_TYPE
        ),
        **problems(401, 404, 410),
    },
)
async def stream(
    request: Request[Any, Any, Any],
    name: FromPath[str],
    after: Sequence = 0,
    limit: PageSize = MAX_PAGE,
    event_id: EventId = None,
) -> Response[bytes]:
    """Events after a sequence, in order: a CloudEvents batch.

    With `INTERNAL_SECRET` it is for the other services, as snapshots are. `event_id` names what
    the reader has read at that sequence; another event there is a 410.
    """
    _admit(request)
    feed: Feed = request.app.state.feed
    page = await feed.page(
        request.app.state.database, name, after=after, limit=limit, event_id=event_id
    )
    headers = {HEAD_HEADER: str(page.head)}
    if page.last is not None and page.last < page.head:
        path = quote(request.scope["path"])
        headers["link"] = f'<{path}?after={page.last}&limit={limit}>; rel="next"'
    return Response(page.body, media_type=BATCH_MEDIA_TYPE, headers=headers)


@get("/internal/streams/{name:str}/digest", responses=problems(401, 404))
async def digest(request: Request[Any, Any, Any], name: FromPath[str]) -> StreamDigest:
    """What all that was told adds up to, for a reader to compare with what it keeps."""
    _admit(request)
    state = request.app.state
    feed: Feed = state.feed
    return await feed.digest(state.database, name, state.clock())


@get("/internal/snapshots/{name:str}", responses=problems(401, 404))
async def snapshot(request: Request[Any, Any, Any], name: FromPath[str]) -> Stream:
    """The present state: lines of JSON, the first with the sequence that it stands at."""
    _admit(request)
    feed: Feed = request.app.state.feed
    lines: AsyncIterator[bytes] = await feed.snapshot(request.app.state.database, name)
    return Stream(lines, media_type="application/x-ndjson")


def _admit(request: Request[Any, Any, Any]) -> None:
    secret: InternalSecret = request.app.state.internal_secret
    if not secret.admits(request.headers):
        raise NotOneOfUs("Services show a token that is made from INTERNAL_SECRET.")


HANDLERS = (events, dead_letter, stream, digest, snapshot, *dead_letters_door.HANDLERS)

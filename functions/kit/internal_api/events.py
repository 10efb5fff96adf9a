"""`POST /events`: receives events from the broker. Part of the internal API.

The broker's dispatcher treats most 4xx as success and drops the event. So the status is 202 unless
redelivery would help, and 503 only for transient faults. Invalid events are stored as dead letters;
`events/receiver.py` decides whether an event is genuine.
"""

import logging
from collections.abc import Mapping

from litestar import Response, post
from litestar.openapi.datastructures import ResponseSpec

from functions.kit.data.outages import is_transient
from functions.kit.events import cloudevents, dead_letters
from functions.kit.events.cloudevents import MalformedEvent
from functions.kit.events.dead_letters import Reason
from functions.kit.events.receiver import receive
from functions.kit.events.subscriptions import PING, Consumed, EventOutcome
from functions.kit.http.operations import described
from functions.kit.http.requests import AnyRequest
from functions.kit.http.services import Services, services_of

logger = logging.getLogger(__name__)

MAX_EVENT = 1024 * 1024
"""Largest event, in bytes. The beginning of a larger one is stored as a dead letter."""

_ACCEPTED = {202: ResponseSpec(None, description="Consumed; it need not be sent again")}


async def _read_body(request: AnyRequest) -> tuple[bytes, bool]:
    """The body, and whether it is complete. An oversized one is read to its end and truncated."""
    chunks, size = [], 0
    async for chunk in request.stream():
        if size < MAX_EVENT:
            chunks.append(chunk[: MAX_EVENT - size])
        size += len(chunk)
    return b"".join(chunks), size <= MAX_EVENT


async def consume(
    services: Services, headers: Mapping[str, str], body: bytes, *, whole: bool = True
) -> Consumed:
    """Consume the event of a request, or store it as a dead letter with the reason."""
    database, clock = services.database, services.clock
    try:
        if not whole:
            raise MalformedEvent(f"longer than {MAX_EVENT} bytes")
        event = cloudevents.read(headers, body)
    except MalformedEvent as error:
        await dead_letters.store(
            database, Reason.QUARANTINED, str(error), headers, body, clock=clock
        )
        services.metrics.events_quarantined.inc()
        return Consumed(EventOutcome.QUARANTINED, None)
    if event.type == PING:
        services.run_background_tasks()
        return Consumed(EventOutcome.TRIGGERED, None)
    try:
        consumed = await receive(
            database,
            event,
            subscriptions=services.subscriptions,
            catch_up=services.catch_up,
            secret=services.internal_secret,
            clock=clock,
        )
    except Exception as error:
        if is_transient(database, error):
            raise
        # Redelivery would fail too. The event stays unread, so the next catch-up retries it.
        logger.exception("event %s of %s failed", event.id, event.source)
        reason = f"{event.type} {event.id}: its handler failed: {type(error).__name__}"
        await dead_letters.store_event(database, Reason.QUARANTINED, reason, event, clock=clock)
        consumed = Consumed(EventOutcome.QUARANTINED, None)
    source = event.source if event.source in services.subscriptions.sources else "other"
    services.metrics.events_received.labels(source, consumed.outcome).inc()
    if consumed.outcome.is_quarantined:
        services.metrics.events_quarantined.inc()
    has_gap = consumed.position is not None and consumed.position.gap
    if consumed.outcome is EventOutcome.SUPERSEDED or has_gap:
        services.catch_up.notify(event.source)
    return consumed


@post(
    "/events",
    status_code=202,
    request_max_body_size=None,
    responses=_ACCEPTED,
    opt=described(any_query=True),  # a 4xx would lose the event
)
async def events(request: AnyRequest) -> Response[bytes]:
    """A CloudEvent, in binary or structured mode."""
    body, whole = await _read_body(request)
    await consume(services_of(request, Services), request.headers, body, whole=whole)
    return Response(b"", status_code=202)


@post(
    "/events/dead-letter",
    status_code=202,
    request_max_body_size=None,
    responses=_ACCEPTED,
    opt=described(any_query=True),
)
async def dead_letter(request: AnyRequest) -> Response[bytes]:
    """An event that the broker gave up delivering."""
    body, _ = await _read_body(request)
    headers = request.headers
    code = headers.get("ce-knativeerrorcode", "unknown")
    destination = headers.get("ce-knativeerrordest", "unknown")
    reason = f"not delivered to {destination}: {code}"
    services = services_of(request, Services)
    await dead_letters.store(
        services.database, Reason.DEAD_LETTERED, reason, headers, body, clock=services.clock
    )
    return Response(b"", status_code=202)


HANDLERS = (events, dead_letter)

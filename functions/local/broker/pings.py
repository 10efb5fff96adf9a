"""PingSources: each sends an event to its sink at the times of its schedule.

As in Knative, they do not use the broker: after five attempts the event is dropped.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from functions.local.broker.http_binding import new_event
from functions.local.broker.manifests import PingSource
from functions.local.broker.policy import ResponseClass, classify

logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.5
_TIMEOUT_SECONDS = 30.0


async def run_pings(
    sources: Sequence[PingSource], client: httpx.AsyncClient, *, every: float | None = None
) -> None:
    """Until cancelled. `every` (seconds) overrides the schedules."""
    async with asyncio.TaskGroup() as group:
        for source in sources:
            group.create_task(_run(source, client, every))


async def _run(source: PingSource, client: httpx.AsyncClient, every: float | None) -> None:
    while True:
        if every is not None:
            await asyncio.sleep(every)
        else:
            await _sleep_until(source.schedule.next_after(datetime.now(UTC)))
        await send_ping(source, client)


async def _sleep_until(moment: datetime | None) -> None:
    if moment is None:
        await asyncio.Event().wait()
        return
    # In short intervals: a suspended laptop would otherwise wake the task too late.
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, 30.0))


async def send_ping(source: PingSource, client: httpx.AsyncClient) -> bool:
    attributes = {
        "specversion": "1.0",
        "type": "dev.knative.sources.ping",
        "source": f"/apis/v1/namespaces/{source.namespace}/pingsources/{source.name}",
        **source.extensions,
    }
    if source.content_type is not None:
        attributes["datacontenttype"] = source.content_type
    message = new_event(attributes, source.data).message
    problem = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        try:
            response = await client.post(
                source.sink,
                headers=dict(message.headers),
                content=message.body,
                timeout=_TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
            continue
        match classify(response.status_code):
            case ResponseClass.SUCCESS:
                return True
            case ResponseClass.REFUSED:
                problem = f"status {response.status_code}"
                break
            case ResponseClass.RETRYABLE:
                problem = f"status {response.status_code}"
    logger.warning("%s: an event is dropped, %s: %s", source.name, source.sink, problem)
    return False

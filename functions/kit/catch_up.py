"""The reader's side of a stream: closing gaps from the owner's feed, or from its snapshot.

It runs when an event arrives with a number that is not the next one, when the service wakes up,
and when a PingSource pokes it. No start and no sale waits for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from functions.kit import cloudevents, inbox
from functions.kit.clock import Clock
from functions.kit.cloudevents import Event, MalformedEvent
from functions.kit.database import Database, transactional
from functions.kit.streams import HEAD_HEADER
from functions.kit.subscriptions import Outcome, Stream, Subscriptions
from functions.kit.telemetry import Metrics, continue_trace, current_traceparent

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

PAGE = 200
GAP_PATIENCE = 0.5
"""Seconds: an event that was overtaken on its way usually arrives by itself."""
TIMEOUT = (10.0, 30.0, 10.0, 10.0)
"""Seconds to connect, read, write, and wait for a connection; httpx is imported when it is used."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0)


class CatchUpFailed(Exception):
    """The owner cannot be read just now; it is tried again."""


class CatchUp:
    """One per process that opens the internal door; `notify` wakes it, `run` is its task."""

    def __init__(
        self,
        database: Database,
        subscriptions: Subscriptions,
        owners: Mapping[str, str],
        *,
        clock: Clock,
        metrics: Metrics,
        http: "httpx.AsyncClient",
    ) -> None:
        self.database = database
        self.subscriptions = subscriptions
        self.owners = owners
        self.clock = clock
        self.metrics = metrics
        self.http = http
        self._woken = asyncio.Event()
        self._due: set[Stream] = set()

    def notify(self, source: str | None = None) -> None:
        """Read on: one source where a gap was seen, or all of them."""
        self._due.update(
            stream for stream in self.subscriptions.streams if source in {None, stream.source}
        )
        self._woken.set()

    async def run(self) -> None:
        """Catch up whenever woken, for ever; ended by cancelling."""
        failures = 0
        self.notify()
        while True:
            delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1] if failures else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), delay)
            self._woken.clear()
            if not failures:
                await asyncio.sleep(GAP_PATIENCE)
            failed = False
            due, self._due = self._due, set()
            for stream in sorted(due, key=lambda each: each.source):
                try:
                    await self.read(stream)
                except CatchUpFailed as error:
                    failed = True
                    self._due.add(stream)
                    level = logging.WARNING if failures == 2 else logging.DEBUG
                    logger.log(level, "%s cannot be read yet: %s", stream.source, error)
                except Exception:  # catching up outlives whatever one event does to it
                    failed = True
                    self._due.add(stream)
                    logger.exception("catching up with %s failed; it is tried again", stream.source)
            failures = failures + 1 if failed else 0

    async def read(self, stream: Stream) -> int:
        """Read a stream to its end; answers how many events took effect.

        Raises `CatchUpFailed` when its owner cannot be read.
        """
        standing = await inbox.standing(self.database, stream.source)
        if standing.contiguous < 0:  # a snapshot was not taken to its end
            return await self.restore(stream)
        after, event_id = standing.contiguous, standing.event_id
        effective, failed = 0, 0
        while True:
            events = await self._page(stream, after, event_id, standing.newest)
            if events is None:
                return effective + await self.restore(stream)
            for event in events:
                if event.sequence is not None:
                    after, event_id = event.sequence, event.id
                outcome = await self._attempt(event, self._take)
                failed += outcome is None
                effective += outcome is Outcome.APPLIED
            if len(events) < PAGE:
                break
        if failed:
            raise CatchUpFailed(f"{failed} events failed; each is in the log")
        return effective

    async def _page(
        self, stream: Stream, after: int, event_id: str | None, newest: int
    ) -> list[Event] | None:
        """What comes next; None where only the snapshot says how to go on."""
        base = self.owners[stream.owner]
        params: dict[str, int | str] = {"after": after, "limit": PAGE}
        if event_id is not None:
            params["event_id"] = event_id
        response = await self._get(f"{base}/internal/streams/{stream.name}", params)
        if response.status_code == HTTPStatus.GONE:
            return None
        if response.status_code != HTTPStatus.OK:
            raise CatchUpFailed(f"{base} answered {response.status_code}")
        head = response.headers.get(HEAD_HEADER, "")
        if head.isdecimal() and int(head) < newest:
            return None  # what was seen beyond the head is of a past that the owner has lost
        try:
            return cloudevents.read_batch(response.content)
        except MalformedEvent as error:
            raise CatchUpFailed(f"{base} sent {error}") from error

    async def restore(self, stream: Stream) -> int:
        """Take the owner's snapshot in place of events that are not to be had any more.

        It counts whatever revisions are kept: an owner that was restored from a backup has gone
        back to older ones, and what it has lost is given up here too.
        """
        import httpx  # noqa: PLC0415 - see lazy_http.py

        base = self.owners[stream.owner]
        url = f"{base}/internal/snapshots/{stream.name}"
        headers = {"content-type": "application/cloudevents+json"}
        first: _First | None = None
        mark, count, failed, complete = 0, 0, 0, False
        try:
            async with self.http.stream("GET", url, timeout=TIMEOUT) as response:
                if response.status_code != HTTPStatus.OK:
                    raise CatchUpFailed(f"{url} answered {response.status_code}")
                async for line in response.aiter_lines():
                    if first is None:
                        first = msgspec.json.decode(line, type=_First)
                        mark = await _doubt(self.database, self.subscriptions, stream.source)
                    elif line.startswith('{"count"'):
                        complete = line == f'{{"count":{count}}}'
                    else:
                        event = cloudevents.read(headers, line.encode())
                        failed += await self._attempt(event, self._apply) is None
                        count += 1
        except (httpx.HTTPError, MalformedEvent, msgspec.MsgspecError) as error:
            raise CatchUpFailed(f"{url}: {error}") from error
        if first is None or not complete:
            raise CatchUpFailed(f"{url} ended before it was complete")
        if failed:
            raise CatchUpFailed(f"{failed} states of {url} failed; each is in the log")
        settle = _settle(
            self.database, self.subscriptions, stream.source, mark, first, clock=self.clock
        )
        if not await settle:
            raise CatchUpFailed(f"another process has begun to take {url}")
        logger.warning("%s was restored from its snapshot: %d states", stream.source, count)
        return count

    async def _take(self, event: Event) -> Outcome:
        taken = await self.subscriptions.take(self.database, event, clock=self.clock)
        return taken.outcome

    async def _apply(self, event: Event) -> Outcome:
        return await self.subscriptions.apply(self.database, event, clock=self.clock)

    async def _attempt(
        self, event: Event, take: Callable[[Event], Awaitable[Outcome]]
    ) -> Outcome | None:
        """Give an event its effect, in its own trace; None where its handler failed.

        One such event does not hold up those behind it. It stays unread, so it is tried again
        with the next catch-up.
        """
        trace = current_traceparent.set(continue_trace(event.traceparent))
        try:
            outcome = await take(event)
        except Exception as error:
            if self.database.is_unavailable(error):
                raise
            logger.exception("event %s of %s failed", event.id, event.source)
            return None
        finally:
            current_traceparent.reset(trace)
        self.metrics.events_received.labels(event.source, outcome).inc()
        return outcome

    async def _get(self, url: str, params: Mapping[str, int | str]) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - see lazy_http.py

        try:
            return await self.http.get(url, params=dict(params), timeout=TIMEOUT)
        except httpx.HTTPError as error:
            raise CatchUpFailed(f"{url}: {type(error).__name__}") from error


class _First(msgspec.Struct):
    """The first line of a snapshot: where it stands."""

    sequence: int
    event_id: str | None = None


@transactional
async def _doubt(database: Database, subscriptions: Subscriptions, source: str) -> int:
    mark = await inbox.doubt(database, source)
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.doubt(database)
    return mark


@transactional
async def _settle(
    database: Database,
    subscriptions: Subscriptions,
    source: str,
    mark: int,
    first: _First,
    *,
    clock: Clock,
) -> bool:
    if not await inbox.marked(database, source, mark):
        return False
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.forget(database)
    await inbox.reset(database, source, first.sequence, first.event_id, clock=clock)
    return True

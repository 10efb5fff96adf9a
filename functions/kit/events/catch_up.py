"""The reader's side of a stream: closing gaps from the owner's feed, or from its snapshot.

Each stream has a reader of its own, with its own time limit and back-off, so that an owner that
cannot be reached delays no other stream. A reader runs when an event arrives with a number that is
not the next one, when a PingSource asks, every `CATCH_UP_SECONDS` while the service is awake, and
at a start where something is known to be missing. The others wait at a start (`SETTLED`): one event
would otherwise wake the internal APIs of all services. No start and no sale waits for any of it.

`confirm` is for events that nothing proves to be genuine: the owner says what happened.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from functions.kit.base.clock import Clock
from functions.kit.base.errors import Unavailable
from functions.kit.base.settings import Secret
from functions.kit.base.telemetry import Metrics, continue_trace, current_traceparent
from functions.kit.data.database import Database, transactional
from functions.kit.data.outages import Outages, is_transient
from functions.kit.events import cloudevents, inbox
from functions.kit.events.cloudevents import Event, MalformedEvent
from functions.kit.events.feed import HEAD_HEADER, StreamDigest
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.subscriptions import EventOutcome, Stream, Subscriptions

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

PAGE = 200
GAP_PATIENCE = 0.5
"""Seconds: an event that was overtaken on its way usually arrives by itself."""
TIMEOUT = (5.0, 30.0, 10.0, 10.0)
"""Seconds to connect, read, write, and wait for a connection; httpx is imported when it is used.
An owner that is asleep answers after its cold start."""
PAGE_TIMEOUT = 45.0
"""Seconds for a page as a whole: an owner may also answer byte by byte."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0)
CONFIRM_PAUSE = 1.0
"""Seconds after a failure in which an owner is not asked again for the sake of an event."""
SETTLED = 120.0
"""Seconds after which a service that was woken has more to do than one event: it outlasts the time
after which Knative ends an idle pod."""
HEAL_EVERY = 3600.0
"""Seconds between two snapshots that are taken because a projection differs from its owner."""


class CatchUpFailed(Exception):
    """The owner cannot be read just now; it is tried again."""


class _Reader:
    """What is known of one stream's reading in this process."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.woken = asyncio.Event()
        self.lock = asyncio.Lock()
        self.patience = 0.0
        """Seconds to wait before the read that was asked for."""
        self.thorough = False
        """Whether to compare the projection with its owner, too."""
        self.asked = 0
        """How many reads were asked for; one read serves all that were asked for before it."""
        self.served = 0
        self.failures = 0
        self.failed_at = -CONFIRM_PAUSE
        self.healed_at = -HEAL_EVERY

    def wake(self, *, patience: float = 0.0, thorough: bool = False) -> None:
        self.patience = min(self.patience, patience) if self.woken.is_set() else patience
        self.thorough = self.thorough or thorough
        self.woken.set()

    @property
    def delay(self) -> float:
        """Seconds until the next try, after a failure."""
        return RETRY_DELAYS[min(self.failures, len(RETRY_DELAYS)) - 1]


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
        secret: InternalSecret | None = None,
        period: float | None = None,
        at_start: bool = True,
        outages: Outages | None = None,
    ) -> None:
        """`period` is in seconds; None reads nothing that nobody asks for. `at_start` says whether
        every stream is read at once at a start, or only those with something missing."""
        self.database = database
        self.subscriptions = subscriptions
        self.owners = owners
        self.clock = clock
        self.metrics = metrics
        self.http = http
        self.secret = secret or InternalSecret(Secret(""))
        self.period = period
        self.at_start = at_start
        self.outages = outages or Outages(database)
        self._readers = {stream.source: _Reader(stream) for stream in subscriptions.streams}

    def notify(self, source: str | None = None) -> None:
        """Read on: one source where a gap was seen, or all of them."""
        if source is None:
            for reader in self._readers.values():
                reader.wake(thorough=True)
        elif source in self._readers:
            self._readers[source].wake(patience=GAP_PATIENCE)

    async def run(self) -> None:
        """Catch up whenever woken, for ever; ended by cancelling."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers.values():
                tasks.create_task(self._follow(reader), name=f"catch-up {reader.stream.name}")

    async def _follow(self, reader: _Reader) -> None:
        """One stream, for ever."""
        first = self.period
        if self.at_start:
            reader.wake(patience=GAP_PATIENCE, thorough=True)
        else:
            first = min(SETTLED, first) if first is not None else SETTLED
            await self._look(reader)
        wait = first
        while True:
            try:
                # Not `wait_for`, which loses a cancellation at the moment of waking (Python 3.11).
                async with asyncio.timeout(wait):
                    await reader.woken.wait()
            except TimeoutError:
                reader.wake(thorough=True)
            reader.woken.clear()
            if reader.failures:
                # Whoever asks meanwhile waits too: the owner's back-off is not cut short.
                await asyncio.sleep(max(0.0, reader.failed_at + reader.delay - time.monotonic()))
            else:
                await asyncio.sleep(reader.patience)
            wait = self.period
            if not await self._attempt_reading(reader):
                reader.woken.set()

    async def _look(self, reader: _Reader) -> None:
        """Read at once where something is known to be missing."""
        try:
            standing = await inbox.read_cursor(self.database, reader.stream.source)
        except Exception as error:  # noqa: BLE001 - the read itself finds it again
            self.outages.report("reading the streams' positions", error)
        else:
            if 0 < standing.contiguous == standing.newest:
                return
        # Not before the first requests: reading imports httpx.
        reader.wake(patience=GAP_PATIENCE, thorough=True)

    async def _attempt_reading(self, reader: _Reader) -> bool:
        """Whether it was read to its end. What is wrong is in the log, once."""
        thorough, reader.thorough = reader.thorough, False
        source = reader.stream.source
        try:
            await self._read_once(reader)
            if thorough:
                await self._heal(reader)
        except CatchUpFailed as error:
            level = logging.WARNING if reader.failures == 3 else logging.DEBUG
            logger.log(level, "%s cannot be read yet: %s", source, error)
        except Exception as error:  # noqa: BLE001 - catching up outlives whatever one event does to it
            self.outages.report(f"catching up with {source}", error)
        else:
            self.outages.over(f"catching up with {source}")
            return True
        reader.thorough = reader.thorough or thorough
        if not reader.failures:  # comparing failed, and not reading
            reader.failures, reader.failed_at = 1, time.monotonic()
        return False

    async def _read_once(self, reader: _Reader) -> None:
        """Read the stream, or have it read by another who began after this was asked for."""
        reader.asked += 1
        ticket = reader.asked
        async with reader.lock:
            if reader.served >= ticket:
                return
            serving = reader.asked
            try:
                await self.read(reader.stream)
            except BaseException as error:
                if not isinstance(error, asyncio.CancelledError):
                    reader.failures, reader.failed_at = reader.failures + 1, time.monotonic()
                raise
            reader.served, reader.failures = serving, 0

    async def confirm(self, source: str) -> None:
        """Read what the owner of a source has to say by now.

        Raises `Unavailable` when it cannot be asked: whoever sent the event is to send it again.
        """
        reader = self._readers[source]
        if reader.failures and time.monotonic() < reader.failed_at + CONFIRM_PAUSE:
            raise Unavailable(f"{source} cannot be read just now.", retry_after=CONFIRM_PAUSE)
        try:
            await self._read_once(reader)
        except CatchUpFailed as error:
            reader.wake()
            raise Unavailable(f"{source} cannot be read just now.", retry_after=2) from error

    async def fetch(self, event: Event) -> Event | None:
        """An event as its owner tells it now; None where the owner does not know it (any more).

        Raises `Unavailable` when the owner cannot be asked.
        """
        stream = self._readers[event.source].stream
        if event.sequence is None or event.sequence < 1:
            return None
        try:
            events = await self._page(stream, event.sequence - 1, None, 0, limit=1)
        except CatchUpFailed as error:
            raise Unavailable(f"{event.source} cannot be read just now.", retry_after=2) from error
        return events[0] if events and events[0].id == event.id else None

    async def _heal(self, reader: _Reader) -> None:
        """Take the snapshot where the projection differs from its owner at the same sequence.

        It may be ahead, where a forged or broken event had an effect once: no later event of the
        owner would ever be newer.
        """
        difference = await self.difference(reader.stream)
        if difference is None:
            return
        logger.error("%s: %s", reader.stream.source, difference)
        if time.monotonic() < reader.healed_at + HEAL_EVERY:
            return  # the snapshot did not help; whoever reads the log must
        reader.healed_at = time.monotonic()
        async with reader.lock:
            await self.restore(reader.stream)

    async def difference(self, stream: Stream) -> str | None:
        """In which way what is kept of a stream differs from its owner; None where it does not.

        Also None where it cannot be told just now: an event is on its way, or the owner is of an
        older release. Raises `CatchUpFailed`.
        """
        projection = self.subscriptions.projections.get(stream.source)
        if projection is None or projection.digest is None:
            return None
        response = await self._get(
            f"{self.owners[stream.owner]}/internal/streams/{stream.name}/digest", {}
        )
        if response.status_code != HTTPStatus.OK:
            return None
        try:
            told = msgspec.json.decode(response.content, type=StreamDigest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CatchUpFailed(f"{response.url} sent {error}") from error
        async with self.database.transaction(isolation="REPEATABLE READ"):
            standing = await inbox.read_cursor(self.database, stream.source)
            kept = await projection.digest(self.database, self.clock())
        if not standing.contiguous == standing.newest == told.sequence or kept == told.digest:
            return None
        return f"at {told.sequence} its owner has {told.digest}, and {kept} is kept of it"

    async def read(self, stream: Stream) -> int:
        """Read a stream to its end; answers how many events took effect.

        Raises `CatchUpFailed` when its owner cannot be read.
        """
        standing = await inbox.read_cursor(self.database, stream.source)
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
                effective += outcome is EventOutcome.APPLIED
            if len(events) < PAGE:
                break
        if failed:
            raise CatchUpFailed(f"{failed} events failed; each is in the log")
        return effective

    async def _page(
        self,
        stream: Stream,
        after: int,
        event_id: str | None,
        newest: int,
        *,
        limit: int | None = None,
    ) -> list[Event] | None:
        """What comes next; None where only the snapshot says how to go on."""
        base = self.owners[stream.owner]
        params: dict[str, int | str] = {"after": after, "limit": limit or PAGE}
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
            request = self.http.stream("GET", url, timeout=TIMEOUT, headers=self.secret.headers)
            async with request as response:
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

    async def _take(self, event: Event) -> EventOutcome:
        taken = await self.subscriptions.consume(self.database, event, clock=self.clock)
        return taken.outcome

    async def _apply(self, event: Event) -> EventOutcome:
        return await self.subscriptions.apply(self.database, event, clock=self.clock)

    async def _attempt(
        self, event: Event, take: Callable[[Event], Awaitable[EventOutcome]]
    ) -> EventOutcome | None:
        """Give an event its effect, in its own trace; None where its handler failed.

        One such event does not hold up those behind it. It stays unread, so it is tried again
        with the next catch-up.
        """
        trace = current_traceparent.set(continue_trace(event.traceparent))
        try:
            outcome = await take(event)
        except Exception as error:
            if is_transient(self.database, error):
                raise
            self.outages.report(f"taking event {event.id} of {event.source}", error)
            return None
        finally:
            current_traceparent.reset(trace)
        self.metrics.events_received.labels(event.source, outcome).inc()
        return outcome

    async def _get(self, url: str, params: Mapping[str, int | str]) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - see lazy_http.py

        try:
            async with asyncio.timeout(PAGE_TIMEOUT):
                return await self.http.get(
                    url, params=dict(params), timeout=TIMEOUT, headers=self.secret.headers
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise CatchUpFailed(f"{url}: {type(error).__name__}") from error


class _First(msgspec.Struct):
    """The first line of a snapshot: where it stands."""

    sequence: int
    event_id: str | None = None


@transactional
async def _doubt(database: Database, subscriptions: Subscriptions, source: str) -> int:
    mark = await inbox.mark_stale(database, source)
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.mark_stale(database)
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
    if not await inbox.holds_token(database, source, mark):
        return False
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.delete_stale(database)
    await inbox.reset(database, source, first.sequence, first.event_id, clock=clock)
    return True

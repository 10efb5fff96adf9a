"""The consumer's side of a stream: closes gaps from the owner's feed, or from its snapshot.

Each stream has its own reader, with its own timeouts and back-off, so that an unreachable owner
does not delay the other streams. A stream is read

- when an event arrives whose sequence is not the next one,
- when a PingSource triggers it,
- every `CATCH_UP_SECONDS` while the process is awake,
- at start, if it is known to be incomplete. Other streams wait for `STARTUP_DELAY` first, because
  otherwise a single event would wake the internal APIs of all services.

All of it runs in the background. `confirm` is for unsigned events: it reads the owner's feed, and
only what that contains takes effect.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from functions.kit.base.background import stop_requested, wait_at_most
from functions.kit.base.clock import Clock
from functions.kit.base.errors import Unavailable
from functions.kit.base.metrics import Metrics
from functions.kit.base.settings import Secret
from functions.kit.base.telemetry import continue_trace, current_traceparent
from functions.kit.base.tracing import is_recording, span, tracing
from functions.kit.data.database import Database, transactional
from functions.kit.data.outages import Outages, is_transient
from functions.kit.events import inbox, stream_reads
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed_client import CatchUpFailed, FeedClient, SnapshotHeader, SnapshotPage
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.spans import read_span
from functions.kit.events.stream_reads import ReadResult
from functions.kit.events.subscriptions import EventOutcome, Stream, Subscriptions

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

logger = logging.getLogger(__name__)

PAGE = 200
"""Events in a page."""
GAP_DELAY = 0.5
"""Seconds before a gap is read: an event that was overtaken usually arrives by itself."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0)
CONFIRM_PAUSE = 1.0
"""Seconds after a failed read in which `confirm` fails without asking the owner again."""
STARTUP_DELAY = 120.0
"""Seconds after a start before complete streams are read. It exceeds the time after which Knative
stops an idle pod, so a pod that was woken for one event does not read them."""
RESTORE_INTERVAL = 3600.0
"""Least seconds between two snapshots that are taken because a projection differs from its owner's
digest."""


class _Reader:
    """The state of one stream's reader in this process."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.woken = asyncio.Event()
        self.lock = asyncio.Lock()
        self.wake_delay = 0.0
        """Seconds to wait before the requested read."""
        self.compare = False
        """Whether to compare the projection with its owner's digest after the read."""
        self.requested = 0
        """Number of requested reads. One read serves all requests that were made before it."""
        self.served = 0
        """Number of requests that are served."""
        self.failures = 0
        """Consecutive failures."""
        self.failed_at = -CONFIRM_PAUSE
        self.restored_at = -RESTORE_INTERVAL

    def wake(self, *, delay: float = 0.0, compare: bool = False) -> None:
        self.wake_delay = min(self.wake_delay, delay) if self.woken.is_set() else delay
        self.compare = self.compare or compare
        self.woken.set()

    @property
    def retry_delay(self) -> float:
        """Seconds until the next try, after a failure."""
        return RETRY_DELAYS[min(self.failures, len(RETRY_DELAYS)) - 1]


class CatchUp:
    """One per process that serves the internal API. `notify` wakes it, `run` is its task."""

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
        """`owners` has the base URL of each owner's internal API.

        `period` is in seconds; with None, streams are read on request only. With `at_start`, every
        stream is read at start; otherwise only incomplete ones are.
        """
        self.database = database
        self.subscriptions = subscriptions
        self.feeds = FeedClient(owners, http, secret or InternalSecret(Secret("")))
        self.clock = clock
        self.metrics = metrics
        self.period = period
        self.at_start = at_start
        self.outages = outages or Outages(database)
        self._readers = {stream.source: _Reader(stream) for stream in subscriptions.streams}

    def notify(self, source: str | None = None) -> None:
        """Request a read: of one source that has a gap, or of all streams."""
        if source is None:
            for reader in self._readers.values():
                reader.wake(compare=True)
        elif source in self._readers:
            self._readers[source].wake(delay=GAP_DELAY)

    async def run(self) -> None:
        """Run every reader until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self._readers.values():
                tasks.create_task(self._run_reader(reader), name=f"catch-up {reader.stream.name}")

    async def _run_reader(self, reader: _Reader) -> None:
        """Read one stream whenever requested and periodically, until cancelled."""
        first = self.period
        if self.at_start:
            reader.wake(delay=GAP_DELAY, compare=True)
        else:
            first = min(STARTUP_DELAY, first) if first is not None else STARTUP_DELAY
            await self._read_if_incomplete(reader)
        wait = first
        while not stop_requested():
            if not await wait_at_most(reader.woken, wait):
                reader.wake(compare=True)
            reader.woken.clear()
            if reader.failures:
                # New requests do not shorten the back-off.
                retry_at = reader.failed_at + reader.retry_delay
                await asyncio.sleep(max(0.0, retry_at - time.monotonic()))
            else:
                await asyncio.sleep(reader.wake_delay)
            wait = self.period
            if not await self._try_read(reader):
                reader.woken.set()

    async def _read_if_incomplete(self, reader: _Reader) -> None:
        """Request a read unless the stream is complete as far as is known."""
        try:
            cursor = await inbox.read_cursor(self.database, reader.stream.source)
        except Exception as error:  # noqa: BLE001 - the read meets the same error
            self.outages.report("reading the streams' positions", error)
        else:
            if 0 < cursor.contiguous == cursor.newest:
                return
        # Delayed past the first requests: reading imports httpx.
        reader.wake(delay=GAP_DELAY, compare=True)

    async def _try_read(self, reader: _Reader) -> bool:
        """Whether the stream was read to its end. A failure is logged once."""
        compare, reader.compare = reader.compare, False
        source = reader.stream.source
        try:
            await self._read_once(reader)
            if compare:
                await self._restore_if_different(reader)
        except CatchUpFailed as error:
            level = logging.WARNING if reader.failures == 3 else logging.DEBUG
            logger.log(level, "%s cannot be read yet: %s", source, error)
        except Exception as error:  # noqa: BLE001 - the task must survive any error of an event
            self.outages.report(f"catching up with {source}", error)
        else:
            self.outages.recovered(f"catching up with {source}")
            return True
        reader.compare = reader.compare or compare
        if not reader.failures:  # the comparison failed, not the read
            reader.failures, reader.failed_at = 1, time.monotonic()
        return False

    async def _read_once(self, reader: _Reader) -> None:
        """Read the stream, or wait for a concurrent read that begins after this call."""
        reader.requested += 1
        ticket = reader.requested
        async with reader.lock:
            if reader.served >= ticket:
                return
            serving = reader.requested
            try:
                await self.read(reader.stream)
            except BaseException as error:
                if not isinstance(error, asyncio.CancelledError):
                    reader.failures, reader.failed_at = reader.failures + 1, time.monotonic()
                raise
            reader.served, reader.failures = serving, 0

    async def _record(self, source: str, recording: Awaitable[T]) -> T | None:
        """Store what a read has met. It is for operators only, so a failure ends no read."""
        try:
            result = await recording
        except Exception as error:  # noqa: BLE001 - the read itself meets a database that is away
            self.outages.report(f"recording the reads of {source}", error)
        else:
            self.outages.recovered(f"recording the reads of {source}")
            return result
        return None

    async def confirm(self, source: str) -> None:
        """Read the owner's feed up to now.

        Raises `Unavailable` if it cannot be read, so that the broker delivers the event again.
        """
        reader = self._readers[source]
        if reader.failures and time.monotonic() < reader.failed_at + CONFIRM_PAUSE:
            raise Unavailable(f"{source} cannot be read at the moment.", retry_after=CONFIRM_PAUSE)
        try:
            await self._read_once(reader)
        except CatchUpFailed as error:
            reader.wake()
            raise Unavailable(f"{source} cannot be read at the moment.", retry_after=2) from error

    async def fetch(self, event: Event) -> Event | None:
        """The owner's current version of an event; None if its feed does not contain the event.

        Raises `Unavailable` if the owner cannot be read.
        """
        stream = self._readers[event.source].stream
        if event.sequence is None or event.sequence < 1:
            return None
        try:
            events = await self.feeds.page(stream, event.sequence - 1, None, 0, limit=1)
        except CatchUpFailed as error:
            raise Unavailable(
                f"{event.source} cannot be read at the moment.", retry_after=2
            ) from error
        return events[0] if events and events[0].id == event.id else None

    async def _restore_if_different(self, reader: _Reader) -> None:
        """Restore the projection if it differs from its owner's at the same sequence.

        A forged or broken event may have given it a revision that the owner never reaches. Then no
        later event takes effect, and only the snapshot corrects it.
        """
        difference = await self.difference(reader.stream)
        if difference is None:
            return
        logger.error("%s: %s", reader.stream.source, difference)
        if time.monotonic() < reader.restored_at + RESTORE_INTERVAL:
            return  # the last snapshot did not correct it; an operator has to
        reader.restored_at = time.monotonic()
        async with reader.lock:
            await self.restore(reader.stream)

    async def difference(self, stream: Stream) -> str | None:
        """How the projection of a stream differs from its owner's state; None if it does not.

        Also None if they cannot be compared at the moment: an event is on its way, or the owner
        has no digest. Raises `CatchUpFailed`.
        """
        projection = self.subscriptions.projections.get(stream.source)
        if projection is None or projection.digest is None:
            return None
        owner = await self.feeds.digest(stream)
        if owner is None:
            return None
        async with self.database.transaction(isolation="REPEATABLE READ"):
            cursor = await inbox.read_cursor(self.database, stream.source)
            own = await projection.digest(self.database, self.clock())
        if not cursor.contiguous == cursor.newest == owner.sequence or own == owner.digest:
            return None
        return f"at {owner.sequence} the owner's digest is {owner.digest}, ours is {own}"

    async def read(self, stream: Stream) -> int:
        """Read a stream to its end; returns how many events took effect.

        Raises `CatchUpFailed` if the owner cannot be read, or if a handler failed.
        """
        with read_span(stream.source, "catch up"):
            return await self._read(stream)

    async def _read(self, stream: Stream) -> int:
        source = stream.source
        cursor = await inbox.read_cursor(self.database, source)
        gap = cursor.contiguous if 0 <= cursor.contiguous < cursor.newest else None
        restored = False
        try:
            effective = await self._read_pages(stream, cursor)
            if effective is None:
                effective, restored = await self.restore(stream, resume=True), True
        except CatchUpFailed as error:
            await self._record(
                source,
                stream_reads.record_failure(
                    self.database, source, str(error), gap, clock=self.clock
                ),
            )
            raise
        result = ReadResult(self.feeds.heads.get(source), gap, effective, restored)
        repaired = await self._record(
            source, stream_reads.record(self.database, source, result, clock=self.clock)
        )
        if repaired:
            self.metrics.gaps_repaired.labels(source).inc()
        return effective

    async def _read_pages(self, stream: Stream, cursor: inbox.ReadCursor) -> int | None:
        """Read all pages; None if the snapshot must be taken instead.

        Raises `CatchUpFailed`.
        """
        if cursor.contiguous < 0:  # an earlier restore was not completed
            return None
        after, event_id = cursor.contiguous, cursor.event_id
        effective, failed = 0, 0
        while True:
            events = await self.feeds.page(stream, after, event_id, cursor.newest, limit=PAGE)
            if events is None:
                return None
            for event in events:
                if event.sequence is not None:
                    after, event_id = event.sequence, event.id
                outcome = await self._try_event(event, self._consume)
                failed += outcome is None
                effective += outcome is EventOutcome.APPLIED
            if len(events) < PAGE:
                break
        if failed:
            raise CatchUpFailed(f"{failed} events failed; each is in the log")
        return effective

    async def restore(self, stream: Stream, *, resume: bool = False) -> int:
        """Replace the projection by the owner's snapshot; returns the number of states read.

        For when the feed does not contain the missing events. The snapshot's states replace stored
        ones of any revision: the revisions of an owner that was restored from a backup are lower.
        What is not in the snapshot is deleted. With `resume` it goes on where an interrupted one
        has stopped, if there is one. Raises `CatchUpFailed`.
        """
        with span("restore", attributes={"cloudevents.event_source": stream.source}):
            return await self._restore(stream, resume=resume)

    async def _restore(self, stream: Stream, *, resume: bool) -> int:
        begun = await self._unfinished_restore(stream) if resume else None
        async with self._given_up(stream, begun):
            page = await self.feeds.snapshot_page(stream, begun.last_subject if begun else "")
            if begun is not None and page.header.sequence < begun.sequence:
                # The owner was restored from a backup in between: its earlier states are void.
                begun, page = None, await self.feeds.snapshot_page(stream, "")
            if begun is None:
                begun = await _begin_restore(
                    self.database, self.subscriptions, stream.source, page.header, clock=self.clock
                )
        return await self._apply_pages(stream, begun, page)

    async def _apply_pages(self, stream: Stream, restore: inbox.Restore, page: SnapshotPage) -> int:
        url = self.feeds.snapshot_url(stream)
        failed = count = 0
        kept = restore
        async with self._given_up(stream, restore):
            while True:
                for event in page.states:
                    failed += await self._try_event(event, self._apply) is None
                count += len(page.states)
                if page.next is None:
                    break
                if not failed:  # else the next read begins with the page that has the failure
                    kept = kept._replace(last_subject=page.next)
                await self._keep_restore(stream, kept)
                page = await self.feeds.snapshot_page(stream, page.next)
            if failed:
                raise CatchUpFailed(f"{failed} states of {url} failed; each is in the log")
            if not await _complete_restore(
                self.database, self.subscriptions, stream.source, kept, clock=self.clock
            ):
                raise self._taken_over(stream)
        logger.warning("%s was restored from its snapshot: %d states", stream.source, count)
        return count

    async def _unfinished_restore(self, stream: Stream) -> inbox.Restore | None:
        try:
            return await inbox.resume_restore(self.database, stream.source, clock=self.clock)
        except inbox.RestoreInProgress as error:
            raise self._taken_over(stream) from error

    @contextlib.asynccontextmanager
    async def _given_up(self, stream: Stream, restore: inbox.Restore | None) -> AsyncIterator[None]:
        """If the block fails or is cancelled, any process may take the restore over at once."""
        try:
            yield
        except BaseException:
            if restore is not None:
                with contextlib.suppress(Exception):
                    await asyncio.shield(
                        inbox.release_restore(self.database, stream.source, restore.token)
                    )
            raise

    async def _keep_restore(self, stream: Stream, restore: inbox.Restore) -> None:
        if not await inbox.keep_restore(self.database, stream.source, restore, clock=self.clock):
            raise self._taken_over(stream)

    def _taken_over(self, stream: Stream) -> CatchUpFailed:
        return CatchUpFailed(f"another process restores from {self.feeds.snapshot_url(stream)}")

    async def _consume(self, event: Event) -> EventOutcome:
        consumed = await self.subscriptions.consume(self.database, event, clock=self.clock)
        return consumed.outcome

    async def _apply(self, event: Event) -> EventOutcome:
        with tracing(None):  # a snapshot may have more states than a trace can show
            return await self.subscriptions.apply(self.database, event, clock=self.clock)

    async def _try_event(
        self, event: Event, handle: Callable[[Event], Awaitable[EventOutcome]]
    ) -> EventOutcome | None:
        """Handle an event; None if its handler failed.

        The event then stays unread, does not block later ones, and is retried by the next read.
        What it causes belongs to its own trace; while spans are recorded, to the trace of this
        read, which has a link to the event's.
        """
        trace = current_traceparent.get()
        token = current_traceparent.set(
            trace if is_recording() else continue_trace(event.traceparent)
        )
        try:
            outcome = await handle(event)
        except Exception as error:
            if is_transient(self.database, error):
                raise
            self.outages.report(f"handling event {event.id} of {event.source}", error)
            return None
        finally:
            current_traceparent.reset(token)
        self.metrics.events_received.labels(event.source, outcome).inc()
        if outcome.is_quarantined:
            self.metrics.events_quarantined.inc()
        return outcome


@transactional
async def _begin_restore(
    database: Database,
    subscriptions: Subscriptions,
    source: str,
    header: SnapshotHeader,
    *,
    clock: Clock,
) -> inbox.Restore:
    """Mark the stream and its projection as stale, and the restore as begun."""
    token = await inbox.mark_stale(database, source)
    restore = inbox.Restore(token, header.sequence, header.event_id, "")
    await inbox.keep_restore(database, source, restore, clock=clock)
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.mark_stale(database)
    return restore


@transactional
async def _complete_restore(
    database: Database,
    subscriptions: Subscriptions,
    source: str,
    restore: inbox.Restore,
    *,
    clock: Clock,
) -> bool:
    """Delete what is still stale and set the position; False if another process restores."""
    if not await inbox.holds_token(database, source, restore.token):
        return False
    if (projection := subscriptions.projections.get(source)) is not None:
        await projection.delete_stale(database)
    await inbox.reset(database, source, restore.sequence, restore.event_id, clock=clock)
    return True

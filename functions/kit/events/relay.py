"""The relay: sends outbox rows to the broker, at least once, and in order for each subject.

Of all processes that share a database only the holder of the lease sends, several events at a time.
A row is marked as sent only after the broker's 202. The relay runs after each commit, at start, on
shutdown, and when a PingSource triggers it, so the outbox of a service that is scaled to zero is
emptied too. A consumer that still misses an event reads it from the feed (`feed.py`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from piccolo.querystring import QueryString

from functions.kit.base.background import stop_requested, wait_at_most
from functions.kit.base.clock import Clock
from functions.kit.base.metrics import Metrics
from functions.kit.base.settings import Secret
from functions.kit.data.database import Database, Row, is_in, transactional
from functions.kit.data.outages import Outages
from functions.kit.events import cloudevents
from functions.kit.events.http_sender import HttpSender
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.lease import Lease
from functions.kit.events.outbox import to_event
from functions.kit.events.sequencer import BATCH, assign_all_sequences
from functions.kit.events.spans import send_span, trace_headers

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

SEND_TIMEOUT = 5.0
"""Seconds for one event. The broker's ingress has no timeout and hangs under a memory alarm. It is
half of the lease, which is renewed between events, so the lease cannot expire during one."""
CONCURRENCY = 8
"""Events that are sent concurrently: the broker takes milliseconds to persist each one. The same
number of rejected events ends a batch."""
RETRY_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)
RETENTION = timedelta(days=30)
"""How far back a feed reaches."""


_EVENT_REJECTED = frozenset({400, 413, 415, 422})
"""Statuses that concern the event, not the broker's availability."""


class BrokerUnavailable(Exception):
    """The broker accepts no events at the moment."""


class Backlog(NamedTuple):
    """The events that wait to be sent."""

    unsent: int
    oldest_seconds: float
    """Age of the oldest one; 0 where none waits."""


class _Batch:
    """Rows to send: subjects concurrently, the rows of one subject one after the other."""

    def __init__(self, rows: Iterable[Row]) -> None:
        queues: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            queues.setdefault((row["source"], row["subject"]), []).append(row)
        self.queues = deque(queues.values())
        """One queue for each subject."""
        self.sent: list[int] = []
        self.rejected = 0
        self.stopped = False


class Relay:
    """One per process; `notify` wakes it, `run` is its task."""

    def __init__(
        self,
        database: Database,
        sink: str,
        sources: Iterable[str],
        *,
        clock: Clock,
        metrics: Metrics,
        http: "httpx.AsyncClient | None" = None,
        secret: InternalSecret | None = None,
        outages: Outages | None = None,
    ) -> None:
        """`http` replaces the relay's own HTTP sender, for tests."""
        self.database = database
        self.sink = sink
        self.sources = tuple(sources)
        self.clock = clock
        self.metrics = metrics
        self.http = http
        self.secret = secret or InternalSecret(Secret(""))
        self.outages = outages or Outages(database)
        self.http_sender = HttpSender()
        self.lease = Lease(database, clock)
        self._woken = asyncio.Event()

    def notify(self) -> None:
        """Request a flush, after a commit or a trigger."""
        self._woken.set()

    async def run(self) -> None:
        """Flush at start and whenever notified, until cancelled."""
        failures = 0
        self.notify()
        while not stop_requested():
            delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1] if failures else None
            await wait_at_most(self._woken, delay)
            self._woken.clear()
            try:
                done = await self.flush()
            except Exception as error:  # noqa: BLE001 - the task must survive any error of one flush
                self.outages.report("sending events", error)
                done = False
            else:
                self.outages.recovered("sending events")
            failures = 0 if done else failures + 1

    async def flush(self) -> bool:
        """Assign sequences and send all unsent events; False if some remain."""
        assigned = await assign_all_sequences(self.database, self.sources)
        if not self.sink:
            return True
        complete = True
        while assigned or await self._unsent(limit=1):
            assigned = 0
            if not await self.lease.acquire():
                return False
            # Read under the lease, to skip what another process has sent meanwhile.
            rows = await self._unsent(limit=BATCH)
            sent = await self._send(rows)
            complete = complete and sent == len(rows)
            # Rejected events are at the beginning of the next batch again, before other events.
            if not complete and (not sent or len(rows) < BATCH):
                return False
        self.metrics.outbox_unsent.set(0)
        return True

    async def _unsent(self, limit: int) -> list[Row]:
        outcome = await self.database.execute(
            QueryString(
                "SELECT * FROM outbox WHERE sent_at IS NULL AND sequence IS NOT NULL"
                " ORDER BY id LIMIT {}",
                limit,
            )
        )
        rows: list[Row] = outcome.rows
        return rows

    async def _send(self, rows: Sequence[Row]) -> int:
        """Send a batch; returns how many events the broker accepted."""
        batch = _Batch(rows)
        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(min(CONCURRENCY, len(batch.queues))):
                    senders.create_task(self._send_queues(batch))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # all have the same cause: the database
        finally:
            release = len(batch.sent) < BATCH
            await asyncio.shield(self._mark_sent(batch.sent, release=release))
        return len(batch.sent)

    async def _send_queues(self, batch: _Batch) -> None:
        while batch.queues and not batch.stopped:
            for row in batch.queues.popleft():
                if batch.sent and self.lease.needs_renewal() and not await self.lease.acquire():
                    batch.stopped = True
                if batch.stopped:
                    return
                try:
                    accepted = await self._post(row)
                except BrokerUnavailable as error:
                    batch.stopped = True
                    logger.warning("%s; events wait", error)
                    return
                if not accepted:
                    # Later events of the subject must not overtake it.
                    batch.rejected += 1
                    batch.stopped = batch.stopped or batch.rejected >= CONCURRENCY
                    break
                batch.sent.append(row["id"])

    async def _post(self, row: Row) -> bool:
        """Whether the broker accepted the event. Raises `BrokerUnavailable`."""
        event = to_event(row)
        headers, body = cloudevents.write(self.secret.sign(event))
        with send_span(event) as recorded:
            headers |= trace_headers(event)
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    if self.http is None:
                        status = await self.http_sender.post(self.sink, headers, body)
                    else:
                        answer = await self.http.post(self.sink, content=body, headers=headers)
                        status = answer.status_code
            except Exception as error:
                # Any error of the transport: the event stays unsent.
                self.metrics.send_failures.inc()
                raise BrokerUnavailable(
                    f"the broker cannot be reached ({type(error).__name__})"
                ) from error
            recorded.set("http.response.status_code", status)
            if status != HTTPStatus.ACCEPTED:
                self.metrics.send_failures.inc()
                recorded.fail(str(status))
        if status in _EVENT_REJECTED:
            logger.warning(
                "the broker answered %d to event %s; it stays in the outbox",
                status,
                row["event_id"],
            )
            return False
        if status != HTTPStatus.ACCEPTED:
            raise BrokerUnavailable(f"the broker answered {status} to event {row['event_id']}")
        return True

    async def _mark_sent(self, sent: Sequence[int], *, release: bool) -> None:
        """Mark rows as sent and, with `release`, release the lease in the same transaction."""
        await _mark(self.database, sent, self.lease if release else None, now=self.clock())
        self.metrics.events_sent.inc(len(sent))

    async def measure(self) -> Backlog:
        """The backlog, which the gauges are set to."""
        outcome = await self.database.execute(
            QueryString(
                "SELECT COUNT(*) AS waiting, MIN(id) AS first FROM outbox WHERE sent_at IS NULL"
            )
        )
        row = outcome.rows[0]
        age = 0.0
        if row["first"] is not None:
            oldest = await self.database.execute(
                QueryString("SELECT created_at FROM outbox WHERE id = {}", row["first"])
            )
            if oldest.rows:
                age = (self.clock() - oldest.rows[0]["created_at"]).total_seconds()
        backlog = Backlog(row["waiting"], max(0.0, age))
        self.metrics.outbox_unsent.set(backlog.unsent)
        self.metrics.outbox_age.set(backlog.oldest_seconds)
        return backlog


@transactional
async def _mark(
    database: Database, sent: Sequence[int], released: Lease | None, *, now: datetime
) -> None:
    if sent:
        await database.execute(
            QueryString("UPDATE outbox SET sent_at = {} WHERE {}", now, is_in("id", sent))
        )
    if released is not None:
        await released.release()


@transactional
async def purge(database: Database, *, clock: Clock) -> None:
    """Delete sent events that are older than `RETENTION`, and move the feeds' beginnings."""
    before = clock() - RETENTION
    oldest = await database.execute(
        QueryString("SELECT created_at FROM outbox ORDER BY id LIMIT 1")
    )
    if not oldest.rows or oldest.rows[0]["created_at"] >= before:
        return  # the primary key alone answers this, and it is asked every few seconds
    ends = await database.execute(
        QueryString(
            "SELECT source, MAX(sequence) AS last FROM outbox"
            " WHERE created_at < {} AND sent_at IS NOT NULL GROUP BY source",
            before,
        )
    )
    for row in ends.rows:
        await database.execute(
            QueryString(
                "UPDATE outbox_streams SET floor = {} WHERE source = {} AND floor < {}",
                row["last"],
                row["source"],
                row["last"],
            )
        )
        await database.execute(
            QueryString(
                "DELETE FROM outbox WHERE source = {} AND sequence <= {}",
                row["source"],
                row["last"],
            )
        )

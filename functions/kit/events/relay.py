"""The relay: sends the outbox's rows to the broker, each subject's in order, at least once.

Of all processes on one database the one that holds the lease sends, several events at a time; a row
is marked sent only after the broker's 202. It runs right after a commit, at start, on shutdown, and
when a PingSource pokes it, so a service that sleeps at zero still empties its outbox. Who missed an
event all the same reads it in `streams.py`.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.base.settings import Secret
from functions.kit.base.telemetry import Metrics
from functions.kit.data.database import Database, Row, is_in, transactional
from functions.kit.data.outages import Outages
from functions.kit.events import cloudevents
from functions.kit.events.http_sender import HttpSender
from functions.kit.events.internal_secret import InternalSecret
from functions.kit.events.lease import Lease
from functions.kit.events.outbox import to_event
from functions.kit.events.sequencer import BATCH, assign_all_sequences

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

SEND_TIMEOUT = 5.0
"""Seconds; the broker's ingress has no limit of its own and hangs under a memory alarm. Half of
the lease (`lease.py`), which is renewed on the way, so that it outlasts any one event."""
UNDER_WAY = 8
"""Events that are sent at a time: a broker takes milliseconds to write each one down, and these
are shared. As many refusals end a batch."""
RETRY_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)
RETENTION = timedelta(days=30)
"""How long a feed reaches back."""


_OF_ONE_EVENT = frozenset({400, 413, 415, 422})
"""Answers that tell of the event, and not of the broker."""


class BrokerUnavailable(Exception):
    """No event is taken just now, this one or another."""


class _Batch:
    """Rows that are sent side by side, those of one subject one after the other."""

    def __init__(self, rows: Iterable[Row]) -> None:
        lanes: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            lanes.setdefault((row["source"], row["subject"]), []).append(row)
        self.lanes = deque(lanes.values())
        self.sent: list[int] = []
        self.refusals = 0
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
        """`http` is a wire to send over in place of the network, for tests."""
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
        """Something was committed, or somebody asks: look at the outbox now."""
        self._woken.set()

    async def run(self) -> None:
        """Send what comes, for ever; ended by cancelling."""
        failures = 0
        self.notify()
        while True:
            delay = RETRY_DELAYS[min(failures, len(RETRY_DELAYS)) - 1] if failures else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), delay)
            self._woken.clear()
            try:
                done = await self.flush()
            except Exception as error:  # noqa: BLE001 - the relay outlives whatever happens to one round
                self.outages.report("sending events", error)
                done = False
            else:
                self.outages.over("sending events")
            failures = 0 if done else failures + 1

    async def flush(self) -> bool:
        """Number and send all there is; answers whether nothing is left to do."""
        numbered = await assign_all_sequences(self.database, self.sources)
        if not self.sink:
            return True
        complete = True
        while numbered or await self._unsent(limit=1):
            numbered = 0
            if not await self.lease.take():
                return False
            # Read under the lease: what another process has sent by now is not sent again.
            rows = await self._unsent(limit=BATCH)
            sent = await self._send(rows)
            complete = complete and sent == len(rows)
            # What was refused is at the beginning of the next batch too, which may hold more.
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
        """Send a batch; answers how many events the broker took."""
        batch = _Batch(rows)
        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(min(UNDER_WAY, len(batch.lanes))):
                    senders.create_task(self._send_queues(batch))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # of senders that fail, all fail at one database
        finally:
            release = len(batch.sent) < BATCH
            await asyncio.shield(self._settle(batch.sent, release=release))
        return len(batch.sent)

    async def _send_queues(self, batch: _Batch) -> None:
        while batch.lanes and not batch.stopped:
            for row in batch.lanes.popleft():
                if batch.sent and self.lease.is_ageing() and not await self.lease.take():
                    batch.stopped = True
                if batch.stopped:
                    return
                try:
                    taken = await self._post(row)
                except BrokerUnavailable as error:
                    batch.stopped = True
                    logger.warning("%s; events wait", error)
                    return
                if not taken:
                    # Whatever is wrong with this event, the next of its subject waits behind it.
                    batch.refusals += 1
                    batch.stopped = batch.stopped or batch.refusals >= UNDER_WAY
                    break
                batch.sent.append(row["id"])

    async def _post(self, row: Row) -> bool:
        """Whether the broker took the event. Raises `BrokerUnavailable`."""
        headers, body = cloudevents.write(self.secret.sign(to_event(row)))
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self.http is None:
                    status = await self.http_sender.post(self.sink, headers, body)
                else:
                    answer = await self.http.post(self.sink, content=body, headers=headers)
                    status = answer.status_code
        except Exception as error:
            # Whatever the wire raises, the event waits.
            raise BrokerUnavailable(
                f"the broker cannot be reached ({type(error).__name__})"
            ) from error
        if status in _OF_ONE_EVENT:
            logger.warning(
                "the broker answered %d to event %s; it stays in the outbox",
                status,
                row["event_id"],
            )
            return False
        if status != HTTPStatus.ACCEPTED:
            raise BrokerUnavailable(f"the broker answered {status} to event {row['event_id']}")
        return True

    async def _settle(self, sent: Sequence[int], *, release: bool) -> None:
        """Mark what was sent and, where no more follows, let another process have the lease."""
        await _mark(self.database, sent, self.lease if release else None, now=self.clock())
        self.metrics.events_sent.inc(len(sent))

    async def measure(self) -> None:
        """Set the gauges that tell an operator whether events get out."""
        outcome = await self.database.execute(
            QueryString(
                "SELECT COUNT(*) AS waiting, MIN(id) AS first FROM outbox WHERE sent_at IS NULL"
            )
        )
        row = outcome.rows[0]
        self.metrics.outbox_unsent.set(row["waiting"])
        age = 0.0
        if row["first"] is not None:
            oldest = await self.database.execute(
                QueryString("SELECT created_at FROM outbox WHERE id = {}", row["first"])
            )
            if oldest.rows:
                age = (self.clock() - oldest.rows[0]["created_at"]).total_seconds()
        self.metrics.outbox_age.set(max(0.0, age))


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
    """Forget what was sent longer ago than a feed reaches back."""
    before = clock() - RETENTION
    oldest = await database.execute(
        QueryString("SELECT created_at FROM outbox ORDER BY id LIMIT 1")
    )
    if not oldest.rows or oldest.rows[0]["created_at"] >= before:
        return  # found by the key alone: this is asked every few seconds
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

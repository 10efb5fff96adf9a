"""The relay: sends the outbox's rows to the broker, in order, at least once.

Of all processes on one database the one that holds the lease sends; a row is marked sent only
after the broker's 202. It runs right after a commit, at start, on shutdown, and when a PingSource
pokes it, so a service that sleeps at zero still empties its outbox. Who missed an event all the
same reads it in `streams.py`.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from piccolo.querystring import QueryString

from functions.kit import cloudevents
from functions.kit.clock import Clock
from functions.kit.database import Database, Row, is_in, transactional
from functions.kit.numbering import BATCH, number_all
from functions.kit.outbox import to_event
from functions.kit.posting import Poster
from functions.kit.telemetry import Metrics

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
"""How long a killed relay keeps the others waiting."""
SEND_TIMEOUT = 5.0
"""Seconds; the broker's ingress has no limit of its own and hangs under a memory alarm. Half of
the lease, which is renewed on the way, so that it outlasts any one event."""
RETRY_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)
RETENTION = timedelta(days=30)
"""How long a feed reaches back."""


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
    ) -> None:
        """`http` is a wire to send over in place of the network, for tests."""
        self.database = database
        self.sink = sink
        self.sources = tuple(sources)
        self.clock = clock
        self.metrics = metrics
        self.http = http
        self.poster = Poster()
        self.holder = str(uuid.uuid4())
        self._woken = asyncio.Event()
        self._leased_at = 0.0

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
            except Exception:  # the relay outlives whatever happens to one round
                logger.exception("the relay failed; it tries again")
                done = False
            failures = 0 if done else failures + 1

    async def flush(self) -> bool:
        """Number and send all there is; answers whether nothing is left to do."""
        numbered = await number_all(self.database, self.sources)
        if not self.sink:
            return True
        while numbered or await self._unsent(limit=1):
            numbered = 0
            if not await self._take_lease():
                return False
            # Read under the lease: what another process has sent by now is not sent again.
            if not await self._send(await self._unsent(limit=BATCH)):
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

    async def _send(self, rows: Sequence[Row]) -> bool:
        """Send a batch in order, and stop at the first event that the broker does not take."""
        sent: list[int] = []
        try:
            for row in rows:
                if sent and self._lease_is_ageing() and not await self._take_lease():
                    return False
                if not await self._post(row):
                    return False
                sent.append(row["id"])
        finally:
            await asyncio.shield(self._settle(sent, release=len(sent) < BATCH))
        return True

    async def _post(self, row: Row) -> bool:
        headers, body = cloudevents.write(to_event(row))
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self.http is None:
                    status = await self.poster.post(self.sink, headers, body)
                else:
                    answer = await self.http.post(self.sink, content=body, headers=headers)
                    status = answer.status_code
        except Exception as error:  # noqa: BLE001 - whatever the wire raises, the event waits
            logger.warning("the broker cannot be reached (%s); events wait", type(error).__name__)
            return False
        if status != HTTPStatus.ACCEPTED:
            logger.warning(
                "the broker answered %d to event %s; it stays in the outbox",
                status,
                row["event_id"],
            )
            return False
        return True

    async def _settle(self, sent: Sequence[int], *, release: bool) -> None:
        """Mark what was sent and, where no more follows, let another process have the lease."""
        await _mark(self.database, sent, self.holder if release else None, now=self.clock())
        self.metrics.events_sent.inc(len(sent))

    async def _take_lease(self) -> bool:
        """Hold the lease for another `LEASE`, or find that another process does."""
        self._leased_at = time.monotonic()
        if await self._extend_lease():
            return True
        await self.database.execute(
            QueryString(
                "INSERT INTO outbox_lease (name, holder, expires_at) VALUES ('relay', '', 0)"
                " ON CONFLICT (name) DO NOTHING"
            )
        )
        return await self._extend_lease()

    async def _extend_lease(self) -> bool:
        now = int(self.clock().timestamp() * 1000)
        lease = int(LEASE.total_seconds() * 1000)
        # One that ends later than a lease can was taken by a clock that has been put back since.
        taken = await self.database.execute(
            QueryString(
                "UPDATE outbox_lease SET holder = {}, expires_at = {}"
                " WHERE name = 'relay' AND (holder = {} OR expires_at < {} OR expires_at > {})",
                self.holder,
                now + lease,
                self.holder,
                now,
                now + 2 * lease,
            )
        )
        return bool(taken.rowcount)

    def _lease_is_ageing(self) -> bool:
        return time.monotonic() - self._leased_at > LEASE.total_seconds() / 4

    async def release(self) -> None:
        """Give the lease back, so that another process need not wait for it to run out."""
        await _mark(self.database, (), self.holder, now=self.clock())

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
    database: Database, sent: Sequence[int], released_by: str | None, *, now: datetime
) -> None:
    if sent:
        await database.execute(
            QueryString("UPDATE outbox SET sent_at = {} WHERE {}", now, is_in("id", sent))
        )
    if released_by is not None:
        await database.execute(
            QueryString("UPDATE outbox_lease SET expires_at = 0 WHERE holder = {}", released_by)
        )


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

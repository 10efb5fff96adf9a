"""The relay: contiguous numbers, subjects in order, at least once, one process at a time."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.background import StoppableTask
from functions.kit.base.clock import utc_now
from functions.kit.base.errors import Unavailable
from functions.kit.base.metrics import Metrics
from functions.kit.data.database import Database, transactional
from functions.kit.events import cloudevents, lease, relay
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import NewEvent, Outbox
from functions.kit.events.relay import Relay
from functions.kit.events.sequencer import BATCH, assign_sequences
from tests.kit import sample
from tests.support.clock import FakeClock

ROOT = Path(__file__).parents[3]
SINK = "http://broker.test/"

Answer = Callable[[httpx.Request], Any]


class Broker:
    """A sink with scripted responses, which records the accepted events."""

    def __init__(self) -> None:
        self.taken: list[Event] = []
        self.answer: Answer = lambda request: httpx.Response(202)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answer(request)
        response: httpx.Response = await answer if asyncio.iscoroutine(answer) else answer
        if response.status_code == 202:
            self.taken.append(cloudevents.read(request.headers, request.content))
        return response

    @property
    def sequences(self) -> list[int | None]:
        return [event.sequence for event in self.taken]

    @property
    def sequences_of_subjects(self) -> list[list[int | None]]:
        """The events by subject, in the order of arrival; subjects in the order of their names."""
        subjects = sorted({event.subject for event in self.taken})
        return [
            [event.sequence for event in self.taken if event.subject == subject]
            for subject in subjects
        ]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def make_relay(database: Database, clock: FakeClock, broker: Broker) -> Callable[..., Relay]:
    def make(sink: str = SINK) -> Relay:
        http = httpx.AsyncClient(transport=httpx.MockTransport(broker))
        return Relay(database, sink, [sample.NOTES], clock=clock, metrics=Metrics(), http=http)

    return make


@transactional
async def tell(
    database: Database, outbox: Outbox, count: int, start: int = 0, *, subject: str | None = None
) -> None:
    """Events of different subjects, or of one subject."""
    messages = [sample.note_written(number, "a") for number in range(start, start + count)]
    if subject is not None:
        messages = [msgspec.structs.replace(message, subject=subject) for message in messages]
    await outbox.add(database, *messages)


async def unsent(database: Database) -> int:
    outcome = await database.execute(
        QueryString("SELECT COUNT(*) AS n FROM outbox WHERE sent_at IS NULL")
    )
    count: int = outcome.rows[0]["n"]
    return count


@pytest.mark.parametrize("renewed", [False, True], ids=["one lease", "a lease each time"])
async def test_events_are_sent_in_order_and_once(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
    renewed: bool,
) -> None:
    """Numbered from 1 without a gap, also over several batches; each subject's in order.

    Events of different subjects are sent side by side, and overtake each other where one of them
    is held up: by the broker, or by the renewal of the lease.
    """
    if renewed:
        monkeypatch.setattr(lease.Lease, "needs_renewal", lambda lease: True)
    subjects = 7
    for _ in range(BATCH // subjects + 1):
        await tell(database, outbox, subjects)
    sender = make_relay()
    flushed = [await sender.flush(), await sender.flush()]

    assert flushed == [True, True]
    assert broker.sequences_of_subjects == [
        list(range(first, len(broker.taken) + 1, subjects)) for first in range(1, subjects + 1)
    ]
    assert len(broker.taken) > BATCH
    assert await unsent(database) == 0


async def test_the_relay_goes_on_after_a_renewal_that_failed(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database was away for a moment, between two events."""
    await tell(database, outbox, 20)
    acquire = lease.Lease.acquire
    outages = iter([True, True])

    async def renew(self: lease.Lease) -> bool:
        if bool(broker.taken) and next(outages, False):
            raise Unavailable("the database is away")
        return await acquire(self)

    monkeypatch.setattr(lease.Lease, "acquire", renew)
    monkeypatch.setattr(lease.Lease, "needs_renewal", lambda lease: True)
    monkeypatch.setattr(relay, "RETRY_DELAYS", (0.0,))
    sender = make_relay()
    running = StoppableTask(sender.run(), name="relay")
    async with asyncio.timeout(60):
        while await unsent(database):
            pass
    await asyncio.wait([running.stop()])

    assert not next(outages, False)
    assert {event.sequence for event in broker.taken} == set(range(1, 21))


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 413, 429, 500, 503])
async def test_only_202_marks_an_event_as_sent(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    status: int,
) -> None:
    """After any other status the event stays in the outbox, and its subject's later events wait."""
    await tell(database, outbox, 3, subject="note/1")
    answers = iter([202, status])
    broker.answer = lambda request: httpx.Response(next(answers))
    done = await make_relay().flush()

    assert (done, broker.sequences, await unsent(database)) == (False, [1], 2)

    broker.answer = lambda request: httpx.Response(202)
    await make_relay().flush()

    assert broker.sequences == [1, 2, 3]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_an_event_that_is_refused_holds_up_its_own_subject_alone(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    status: int,
) -> None:
    """Also when it is at the beginning of every batch."""
    await tell(database, outbox, BATCH + 5)

    def refuse_the_first(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status if request.headers["ce-subject"] == "note/0" else 202)

    broker.answer = refuse_the_first
    done = await make_relay().flush()

    assert not done
    assert sorted(each or 0 for each in broker.sequences) == list(range(2, BATCH + 6))
    assert await unsent(database) == 1


async def test_a_broker_that_refuses_everything_is_not_asked_for_every_event(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """Only as many events are sent as may be in flight; the others wait for the next round."""
    await tell(database, outbox, 50)
    asked = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["ce-subject"])
        return httpx.Response(400)

    broker.answer = refuse

    assert not await make_relay().flush()
    assert len(set(asked)) == len(asked) <= 2 * relay.CONCURRENCY
    assert await unsent(database) == 50


async def test_subjects_are_sent_concurrently_and_each_in_order(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """A slow broker gets several events at the same time."""
    await tell(database, outbox, 3, subject="note/1")
    await tell(database, outbox, 20, start=2)
    under_way: list[str] = []
    most, twice = [0], [0]
    full, go_on = asyncio.Event(), asyncio.Event()

    async def wait(subject: str) -> httpx.Response:
        under_way.append(subject)
        most[0] = max(most[0], len(under_way))
        twice[0] = max(twice[0], under_way.count("note/1"))
        if len(under_way) == relay.CONCURRENCY:
            full.set()
        await go_on.wait()
        under_way.remove(subject)
        return httpx.Response(202)

    broker.answer = lambda request: wait(request.headers["ce-subject"])
    flushing = asyncio.create_task(make_relay().flush())
    await full.wait()
    go_on.set()

    assert await flushing
    assert (most[0], twice[0], len(broker.taken)) == (relay.CONCURRENCY, 1, 23)
    assert [event.sequence for event in broker.taken if event.subject == "note/1"] == [1, 2, 3]


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
async def test_a_broker_that_cannot_be_reached_loses_nothing(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    error: type[httpx.HTTPError],
) -> None:
    """Also where it had accepted the event before the connection broke."""
    await tell(database, outbox, 2)

    def fail(request: httpx.Request) -> httpx.Response:
        raise error("no")

    broker.answer = fail
    assert not await make_relay().flush()
    broker.answer = lambda request: httpx.Response(202)
    assert await make_relay().flush()
    assert sorted(each or 0 for each in broker.sequences) == [1, 2]


async def test_a_broker_that_hangs_is_given_up(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RabbitMQ's ingress waits without a limit during a memory alarm."""
    monkeypatch.setattr(relay, "SEND_TIMEOUT", 0.01)
    await tell(database, outbox, 1)

    async def hang() -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    broker.answer = lambda request: hang()

    assert not await make_relay().flush()
    assert await unsent(database) == 1


async def test_what_was_sent_is_marked_when_the_relay_is_cancelled(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """In the middle of a batch. The next relay continues after it."""
    await tell(database, outbox, 3, subject="note/1")
    hanging = asyncio.Event()

    async def hang() -> httpx.Response:
        hanging.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    broker.answer = lambda request: hang() if broker.taken else httpx.Response(202)
    task = asyncio.create_task(make_relay().flush())
    await hanging.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    broker.answer = lambda request: httpx.Response(202)
    await make_relay().flush()

    assert broker.sequences == [1, 2, 3]


async def test_of_two_relays_one_sends(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """The one that holds the lease. The other one retries later."""
    await tell(database, outbox, 3)
    sending, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> httpx.Response:
        sending.set()
        await go_on.wait()
        return httpx.Response(202)

    broker.answer = lambda request: wait()
    first = asyncio.create_task(make_relay().flush())
    await sending.wait()
    second = await make_relay().flush()
    go_on.set()

    assert (await first, second) == (True, False)
    assert sorted(each or 0 for each in broker.sequences) == [1, 2, 3]


async def test_a_lease_is_free_as_soon_as_the_outbox_is_empty(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """Another process that commits next can send at once."""
    first, second = make_relay(), make_relay()
    for number, sender in enumerate([first, second, first]):
        await tell(database, outbox, 1, number)
        assert await sender.flush()

    assert broker.sequences == [1, 2, 3]


async def test_a_lease_is_free_when_its_holder_cannot_send(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """Another process may be able to reach the broker."""
    await tell(database, outbox, 1)
    broker.answer = lambda request: httpx.Response(503)
    first = await make_relay().flush()
    broker.answer = lambda request: httpx.Response(202)

    assert (first, await make_relay().flush()) == (False, True)


async def test_the_lease_of_a_killed_relay_runs_out(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    clock: FakeClock,
) -> None:
    """Until then no other relay sends; afterwards any can."""
    await tell(database, outbox, 1)
    await make_relay().lease.acquire()
    waiting = await make_relay().flush()
    clock.advance(seconds=lease.LEASE.total_seconds() + 0.001)

    assert (waiting, await make_relay().flush()) == (False, True)
    assert broker.sequences == [1]


async def test_a_relay_that_lost_its_lease_stops(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of a slow batch. It marks the events that it has sent."""
    await tell(database, outbox, 3, subject="note/1")
    first, second = make_relay(), make_relay()
    monkeypatch.setattr(first.lease, "needs_renewal", lambda: True)

    async def slow() -> httpx.Response:
        clock.advance(seconds=60)
        assert await second.lease.acquire()
        return httpx.Response(202)

    broker.answer = lambda request: slow()

    assert not await first.flush()
    assert (broker.sequences, await unsent(database)) == ([1], 2)


async def test_concurrent_processes_assign_contiguous_sequences(
    database: Database, outbox: Outbox
) -> None:
    """Relays and readers of the feed assign sequences at the same time."""
    await tell(database, outbox, 30)
    numbered = await asyncio.gather(*(assign_sequences(database, [sample.NOTES]) for _ in range(8)))
    outcome = await database.execute(QueryString("SELECT sequence FROM outbox ORDER BY id"))

    assert sum(numbered) == 30
    assert [row["sequence"] for row in outcome.rows] == list(range(1, 31))


async def test_a_row_of_an_unknown_source_does_not_block_others(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """It stays in the outbox, and in the metrics of waiting events."""
    async with database.transaction():
        await outbox.add(
            database, NewEvent(source="/nobody", type="t", subject="s", revision=1, data=None)
        )
    await tell(database, outbox, 1)

    assert await make_relay().flush()
    assert (broker.sequences, await unsent(database)) == ([1], 1)


async def test_without_a_sink_events_are_numbered_and_wait(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """Consumers read them from the feed."""
    await tell(database, outbox, 2)

    assert await make_relay(sink="").flush()
    assert (broker.taken, await unsent(database)) == ([], 2)


async def test_the_running_relay_sends_what_is_committed(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], broker: Broker
) -> None:
    """The outbox wakes it, and it continues after a failure of the broker."""
    arrived = asyncio.Event()
    answers = iter([500])

    def answer(request: httpx.Request) -> httpx.Response:
        status = next(answers, 202)
        if status == 202:
            arrived.set()
        return httpx.Response(status)

    broker.answer = answer
    sender = make_relay()
    outbox.wake = sender.notify
    task = asyncio.create_task(sender.run())
    await tell(database, outbox, 1)
    await asyncio.wait_for(arrived.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert broker.sequences == [1]


async def test_sent_events_are_forgotten_after_a_month(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], clock: FakeClock
) -> None:
    """The feed states its first sequence. Events that were never sent stay."""
    await tell(database, outbox, 2)
    await make_relay().flush()
    await tell(database, outbox, 1, 2)
    await assign_sequences(database, [sample.NOTES])
    clock.advance(days=31)
    await relay.purge(database, clock=clock)
    rows = await database.execute(QueryString("SELECT sequence FROM outbox"))
    ends = await database.execute(QueryString("SELECT head, floor FROM outbox_streams"))

    assert [row["sequence"] for row in rows.rows] == [3]
    assert ends.rows == [{"head": 3, "floor": 2}]


async def test_unsent_events_are_measured(
    database: Database, outbox: Outbox, make_relay: Callable[..., Relay], clock: FakeClock
) -> None:
    """Their number, and the age of the oldest."""
    await tell(database, outbox, 2)
    clock.advance(seconds=90)
    sender = make_relay()
    await sender.measure()

    assert b"outbox_unsent_events 2.0" in sender.metrics.exposition()
    assert b"outbox_oldest_unsent_seconds 90.0" in sender.metrics.exposition()


KILLED_AFTER_202 = """
import asyncio, os, sys
import httpx
import msgspec
from functions.kit.base.clock import utc_now
from functions.kit.data.engines import connect
from functions.kit.events.relay import Relay
from functions.kit.base.metrics import Metrics
from tests.kit import sample

def answer(request):
    print(request.headers["ce-sequence"], flush=True)
    return httpx.Response(202)

class Killed(Relay):
    async def _mark_sent(self, sent, *, release):
        os.kill(os.getpid(), 9)

async def main():
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    relay = Killed(connect(sys.argv[1]), "http://broker.test", [sample.NOTES],
                   clock=utc_now, metrics=Metrics(), http=http)
    await relay.flush()

asyncio.run(main())
"""


async def test_a_kill_between_202_and_the_mark_sends_again(
    database: Database,
    outbox: Outbox,
    make_relay: Callable[..., Relay],
    broker: Broker,
    clock: FakeClock,
    database_url: str,
) -> None:
    """The events keep their ids, so the consumer's inbox finds the duplicates."""
    await tell(database, outbox, 2)
    command = [sys.executable, "-c", KILLED_AFTER_202, database_url]
    killed = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    clock.now = utc_now() + 6 * lease.LEASE  # the killed one held it by the system's clock
    await make_relay().flush()

    assert (killed.returncode, [int(line) for line in killed.stdout.split()]) == (-9, [1, 2])
    assert broker.sequences == [1, 2]

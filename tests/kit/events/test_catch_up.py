"""A consumer reads missing events from a real owner's feed or snapshot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.errors import Unavailable
from functions.kit.base.metrics import Metrics
from functions.kit.base.telemetry import current_traceparent, trace_id
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.events import catch_up, cloudevents, inbox, relay, stream_reads
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import digest_of
from functions.kit.events.feed_client import CatchUpFailed
from functions.kit.events.subscriptions import Projection, Stream, Subscriptions
from tests.kit import sample
from tests.kit.events.owner import Behave, Owner, unreachable
from tests.kit.sample import THING_CHANGED, THINGS
from tests.support.clock import FakeClock


@pytest.fixture
def reader(database: Database, owner: Owner, clock: FakeClock) -> CatchUp:
    return CatchUp(
        database,
        sample.subscriptions(),
        {"other": sample.OWNER},
        clock=clock,
        metrics=Metrics(),
        http=httpx.AsyncClient(transport=httpx.MockTransport(owner)),
    )


async def test_what_was_never_delivered_is_read(
    database: Database, owner: Owner, reader: CatchUp
) -> None:
    """The first read starts at the beginning; the next one reads only new events, in order."""
    await owner.change(1, "a", 1)
    await owner.change(1, "b", 2)
    first = await reader.read(THINGS)
    await owner.change(2, "c", 1)
    second = await reader.read(THINGS)

    assert (first, second) == (2, 1)
    assert await sample.things(database) == {1: ("b", 2, 2), 2: ("c", 1, 1)}


async def test_a_read_is_recorded_for_operators(
    database: Database, owner: Owner, reader: CatchUp, clock: FakeClock
) -> None:
    """The owner's head, the gap that was closed, and the failure of an owner that is away."""
    for revision in (1, 2, 3):
        await owner.change(1, f"v{revision}", revision)
    last = (await owner.feed())[-1]
    await reader.subscriptions.consume(database, last, clock=clock)
    await reader.read(THINGS)
    read = (await stream_reads.read(database))[THINGS.source]
    owner.behave = unreachable
    with pytest.raises(CatchUpFailed):
        await reader.read(THINGS)
    failed = (await stream_reads.read(database))[THINGS.source]

    assert (read["head"], read["contacted_at"], read["failure"]) == (3, clock(), None)
    assert (read["gaps_seen"], read["gaps_repaired"], read["events_read"]) == (1, 1, 2)
    assert failed["failed_at"] == clock()
    assert failed["failure"].endswith("ConnectError")


async def test_a_gap_is_closed(
    database: Database, owner: Owner, reader: CatchUp, clock: FakeClock
) -> None:
    """An event beyond the gap, which was delivered before, has no second effect."""
    for revision in (1, 2, 3):
        await owner.change(1, f"label {revision}", revision)
    page = await owner.client.get("/internal/streams/things?after=2")
    (third,) = cloudevents.read_batch(page.content)
    taken = await reader.subscriptions.consume(database, third, clock=clock)
    await reader.read(THINGS)

    assert taken.position is not None
    assert taken.position.gap
    assert await inbox.position(database, THINGS.source) == 3
    assert await sample.things(database) == {1: ("label 3", 3, 1)}


async def test_a_long_stream_is_read_in_pages(
    database: Database, owner: Owner, reader: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read continues to the end of the stream."""
    monkeypatch.setattr(catch_up, "PAGE", 4)
    for revision in range(1, 11):
        await owner.change(1, "a", revision)

    assert await reader.read(THINGS) == 10
    assert len(owner.asked) == 3


async def test_two_readers_at_once_change_nothing_twice(
    database: Database, owner: Owner, reader: CatchUp
) -> None:
    """Two processes of the consumer on one database."""
    for revision in range(1, 11):
        await owner.change(1, "a", revision)
    effective = await asyncio.gather(*(reader.read(THINGS) for _ in range(3)))

    assert sum(effective) == 10
    assert await inbox.position(database, THINGS.source) == 10


async def test_a_feed_that_does_not_reach_back_is_replaced_by_the_snapshot(
    database: Database, owner: Owner, reader: CatchUp, clock: FakeClock
) -> None:
    """Reading continues from the snapshot's sequence."""
    await owner.change(1, "a", 1)
    await owner.change(2, "b", 1)
    await owner.client.get("/internal/streams/things")
    await relay._mark(owner.database, [1, 2], None, now=clock())
    clock.advance(days=31)
    await relay.purge(owner.database, clock=clock)
    restored = await reader.read(THINGS)
    await owner.change(2, "c", 2)
    read = await reader.read(THINGS)

    assert (restored, read) == (2, 1)
    assert await sample.things(database) == {1: ("a", 1, 1), 2: ("c", 2, 2)}


async def test_an_owner_that_was_restored_from_a_backup_is_read_again(
    database: Database, owner: Owner, reader: CatchUp, clock: FakeClock
) -> None:
    """Its sequences start again, and its new events are not taken for the old ones with these
    numbers."""
    await inbox.reset(database, THINGS.source, 50, clock=clock)
    await owner.change(1, "a", 1)
    await reader.read(THINGS)
    await owner.change(1, "b", 2)
    await reader.read(THINGS)

    assert await inbox.position(database, THINGS.source) == 2
    assert await sample.things(database) == {1: ("b", 2, 2)}


async def test_an_event_whose_handler_fails_does_not_block_others(
    database: Database, owner: Owner, reader: CatchUp
) -> None:
    """It stays unread, and is tried again when a corrected handler runs."""
    await owner.change(1, "poison", 1)
    await owner.change(2, "b", 1)
    with pytest.raises(CatchUpFailed, match="1 events failed"):
        await reader.read(THINGS)

    assert await sample.things(database) == {2: ("b", 1, 1)}
    assert await inbox.position(database, THINGS.source) == 0

    await owner.database.execute(
        QueryString("UPDATE outbox SET data = {} WHERE id = 1", '{"thing_id":1,"label":"a"}')
    )
    await reader.read(THINGS)

    assert await inbox.position(database, THINGS.source) == 2


async def test_a_state_whose_handler_fails_does_not_block_others(
    database: Database, owner: Owner, reader: CatchUp
) -> None:
    """In a snapshot. The position stays, so the snapshot is read again."""
    await owner.change(1, "poison", 1)
    await owner.change(2, "b", 1)
    with pytest.raises(CatchUpFailed, match="1 states"):
        await reader.restore(THINGS)

    assert await sample.things(database) == {2: ("b", 1, 1)}
    assert await inbox.position(database, THINGS.source) == 0


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503),
        httpx.Response(404),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'[{"id": "x"}]'),
    ],
)
async def test_an_owner_with_malformed_answers_is_retried(
    reader: CatchUp, owner: Owner, response: httpx.Response
) -> None:
    """No event is consumed from such an answer."""
    owner.behave = lambda request: response

    with pytest.raises(CatchUpFailed):
        await reader.read(THINGS)


async def test_an_unreachable_owner_is_retried(reader: CatchUp, owner: Owner) -> None:
    """It is at zero, or does not exist any more."""
    owner.behave = unreachable

    with pytest.raises(CatchUpFailed):
        await reader.read(THINGS)


@pytest.mark.parametrize("keep", [0, 1, 2, -1])
async def test_a_snapshot_that_is_cut_does_not_move_the_position(
    database: Database, owner: Owner, reader: CatchUp, keep: int
) -> None:
    """The states before the cut are applied, because each is a state that the owner had."""
    await owner.change(1, "a", 1)
    await owner.change(2, "b", 1)
    whole = (await owner.client.get("/internal/snapshots/things")).content
    lines = whole.splitlines(keepends=True)
    owner.behave = lambda request: httpx.Response(200, content=b"".join(lines[:keep]))

    with pytest.raises(CatchUpFailed):
        await reader.restore(THINGS)
    assert await inbox.position(database, THINGS.source) == 0


async def test_a_text_with_line_separators_survives_the_snapshot(
    database: Database, owner: Owner, reader: CatchUp
) -> None:
    """A snapshot has one state per line, and a title may contain characters that some parsers read
    as the end of a line."""
    label = "a\u2028b\u2029c\x85d\ne"
    await owner.change(1, label, 1)
    await reader.restore(THINGS)

    assert await sample.things(database) == {1: (label, 1, 1)}


async def test_an_effect_belongs_to_the_trace_of_its_event(
    database: Database, owner: Owner, reader: CatchUp, clock: FakeClock
) -> None:
    """An event that the handler writes belongs to the trace of the purchase that caused it."""
    seen: list[str | None] = []

    async def look(database: Database, event: Event, state: sample.ThingState) -> None:
        seen.append(trace_id(current_traceparent.get()))

    reader.subscriptions = Subscriptions(THINGS)
    reader.subscriptions.on(THING_CHANGED, sample.ThingState)(look)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    token = current_traceparent.set(f"00-{trace}-00f067aa0ba902b7-01")
    await owner.change(1, "a", 1)
    current_traceparent.reset(token)
    await reader.read(THINGS)

    assert seen == [trace]
    assert current_traceparent.get() is None


async def test_a_gap_that_is_seen_during_a_read_is_read_afterwards(
    reader: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notice during a read causes another read."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)
    reads = 0
    twice = asyncio.Event()

    async def read(stream: object) -> int:
        nonlocal reads
        reads += 1
        if reads == 1:
            reader.notify(THINGS.source)
        else:
            twice.set()
        return 0

    monkeypatch.setattr(reader, "read", read)
    task = asyncio.create_task(reader.run())
    await asyncio.wait_for(twice.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert reads == 2


async def test_the_running_reader_tries_again_until_the_owner_is_back(
    database: Database, owner: Owner, reader: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At start it reads everything; a failure does not end it."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)
    monkeypatch.setattr(catch_up, "RETRY_DELAYS", (0.001,))
    await owner.change(1, "a", 1)
    answers = iter([httpx.Response(503), httpx.Response(200, content=b"?")])
    owner.behave = lambda request: next(answers, None)
    done = asyncio.Event()
    original = reader.read

    async def read(stream: Stream) -> int:
        count = await original(stream)
        done.set()
        return count

    monkeypatch.setattr(reader, "read", read)
    task = asyncio.create_task(reader.run())
    await asyncio.wait_for(done.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await sample.things(database) == {1: ("a", 1, 1)}


async def test_a_database_that_is_away_ends_the_read(
    owner: Owner, reader: CatchUp, tmp_path: Path
) -> None:
    """The whole read is retried, and no event is quarantined."""
    (tmp_path / "file").write_text("not a folder")
    await owner.change(1, "a", 1)
    reader.database = connect(f"sqlite:///{tmp_path}/file/away.db")

    with pytest.raises(Exception, match="unable to open"):
        await reader.read(THINGS)


OTHERS = Stream(source="/other/others", owner="away", name="others")


def two_streams(
    database: Database, owner: Owner, clock: FakeClock, away: Behave, **options: Any
) -> CatchUp:
    """A reader of the owner's stream and of another one, whose owner responds by `away`."""
    subscriptions = Subscriptions(OTHERS, THINGS)
    subscriptions.on(THING_CHANGED, sample.ThingState)(sample.record_thing)

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host != "away.test":
            return await owner(request)
        if (response := away(request)) is None:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")
        return response

    return CatchUp(
        database,
        subscriptions,
        {"other": sample.OWNER, "away": "http://away.test"},
        clock=clock,
        metrics=Metrics(),
        http=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        **options,
    )


@asynccontextmanager
async def running(reader: CatchUp) -> AsyncIterator[None]:
    task = asyncio.create_task(reader.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await found():  # noqa: ASYNC110 - nothing announces what is waited for
            await asyncio.sleep(0)


async def test_an_owner_that_hangs_delays_no_other(
    database: Database, owner: Owner, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The streams are read concurrently."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)
    await owner.change(1, "a", 1)
    asked: list[str] = []

    def hang(request: httpx.Request) -> None:
        asked.append(request.url.path)

    async def read() -> bool:
        return bool(asked) and await inbox.position(database, THINGS.source) == 1

    async with running(two_streams(database, owner, clock, hang)):
        await until(read)

    assert asked == ["/internal/streams/others"]


async def test_a_start_reads_only_where_something_is_missing(
    database: Database, owner: Owner, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a broker, one event does not wake the owners of all streams."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)
    asked: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503)

    await inbox.reset(database, OTHERS.source, 7, clock=clock)
    for revision in (1, 2, 3):
        await owner.change(1, f"label {revision}", revision)
    page = await owner.client.get("/internal/streams/things?after=2")
    (third,) = cloudevents.read_batch(page.content)
    reader = two_streams(database, owner, clock, refuse, at_start=False)
    await reader.subscriptions.consume(database, third, clock=clock)

    async def read() -> bool:
        return await inbox.position(database, THINGS.source) == 3

    async with running(reader):
        await until(read)
        asked_by_start = asked[:]
        reader.notify()
        await until(lambda: _true(asked))

    assert asked_by_start == []


async def _true(values: list[str]) -> bool:
    return bool(values)


async def test_streams_are_read_periodically(
    database: Database, owner: Owner, reader: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a broker, a ping or an event."""
    monkeypatch.setattr(catch_up, "GAP_DELAY", 0)
    reader.period = 0.01

    async def stands_at(sequence: int) -> bool:
        return await inbox.position(database, THINGS.source) == sequence

    async with running(reader):
        for number in (1, 2, 3):
            await owner.change(1, "a", number)
            await until(partial(stands_at, number))

    assert await sample.things(database) == {1: ("a", 3, 3)}


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 10.0),
        ({"K_SINK": "http://broker.test"}, 600.0),
        ({"K_SINK": "http://broker.test", "CATCH_UP_SECONDS": "30"}, 30.0),
    ],
)
def test_the_period_is_a_setting(environ: dict[str, str], seconds: float) -> None:
    """Without a broker it is what brings the events."""
    assert sample.settings("", **environ).catch_up_period == seconds


async def test_one_read_confirms_all_events_that_came_before_it(
    reader: CatchUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred unsigned events at once cause two requests to their owner."""
    began, go_on = asyncio.Event(), asyncio.Event()
    reads = 0

    async def read(stream: Stream) -> int:
        nonlocal reads
        reads += 1
        began.set()
        await go_on.wait()
        return 0

    monkeypatch.setattr(reader, "read", read)
    first = asyncio.create_task(reader.confirm(THINGS.source))
    await began.wait()
    others = [asyncio.create_task(reader.confirm(THINGS.source)) for _ in range(99)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)

    assert reads == 2


async def test_an_owner_that_is_away_is_not_asked_for_each_event(
    reader: CatchUp, owner: Owner
) -> None:
    """After a failure, `confirm` fails at once for `CONFIRM_PAUSE`."""
    owner.behave = lambda request: httpx.Response(503)
    for _ in range(20):
        with pytest.raises(Unavailable):
            await reader.confirm(THINGS.source)

    assert len(owner.asked) == 1


async def test_a_projection_ahead_of_its_owner_is_restored(
    database: Database, reader: CatchUp, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """Its revision is one that no event of the owner reaches.

    It is restored once an hour at most.
    """
    digest = digest_of("things", "revision")
    streams = owner.app.state.services.feed.streams
    streams["things"] = streams["things"]._replace(digest=digest)

    async def doubt(database: Database) -> None:
        await database.execute(QueryString("UPDATE things SET revision = 0"))

    async def forget(database: Database) -> None:
        await database.execute(QueryString("DELETE FROM things WHERE revision = 0"))

    reader.subscriptions.projections[THINGS.source] = Projection(doubt, forget, digest)
    await owner.change(1, "a", 1)
    await reader.read(THINGS)
    same = await reader.difference(THINGS)
    poison = QueryString("UPDATE things SET label = 'forged', revision = {}", 2**62)
    await database.execute(poison)
    different = await reader.difference(THINGS)
    (entry,) = reader._readers.values()
    await reader._restore_if_different(entry)
    healed = await sample.things(database)
    await database.execute(poison)
    await reader._restore_if_different(entry)

    assert same is None
    assert different == "at 1 the owner's digest is 1 1, ours is 1 -1"
    assert {thing_id: state[:2] for thing_id, state in healed.items()} == {1: ("a", 1)}
    assert (await sample.things(database))[1][0] == "forged"
    assert [record.levelname for record in caplog.records].count("ERROR") == 2


async def test_an_owner_of_an_older_release_is_not_compared(reader: CatchUp, owner: Owner) -> None:
    """It has no digest. Nothing is compared while events are on their way."""
    digest = digest_of("things", "revision")

    async def nothing(database: Database) -> None: ...

    reader.subscriptions.projections[THINGS.source] = Projection(nothing, nothing, digest)
    await owner.change(1, "a", 1)
    without_digest = await reader.difference(THINGS)
    streams = owner.app.state.services.feed.streams
    streams["things"] = streams["things"]._replace(digest=digest)
    on_its_way = await reader.difference(THINGS)

    assert (without_digest, on_its_way) == (None, None)

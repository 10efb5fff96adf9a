"""The inbox: an event once, and how far a source was read without a gap."""

import random

import pytest

from functions.kit.data.database import Database, transactional
from functions.kit.events import inbox
from functions.kit.events.cloudevents import Event
from functions.kit.events.inbox import Position, ReadCursor
from tests.kit.sample import THINGS, thing_changed
from tests.support.clock import FakeClock

SOURCE = THINGS.source


@transactional
async def receive(database: Database, event: Event, clock: FakeClock) -> Position | None:
    if not await inbox.record(database, event, clock=clock):
        return await inbox.backfill_sequence(database, event)
    return await inbox.advance(database, event.source)


async def receive_all(database: Database, clock: FakeClock, *sequences: int) -> list[Position]:
    found = [await receive(database, thing_changed(number), clock) for number in sequences]
    return [position for position in found if position is not None]


async def test_an_event_is_remembered_once(database: Database, clock: FakeClock) -> None:
    """By its source and id. The same id from another source is another event."""
    first = await receive(database, thing_changed(1), clock)
    copy = await receive(database, thing_changed(1), clock)
    other = await receive(database, thing_changed(1, source="/other/stream"), clock)

    assert (first, copy, other) == (Position(1, 1), None, Position(1, 1))


async def test_a_gap_is_seen_and_closes_by_itself(database: Database, clock: FakeClock) -> None:
    """When the missing event arrives."""
    positions = await receive_all(database, clock, 1, 3, 2, 4)

    assert positions == [Position(1, 1), Position(1, 3), Position(3, 3), Position(4, 4)]
    assert [position.gap for position in positions] == [False, True, False, False]


@pytest.mark.parametrize("seed", range(3))
async def test_the_position_does_not_depend_on_the_order(
    database: Database, clock: FakeClock, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more events are behind a gap than one query reads."""
    monkeypatch.setattr(inbox, "_WINDOW", 7)
    sequences = list(range(1, 41))
    random.Random(seed).shuffle(sequences)
    positions = await receive_all(database, clock, *sequences)

    assert positions[-1] == Position(40, 40)
    assert all(position.gap == (position.seen > position.contiguous) for position in positions)


async def test_a_snapshot_moves_the_position_on(database: Database, clock: FakeClock) -> None:
    """To its sequence, or beyond, over events that had arrived before."""
    await receive_all(database, clock, 1, 11, 12)

    assert await inbox.reset(database, SOURCE, 10, clock=clock) == Position(12, 12)
    assert await inbox.position(database, SOURCE) == 12


async def test_a_snapshot_of_a_restored_owner_moves_it_back(
    database: Database, clock: FakeClock
) -> None:
    """Later sequences are assigned again, to other events, which are then processed."""
    await receive_all(database, clock, 1, 2, 3, 5)
    await inbox.mark_stale(database, SOURCE)

    assert await inbox.reset(database, SOURCE, 2, clock=clock) == Position(2, 2)
    again = thing_changed(3, id="another-event")
    assert await receive(database, again, clock) == Position(3, 3)


async def test_the_sequence_of_a_known_event_is_backfilled(
    database: Database, clock: FakeClock
) -> None:
    """An event that arrived during an older snapshot would otherwise leave a permanent gap."""
    await receive_all(database, clock, 1, 2, 3)
    await inbox.mark_stale(database, SOURCE)
    await inbox.reset(database, SOURCE, 2, clock=clock)
    seen_again = [await receive(database, thing_changed(3), clock) for _ in range(2)]

    assert seen_again == [Position(3, 3), None]


async def test_old_events_are_purged(database: Database, clock: FakeClock) -> None:
    """Events beyond a gap are kept, because the position needs them when the gap closes."""
    await receive_all(database, clock, 1, 2, 4)
    clock.advance(days=36)
    await inbox.purge(database, clock=clock)

    assert await receive_all(database, clock, 3) == [Position(4, 4)]
    assert await receive(database, thing_changed(4), clock) is None


async def test_a_source_that_was_never_read_stands_at_zero(database: Database) -> None:
    """Reading starts at the beginning of the stream."""
    assert await inbox.position(database, SOURCE) == 0


async def test_a_reader_says_which_event_it_stands_at(database: Database, clock: FakeClock) -> None:
    """Of two events with one sequence it is the older one."""
    await receive_all(database, clock, 1, 2)
    second = await inbox.read_cursor(database, SOURCE)
    await inbox.mark_stale(database, SOURCE)
    doubtful = await inbox.read_cursor(database, SOURCE)
    await inbox.reset(database, SOURCE, 7, "event-7", clock=clock)

    assert second == ReadCursor(2, "event-2", 2)
    assert (doubtful.contiguous < 0, doubtful.event_id) == (True, None)
    assert await inbox.read_cursor(database, SOURCE) == ReadCursor(7, "event-7", 7)


async def test_of_two_snapshots_at_once_the_last_that_began_counts(database: Database) -> None:
    """The earlier one has lost its token, and cannot delete stale rows."""
    first = await inbox.mark_stale(database, SOURCE)
    second = await inbox.mark_stale(database, SOURCE)
    async with database.transaction():
        valid = [await inbox.holds_token(database, SOURCE, mark) for mark in (first, second)]

    assert valid == [False, True]


async def test_a_number_that_was_read_as_another_event_is_not_kept(
    database: Database, clock: FakeClock
) -> None:
    """A snapshot contains it, or it was lost in a restore.

    It must not hide the event that was read.
    """
    await receive_all(database, clock, 1, 2)
    other = thing_changed(2, id="another-event")
    await inbox.record(database, other, clock=clock)

    assert await inbox.superseded(database, other)
    assert not await inbox.superseded(database, thing_changed(3))
    assert await inbox.read_cursor(database, SOURCE) == ReadCursor(2, "event-2", 2)

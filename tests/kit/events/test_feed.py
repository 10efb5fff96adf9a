"""The owner's feed and snapshot."""

import json

import pytest

from functions.kit.data.database import Database, transactional
from functions.kit.events import cloudevents, relay
from functions.kit.events.feed import (
    Feed,
    OwnedStream,
    StreamDiverged,
    StreamNotFound,
    StreamTooOld,
)
from functions.kit.events.outbox import Outbox
from functions.kit.events.sequencer import BATCH
from tests.kit import sample
from tests.support.clock import FakeClock


@pytest.fixture
def feed() -> Feed:
    return Feed({"notes": OwnedStream("notes", sample.NOTES, sample.note_states)})


@transactional
async def write(database: Database, outbox: Outbox, count: int) -> None:
    for number in range(count):
        await sample.write_note(database, f"note {number}", outbox=outbox)


async def test_a_page_has_the_events_after_a_sequence(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """In order. They get their sequences at this read; the newest sequence is part of the page."""
    await write(database, outbox, 5)
    page = await feed.page(database, "notes", after=1, limit=2)
    events = cloudevents.read_batch(page.body)

    assert [event.sequence for event in events] == [2, 3]
    assert (page.head, page.last) == (5, 3)


async def test_a_page_beyond_the_newest_event_is_empty(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """The reader has read all events."""
    await write(database, outbox, 2)
    page = await feed.page(database, "notes", after=2, limit=10)

    assert (page.body, page.head, page.last) == (b"[]", 2, None)


async def test_a_page_shows_all_that_was_committed(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """Also where more rows wait for a sequence than one transaction assigns."""
    await write(database, outbox, BATCH + 1)
    page = await feed.page(database, "notes", after=0, limit=1)

    assert page.head == BATCH + 1


async def test_a_reader_that_comes_too_late_takes_the_snapshot(
    database: Database, outbox: Outbox, feed: Feed, clock: FakeClock
) -> None:
    """The feed keeps events for a month after they were sent."""
    await write(database, outbox, 2)
    await feed.page(database, "notes", after=0, limit=1)
    await relay._mark(database, [1], None, now=clock())
    clock.advance(days=31)
    await relay.purge(database, clock=clock)

    with pytest.raises(StreamTooOld, match="begins after 1"):
        await feed.page(database, "notes", after=0, limit=10)
    assert (await feed.page(database, "notes", after=1, limit=10)).last == 2


async def test_a_reader_from_a_lost_future_takes_the_snapshot(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """The owner was restored from a backup, and will assign the same sequences to other events."""
    await write(database, outbox, 2)

    with pytest.raises(StreamDiverged, match="ends at 2"):
        await feed.page(database, "notes", after=3, limit=10)


async def test_a_reader_of_another_past_takes_the_snapshot(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """The same sequences were assigned again, so only the id of the event shows the difference."""
    await write(database, outbox, 3)
    page = await feed.page(database, "notes", after=1, limit=1)
    second = cloudevents.read_batch(page.body)[0].id
    read_on = await feed.page(database, "notes", after=2, limit=10, event_id=second)

    assert read_on.last == 3
    with pytest.raises(StreamDiverged, match="another event"):
        await feed.page(database, "notes", after=2, limit=10, event_id="of-a-lost-past")


async def test_an_unknown_stream_is_not_there(database: Database, feed: Feed) -> None:
    """The refusal lists the streams that exist."""
    with pytest.raises(StreamNotFound, match="notes"):
        await feed.page(database, "orders", after=0, limit=10)
    with pytest.raises(StreamNotFound):
        await feed.snapshot(database, "orders")


async def test_a_snapshot_is_framed_so_that_a_cut_is_seen(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """Its first line has its sequence, and its last line the number of states."""
    await write(database, outbox, 2)
    lines = [json.loads(line) async for line in await feed.snapshot(database, "notes")]

    assert (lines[0]["sequence"], lines[-1]) == (2, {"count": 2})
    assert [line["data"]["text"] for line in lines[1:-1]] == ["note 0", "note 1"]
    assert [line["revision"] for line in lines[1:-1]] == ["1", "1"]


async def test_a_snapshots_sequence_is_of_before_its_states(
    database: Database, outbox: Outbox, feed: Feed
) -> None:
    """A change during the snapshot is part of a state, and its event later changes nothing."""
    await write(database, outbox, 1)
    snapshot = await feed.snapshot(database, "notes")
    await sample.write_note(database, "later", outbox=outbox)
    lines = [json.loads(line) async for line in snapshot]

    assert lines[0]["sequence"] == 1
    assert lines[-1] == {"count": 2}

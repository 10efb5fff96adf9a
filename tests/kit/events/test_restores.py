"""A projection is restored from its owner's snapshot, page by page, and interrupted anywhere."""

import asyncio
import json

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.kit.base.metrics import Metrics
from functions.kit.data.database import Database
from functions.kit.events import feed_client, inbox, relay
from functions.kit.events.catch_up import CatchUp
from functions.kit.events.feed_client import CatchUpFailed
from functions.kit.events.subscriptions import Projection, Stream
from tests.kit import sample
from tests.kit.events.owner import Behave, Owner, unreachable
from tests.kit.sample import THINGS
from tests.support.clock import FakeClock
from tests.support.snapshots import states_of

SNAPSHOT = "/internal/snapshots/things"
NUMBER = 7
"""Things of the owner: four pages of two."""
WHOLE = {number: (f"thing {number}", 1, 1) for number in range(1, NUMBER + 1)}
"""Label, revision, and how often a state took effect, by id."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_client, "STATES", 2)


@pytest.fixture
async def long_owner(owner: Owner, clock: FakeClock) -> Owner:
    """Its feed does not reach back to its first event."""
    for number in range(1, NUMBER + 1):
        await owner.change(number, f"thing {number}", 1)
    await owner.client.get("/internal/streams/things")
    await relay._mark(owner.database, [*range(1, NUMBER + 1)], None, now=clock())
    clock.advance(days=31)
    await relay.purge(owner.database, clock=clock)
    return owner


async def mark_stale(database: Database) -> None:
    await database.execute(QueryString("UPDATE things SET revision = 0"))


async def delete_stale(database: Database) -> None:
    await database.execute(QueryString("DELETE FROM things WHERE revision = 0"))


def a_reader(database: Database, owner: Owner, clock: FakeClock) -> CatchUp:
    """As a process of the consumer has it."""
    subscriptions = sample.subscriptions()
    subscriptions.projections[THINGS.source] = Projection(mark_stale, delete_stale)
    return CatchUp(
        database,
        subscriptions,
        {"other": sample.OWNER},
        clock=clock,
        metrics=Metrics(),
        http=httpx.AsyncClient(transport=httpx.MockTransport(owner)),
    )


def from_request(number: int, behave: Behave) -> Behave:
    """Another behaviour from a certain request of the snapshot on, counted from 1."""
    seen = 0

    def decide(request: httpx.Request) -> httpx.Response | None:
        nonlocal seen
        seen += request.url.path == SNAPSHOT
        return behave(request) if seen >= number else None

    return decide


async def interrupt(reader: CatchUp, owner: Owner, *, at: int = 3) -> None:
    """Let a restore fail at a page, counted from 1; then the owner answers again."""
    owner.behave = from_request(at, unreachable)
    with pytest.raises(CatchUpFailed):
        await reader.read(THINGS)
    owner.behave = lambda _: None


@pytest.mark.parametrize("limit", range(1, NUMBER + 2))
async def test_pages_of_any_size_are_the_whole_snapshot(long_owner: Owner, limit: int) -> None:
    """Each state once, in the same order."""
    pages = await states_of(long_owner.client, "things", limit)
    whole = await states_of(long_owner.client, "things")

    assert [each["subject"] for each in pages] == [f"thing/{n}" for n in range(1, NUMBER + 1)]
    assert [each["data"] for each in pages] == [each["data"] for each in whole]


async def test_a_page_begins_after_a_subject_that_is_gone(long_owner: Owner) -> None:
    """It was deleted since the page before it was read."""
    await long_owner.database.execute(QueryString("DELETE FROM things WHERE thing_id = 3"))
    page = await long_owner.client.get(SNAPSHOT, params={"after": "thing/3", "limit": 1})
    _, state, last = page.text.splitlines()

    assert json.loads(state)["subject"] == "thing/4"
    assert json.loads(last) == {"count": 1, "next": "thing/4"}


@pytest.mark.parametrize("limit", ["0", "2001", "x", "-1"])
async def test_a_page_of_another_size_is_refused(owner: Owner, limit: str) -> None:
    """It names the parameter."""
    answer = await owner.client.get(SNAPSHOT, params={"limit": limit})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize("interrupted_at", range(2, 5))
async def test_an_interrupted_restore_goes_on_with_its_next_page(
    database: Database, long_owner: Owner, clock: FakeClock, interrupted_at: int
) -> None:
    """In another process too. The pages before are not read again."""
    await interrupt(a_reader(database, long_owner, clock), long_owner, at=interrupted_at)
    interrupted = await sample.things(database)
    long_owner.asked = []
    await a_reader(database, long_owner, clock).read(THINGS)

    assert len(interrupted) == 2 * (interrupted_at - 1)
    assert await sample.things(database) == WHOLE
    assert long_owner.asked.count(SNAPSHOT) == 4 - (interrupted_at - 1)
    assert await inbox.position(database, THINGS.source) == NUMBER


async def test_a_change_between_two_pages_is_read_from_the_feed(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """The position is that of the first page, however late the last one is read."""
    reader = a_reader(database, long_owner, clock)
    await interrupt(reader, long_owner)
    await long_owner.change(1, "changed", 2)
    await long_owner.change(6, "changed too", 2)
    await reader.read(THINGS)
    await reader.read(THINGS)
    found = await sample.things(database)

    assert (found[1][:2], found[6][:2]) == (("changed", 2), ("changed too", 2))
    assert await inbox.position(database, THINGS.source) == NUMBER + 2


async def test_a_rebuild_begins_with_the_first_page(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """What an interrupted one has read may be what is wrong."""
    reader = a_reader(database, long_owner, clock)
    await interrupt(reader, long_owner)
    await database.execute(QueryString("UPDATE things SET label = 'wrong' WHERE thing_id = 1"))

    assert await reader.restore(THINGS) == NUMBER
    assert (await sample.things(database))[1][0] == "thing 1"


async def test_a_restore_does_not_go_on_in_an_older_state_of_its_owner(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """The owner's database was restored from a backup between two pages."""
    reader = a_reader(database, long_owner, clock)
    await interrupt(reader, long_owner)
    await long_owner.database.execute(
        QueryString(
            "UPDATE outbox_streams SET head = 3, floor = 3 WHERE source = {}", THINGS.source
        )
    )
    await long_owner.database.execute(QueryString("DELETE FROM things WHERE thing_id > 3"))
    await long_owner.database.execute(QueryString("UPDATE things SET label = 'older'"))
    await reader.read(THINGS)

    assert {number: each[0] for number, each in (await sample.things(database)).items()} == {
        1: "older",
        2: "older",
        3: "older",
    }
    assert await inbox.position(database, THINGS.source) == 3


async def test_a_state_that_fails_is_tried_again_with_its_page(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """The pages after it take effect meanwhile; the restore is complete once it succeeds."""
    reader = a_reader(database, long_owner, clock)
    await long_owner.database.execute(
        QueryString("UPDATE things SET label = 'poison' WHERE thing_id = 4")
    )
    with pytest.raises(CatchUpFailed, match="1 states"):
        await reader.read(THINGS)
    met = await sample.things(database)
    position = await inbox.position(database, THINGS.source)
    await long_owner.database.execute(
        QueryString("UPDATE things SET label = 'thing 4' WHERE thing_id = 4")
    )
    long_owner.asked = []
    await reader.read(THINGS)
    labels = {number: each[0] for number, each in (await sample.things(database)).items()}

    assert (set(met), position) == ({1, 2, 3, 5, 6, 7}, 0)
    assert labels == {number: each[0] for number, each in WHOLE.items()}
    assert long_owner.asked.count(SNAPSHOT) == 3
    assert await inbox.position(database, THINGS.source) == NUMBER


async def test_a_restore_is_taken_over_by_another_process(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """Once it has not been heard of for a while. The first one then ends at its next page, and
    undoes nothing of what the second one completes."""
    first, second = (a_reader(database, long_owner, clock) for _ in range(2))
    waits, goes_on = asyncio.Event(), asyncio.Event()
    page = first.feeds.snapshot_page

    async def slow(stream: Stream, after: str) -> feed_client.SnapshotPage:
        found = await page(stream, after)
        if after == "thing/2":
            waits.set()
            await goes_on.wait()
        return found

    first.feeds.snapshot_page = slow  # type: ignore[method-assign]
    reading = asyncio.create_task(first.read(THINGS))
    await waits.wait()
    with pytest.raises(CatchUpFailed, match="another process"):
        await second.read(THINGS)
    clock.advance(seconds=inbox.RESTORE_LEASE.total_seconds())
    await second.read(THINGS)
    goes_on.set()
    with pytest.raises(CatchUpFailed, match="another process"):
        await reading
    labels = {number: each[0] for number, each in (await sample.things(database)).items()}

    assert labels == {number: each[0] for number, each in WHOLE.items()}
    assert await inbox.position(database, THINGS.source) == NUMBER


async def test_a_restore_that_is_cancelled_is_gone_on_with_at_once(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """By the process that follows a stop."""
    reader = a_reader(database, long_owner, clock)
    waits = asyncio.Event()
    page = reader.feeds.snapshot_page

    async def hang(stream: Stream, after: str) -> feed_client.SnapshotPage:
        if after == "thing/4":
            waits.set()
            await asyncio.Event().wait()
        return await page(stream, after)

    reader.feeds.snapshot_page = hang  # type: ignore[method-assign]
    reading = asyncio.create_task(reader.read(THINGS))
    await waits.wait()
    reading.cancel()
    await asyncio.wait([reading])
    long_owner.asked = []
    await a_reader(database, long_owner, clock).read(THINGS)

    assert await sample.things(database) == WHOLE
    assert long_owner.asked.count(SNAPSHOT) == 2


async def test_what_the_owner_no_longer_has_is_deleted_at_the_end(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """Not before: until then the consumer works with what it knew."""
    await database.execute(QueryString("INSERT INTO things VALUES (99, 'gone', 5, 0)"))
    reader = a_reader(database, long_owner, clock)
    await interrupt(reader, long_owner)
    before = await sample.things(database)
    await reader.read(THINGS)

    assert 99 in before
    assert await sample.things(database) == WHOLE


async def test_an_owner_of_an_older_release_sends_all_states_at_once(
    database: Database, long_owner: Owner, clock: FakeClock
) -> None:
    """It does not know of pages."""
    whole = (await long_owner.client.get(SNAPSHOT)).content

    def older(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(200, content=whole) if request.url.path == SNAPSHOT else None

    long_owner.behave = older
    await a_reader(database, long_owner, clock).read(THINGS)

    assert await sample.things(database) == WHOLE
    assert long_owner.asked.count(SNAPSHOT) == 1

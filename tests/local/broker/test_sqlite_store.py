"""The SQLite store loses no event, and recognises its own files."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from functions.local.broker.errors import StoreError
from functions.local.broker.sqlite_store import SqliteStore
from functions.local.broker.store import QueueCounts
from tests.local.broker.events import event


async def test_events_are_claimed_in_order_and_once(store_file: Path) -> None:
    """`claim` returns the oldest events up to its limit, and never one that is already claimed."""
    store = await SqliteStore.open(store_file)
    for number in range(5):
        await store.put(["a"], event(str(number)).message)

    first = await store.claim("a", 2)
    rest = await store.claim("a", 10)

    assert [d.message.headers["ce-id"] for d in first + rest] == ["0", "1", "2", "3", "4"]
    assert await store.claim("a", 10) == []
    await store.close()


async def test_each_queue_has_its_own_copy(store_file: Path) -> None:
    """Completing an event in one queue leaves the copy in the other, with the same headers and
    bytes."""
    store = await SqliteStore.open(store_file)
    await store.put(["a", "b"], event("1", body=b"\x00body").message)

    (of_a,) = await store.claim("a", 10)
    await store.complete(of_a)
    (of_b,) = await store.claim("b", 10)

    assert of_b.message == event("1", body=b"\x00body").message
    assert await store.counts() == {"a": QueueCounts(delivered=1), "b": QueueCounts(queued=1)}
    await store.close()


async def test_a_claimed_event_is_available_after_a_restart(store_file: Path) -> None:
    """Claims are not written to the file, so an unsettled event can be claimed again."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    await store.claim("a", 10)
    await store.close()

    store = await SqliteStore.open(store_file)

    assert len(await store.claim("a", 10)) == 1
    await store.close()


async def test_a_retry_waits_and_counts_an_attempt(store_file: Path) -> None:
    """An event with a wait of 3600 s cannot be claimed, one with 0 s can; `seconds_to_next` is None
    for a queue without retries."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    await store.put(["a"], event("2").message)
    first, second = await store.claim("a", 10)

    await store.retry(first, after=3600)
    await store.retry(second, after=0)
    again = await store.claim("a", 10)

    assert [(d.id, d.attempts) for d in again] == [(second.id, 1)]
    assert await store.counts() == {"a": QueueCounts(retrying=2)}
    wait = await store.seconds_to_next("a")
    assert wait is not None
    assert 3500 < wait <= 3600
    assert await store.seconds_to_next("b") is None
    await store.close()


async def test_the_wait_for_an_available_retry_is_zero(store_file: Path) -> None:
    """It became available after `claim`; nothing else would wake the dispatcher."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.claim("a", 10)
    await store.retry(delivery, after=0)

    available = await store.seconds_to_next("a")
    await store.claim("a", 10)
    claimed = await store.seconds_to_next("a")

    assert (available, claimed) == (0, None)
    await store.close()


async def test_a_released_event_is_claimed_again_unchanged(store_file: Path) -> None:
    """A release does not count as an attempt; it is used when the subscriber cannot be reached."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.claim("a", 10)

    store.release(delivery)

    assert await store.claim("a", 10) == [delivery]
    await store.close()


async def test_a_moved_event_has_no_attempts(store_file: Path) -> None:
    """It counts as moved in its old queue and as queued, with the new body, in the other; dropped
    there, it counts as lost."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.claim("a", 10)

    await store.move(delivery, "dead", event("1", body=b"more").message)
    (dead,) = await store.claim("dead", 10)

    assert (dead.attempts, dead.message.body) == (0, b"more")
    assert await store.counts() == {"a": QueueCounts(moved=1), "dead": QueueCounts(queued=1)}
    await store.drop(dead)
    assert await store.counts() == {"a": QueueCounts(moved=1), "dead": QueueCounts(lost=1)}
    await store.close()


async def test_concurrent_writes_are_all_stored(store_file: Path) -> None:
    """Of 200 simultaneous calls of `put`, each stores its event in both queues."""
    store = await SqliteStore.open(store_file)

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(store.put(["a", "b"], event(str(number)).message))

    assert await store.counts() == {"a": QueueCounts(queued=200), "b": QueueCounts(queued=200)}
    await store.close()


async def test_a_failed_write_is_raised_to_its_caller(store_file: Path) -> None:
    """`put` raises StoreError with SQLite's reason, so that the event is not confirmed."""
    store = await SqliteStore.open(store_file)
    with sqlite3.connect(store_file) as other:
        other.execute("DROP TABLE queue")
    other.close()

    with pytest.raises(StoreError, match="no such table"):
        await store.put(["a"], event("1").message)
    await store.close()


async def test_a_store_of_another_version_is_refused(store_file: Path) -> None:
    """StoreError gives the schema version of the file."""
    await (await SqliteStore.open(store_file)).close()
    with sqlite3.connect(store_file) as sql:
        sql.execute("PRAGMA user_version = 99")
    sql.close()

    with pytest.raises(StoreError, match=r"another version of the broker .*schema 99"):
        await SqliteStore.open(store_file)


async def test_a_database_of_another_program_is_refused(store_file: Path) -> None:
    """A file that has tables but not the broker's application id raises StoreError."""
    with sqlite3.connect(store_file) as sql:
        sql.execute("CREATE TABLE precious (id)")
    sql.close()

    with pytest.raises(StoreError, match="not a store of this broker"):
        await SqliteStore.open(store_file)


async def test_a_file_that_is_not_a_database_is_refused(store_file: Path) -> None:
    """The error is StoreError, which the broker prints, and not an exception of sqlite3."""
    store_file.write_text("dear diary" * 1000)  # noqa: ASYNC240

    with pytest.raises(StoreError, match="cannot be opened as a store"):
        await SqliteStore.open(store_file)


async def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """`open` raises StoreError: it creates the file, but no folder for it."""
    with pytest.raises(StoreError, match="cannot be opened as a store"):
        await SqliteStore.open(tmp_path / "nowhere" / "broker.db")

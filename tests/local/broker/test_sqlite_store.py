"""The store forgets nothing it was given, and knows its own files."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from functions.local.broker.errors import StoreError
from functions.local.broker.sqlite_store import SqliteStore
from functions.local.broker.store import Tally
from tests.local.broker.events import event


async def test_events_come_in_order_and_only_once(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    for number in range(5):
        await store.put(["a"], event(str(number)).message)

    first = await store.take("a", 2)
    rest = await store.take("a", 10)

    assert [d.message.headers["ce-id"] for d in first + rest] == ["0", "1", "2", "3", "4"]
    assert await store.take("a", 10) == []
    await store.close()


async def test_each_queue_has_its_own_copy(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    await store.put(["a", "b"], event("1", body=b"\x00body").message)

    (of_a,) = await store.take("a", 10)
    await store.done(of_a)
    (of_b,) = await store.take("b", 10)

    assert of_b.message == event("1", body=b"\x00body").message
    assert await store.tallies() == {"a": Tally(delivered=1), "b": Tally(queued=1)}
    await store.close()


async def test_what_was_taken_and_not_settled_is_there_after_a_restart(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    await store.take("a", 10)
    await store.close()

    store = await SqliteStore.open(store_file)

    assert len(await store.take("a", 10)) == 1
    await store.close()


async def test_a_retry_waits_for_its_time_and_counts(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    await store.put(["a"], event("2").message)
    first, second = await store.take("a", 10)

    await store.retry(first, after=3600)
    await store.retry(second, after=0)
    again = await store.take("a", 10)

    assert [(d.id, d.attempts) for d in again] == [(second.id, 1)]
    assert await store.tallies() == {"a": Tally(retrying=2)}
    wait = await store.seconds_to_next("a")
    assert wait is not None
    assert 3500 < wait <= 3600
    assert await store.seconds_to_next("b") is None
    await store.close()


async def test_a_retry_that_came_due_meanwhile_is_looked_for_at_once(store_file: Path) -> None:
    """Between `take` and the question for the next one; nobody would wake the lane for it."""
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.take("a", 10)
    await store.retry(delivery, after=0)

    due = await store.seconds_to_next("a")
    await store.take("a", 10)
    under_way = await store.seconds_to_next("a")

    assert (due, under_way) == (0, None)
    await store.close()


async def test_what_is_given_back_is_taken_again_with_its_attempts(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.take("a", 10)

    store.give_back(delivery)

    assert await store.take("a", 10) == [delivery]
    await store.close()


async def test_a_moved_event_is_new_in_its_queue(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    await store.put(["a"], event("1").message)
    (delivery,) = await store.take("a", 10)

    await store.move(delivery, "dead", event("1", body=b"more").message)
    (dead,) = await store.take("dead", 10)

    assert (dead.attempts, dead.message.body) == (0, b"more")
    assert await store.tallies() == {"a": Tally(moved=1), "dead": Tally(queued=1)}
    await store.lose(dead)
    assert await store.tallies() == {"a": Tally(moved=1), "dead": Tally(lost=1)}
    await store.close()


async def test_writes_of_many_at_once_all_arrive(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(store.put(["a", "b"], event(str(number)).message))

    assert await store.tallies() == {"a": Tally(queued=200), "b": Tally(queued=200)}
    await store.close()


async def test_a_write_that_fails_is_told_to_its_writer(store_file: Path) -> None:
    store = await SqliteStore.open(store_file)
    with sqlite3.connect(store_file) as other:
        other.execute("DROP TABLE queue")
    other.close()

    with pytest.raises(StoreError, match="no such table"):
        await store.put(["a"], event("1").message)
    await store.close()


async def test_a_store_of_another_version_is_refused(store_file: Path) -> None:
    await (await SqliteStore.open(store_file)).close()
    with sqlite3.connect(store_file) as sql:
        sql.execute("PRAGMA user_version = 99")
    sql.close()

    with pytest.raises(StoreError, match=r"another version of the broker .*schema 99"):
        await SqliteStore.open(store_file)


async def test_a_database_of_somebody_else_is_left_alone(store_file: Path) -> None:
    with sqlite3.connect(store_file) as sql:
        sql.execute("CREATE TABLE precious (id)")
    sql.close()

    with pytest.raises(StoreError, match="no store of this broker"):
        await SqliteStore.open(store_file)


async def test_a_file_that_is_no_database_is_refused(store_file: Path) -> None:
    store_file.write_text("dear diary" * 1000)  # noqa: ASYNC240

    with pytest.raises(StoreError, match="cannot be opened as a store"):
        await SqliteStore.open(store_file)


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened as a store"):
        await SqliteStore.open(tmp_path / "nowhere" / "broker.db")

"""SQLite shared by real processes, some of which are killed."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import Context
from pathlib import Path

import pytest
from piccolo.querystring import QueryString

from functions.kit.base.errors import Unavailable
from functions.kit.data import database as database_module
from functions.kit.data.database import Database, transactional
from functions.kit.data.engines import connect
from functions.kit.data.sqlite import SQLiteEngine

ROOT = Path(__file__).parents[3]

COUNT = """
import asyncio, sys
from piccolo.querystring import QueryString
from functions.kit.data.database import transactional
from functions.kit.data.engines import connect

@transactional
async def increment(database):
    found = await database.execute(QueryString("SELECT value FROM counter"))
    value = found.rows[0]["value"] + 1
    await database.execute(QueryString("UPDATE counter SET value = {}", value))

async def main():
    database = connect(sys.argv[1])
    for _ in range(50):
        await increment(database)
    await database.close()

asyncio.run(main())
"""

HOLD = """
import asyncio, sys
from piccolo.querystring import QueryString
from functions.kit.data.engines import connect

async def main():
    database = connect(sys.argv[1])
    async with database.transaction():
        await database.execute(QueryString("UPDATE counter SET value = -1"))
        print("holding", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

HOG = """
import asyncio, sys
from piccolo.querystring import QueryString
from functions.kit.data.database import transactional
from functions.kit.data.engines import connect

@transactional
async def increment(database):
    await database.execute(QueryString("UPDATE counter SET value = value + 1"))

async def write_on(database):
    while True:
        await increment(database)

async def main():
    database = connect(sys.argv[1])
    await increment(database)
    print("writing", flush=True)
    await asyncio.gather(*[write_on(database) for _ in range(20)])

asyncio.run(main())
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
async def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/shared.db"
    database = connect(url)
    await database.run_ddl("CREATE TABLE counter (value BIGINT)")
    await database.execute(QueryString("INSERT INTO counter (value) VALUES (0)"))
    await database.close()
    return url


@pytest.fixture
def start(url: str) -> Iterator[Start]:
    """Start programs, and kill what is left of them."""
    with ExitStack() as stack:

        def start(program: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", program, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            return process

        yield start


async def value(database: Database) -> int:
    outcome = await database.execute(QueryString("SELECT value FROM counter"))
    found: int = outcome.rows[0]["value"]
    return found


async def test_two_processes_that_write_lose_nothing(url: str, start: Start) -> None:
    """Each reads and then writes, fifty times; BEGIN IMMEDIATE makes them take turns."""
    processes = [start(COUNT), start(COUNT)]
    codes = [await asyncio.to_thread(process.wait, 60) for process in processes]
    database = connect(url)
    counted = await value(database)
    await database.close()

    assert (codes, counted) == ([0, 0], 100)


async def test_a_writer_that_is_killed_leaves_no_lock_and_no_change(url: str, start: Start) -> None:
    """Its transaction never happened, and the next writer need not wait."""
    process = start(HOLD)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    process.kill()
    process.wait()
    database = connect(url)
    async with database.transaction():
        seen = await value(database)
    await database.close()

    assert seen == 0


async def test_a_database_that_stays_busy_is_unavailable(
    url: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again and again, then refused in words that become a 503."""
    monkeypatch.setattr(database_module, "RETRY_TIMEOUT", 0.1)
    process = start(HOLD)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    database = connect(url)
    tries = 0

    @transactional
    async def write(database: Database) -> None:
        await database.execute(QueryString("UPDATE counter SET value = 7"))

    class Counting(SQLiteEngine):
        def is_retryable(self, error: BaseException) -> bool:
            nonlocal tries
            tries += 1
            return super().is_retryable(error)

    counting = Counting.from_url(url)
    with pytest.raises(Unavailable) as refused:
        await write(counting)
    readable = await value(database)
    await counting.close()
    await database.close()

    assert tries > 1
    assert refused.value.retry_after is not None
    assert readable == 0


async def test_processes_that_write_continuously_let_others_write(
    url: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them, each with a queue of its own; a third process writes all the same."""
    monkeypatch.setattr(database_module, "RETRY_TIMEOUT", 60.0)
    for hog in [start(HOG), start(HOG)]:
        assert hog.stdout is not None
        await asyncio.to_thread(hog.stdout.readline)
    database = connect(url)

    @transactional
    async def take_one_away(database: Database) -> None:
        await database.execute(QueryString("UPDATE counter SET value = value - 1"))

    for _ in range(10):
        await take_one_away(database)
    # A statement by itself waits for its turn too.
    await database.execute(QueryString("UPDATE counter SET value = value - 1"))
    before = await value(database)
    while (after := await value(database)) <= before:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # until one of the others has written again
    await database.close()

    assert after > before


async def test_a_queued_writer_is_refused_at_its_deadline(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process: each is refused at its own deadline, and leaves nothing behind."""
    monkeypatch.setattr(database_module, "RETRY_TIMEOUT", 0.1)
    database = connect(url)

    @transactional
    async def write(database: Database) -> None:
        await database.execute(QueryString("UPDATE counter SET value = value + 1"))

    async with database.transaction():
        # In a context of their own, as requests are: they are not inside this transaction.
        refused = await asyncio.gather(
            *[Context().run(asyncio.ensure_future, write(database)) for _ in range(50)],
            Context().run(
                asyncio.ensure_future,
                database.execute(QueryString("UPDATE counter SET value = 7")),
            ),
            return_exceptions=True,
        )
    await write(database)
    counted = await value(database)
    await database.close()

    assert {type(each) for each in refused[:-1]} == {Unavailable}
    assert database.is_unavailable(refused[-1])
    assert counted == 1


async def test_a_cancelled_waiting_writer_does_not_block_others(url: str, start: Start) -> None:
    """Cancelled while another process writes."""
    process = start(HOLD)
    assert process.stdout is not None
    await asyncio.to_thread(process.stdout.readline)
    database = connect(url)

    @transactional
    async def write(database: Database) -> None:
        await database.execute(QueryString("UPDATE counter SET value = value + 1"))

    waiting = asyncio.ensure_future(write(database))
    while not database.write_lock._lock.locked():  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    process.kill()
    process.wait()
    await write(database)
    counted = await value(database)
    await database.close()

    assert counted == 1

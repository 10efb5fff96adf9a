"""The SQLite engine: transactions, errors, and what a cancelled or late task may do."""

import asyncio
import contextvars
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest
from piccolo.querystring import QueryString

from functions.kit.data.sqlite import SQLiteEngine, TransactionEnded


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SQLiteEngine]:
    engine = SQLiteEngine.from_url(f"sqlite:///{tmp_path}/new/folder/engine.db")
    await engine.run_ddl("CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    await engine.run_ddl(
        "CREATE TABLE pets (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL"
        " REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    yield engine
    await engine.close()


async def add(engine: SQLiteEngine, name: str) -> int | None:
    outcome = await engine.execute(QueryString("INSERT INTO owners (name) VALUES ({})", name))
    return outcome.lastrowid


async def names(engine: SQLiteEngine) -> list[str]:
    outcome = await engine.execute(QueryString("SELECT name FROM owners ORDER BY id"))
    return [row["name"] for row in outcome.rows]


def alive_since(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads that were started since and do not end."""
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(timeout=60)
    return [thread for thread in started if thread.is_alive()]


async def pragma(engine: SQLiteEngine, name: str) -> object:
    outcome = await engine.execute(QueryString(f"PRAGMA {name}"))
    return outcome.rows[0][name]


async def test_a_connection_writes_ahead_checks_foreign_keys_and_syncs(
    engine: SQLiteEngine,
) -> None:
    """WAL, foreign keys on, and a full sync: what was acknowledged survives a power cut."""
    found = [await pragma(engine, name) for name in ("journal_mode", "foreign_keys", "synchronous")]

    assert found == ["wal", 1, 2]


async def test_a_write_says_what_it_did(engine: SQLiteEngine) -> None:
    """The id of an insert, and how many rows an update has matched."""
    first, second = await add(engine, "ana"), await add(engine, "bo")
    updated = await engine.execute(QueryString("UPDATE owners SET name = name WHERE id > {}", 0))

    assert (first, second, updated.rowcount) == (1, 2, 2)


async def test_an_exception_rolls_back(engine: SQLiteEngine) -> None:
    """Nothing of a transaction that ends with an exception is kept."""

    async def fail() -> None:
        async with engine.transaction():
            await add(engine, "ana")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await names(engine) == []


async def test_a_nested_transaction_joins(engine: SQLiteEngine) -> None:
    """The inner one is part of the outer one, and is undone with it."""

    async def fail() -> None:
        async with engine.transaction():
            async with engine.transaction():
                await add(engine, "ana")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await names(engine) == []


async def test_a_nested_transaction_may_be_forbidden(engine: SQLiteEngine) -> None:
    """`allow_nested=False` inside a transaction is an error."""
    async with engine.transaction():
        with pytest.raises(ValueError, match="already"):
            engine.transaction(allow_nested=False)


async def test_a_savepoint_undoes_what_came_after_it(engine: SQLiteEngine) -> None:
    """The rest of the transaction stands."""
    async with engine.transaction() as transaction:
        await add(engine, "ana")
        savepoint = await transaction.savepoint()
        await add(engine, "bo")
        await savepoint.rollback_to()
        await savepoint.release()

    assert await names(engine) == ["ana"]


async def test_a_failed_commit_leaves_nothing_behind(engine: SQLiteEngine) -> None:
    """A deferred foreign key fails at COMMIT; then no row, lock or transaction remains."""

    async def orphan() -> None:
        async with engine.transaction():
            await engine.execute(QueryString("INSERT INTO pets (owner_id) VALUES (99)"))

    with pytest.raises(sqlite3.IntegrityError):
        await orphan()

    assert not engine.transaction_exists()
    async with engine.transaction():
        await add(engine, "ana")
    assert await names(engine) == ["ana"]


async def test_a_cancelled_task_leaves_nothing_behind(engine: SQLiteEngine) -> None:
    """Cancelled in the middle, its transaction is rolled back, and the next one begins."""
    inside = asyncio.Event()

    async def work() -> None:
        async with engine.transaction():
            await add(engine, "ana")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with engine.transaction():
        await add(engine, "bo")

    assert await names(engine) == ["bo"]


@pytest.mark.parametrize("turns", range(1, 12))
async def test_cancelling_at_any_turn_leaves_the_writer_usable(
    engine: SQLiteEngine, turns: int
) -> None:
    """Also between the request for BEGIN or COMMIT and its answer: both are then finished."""

    async def work() -> None:
        async with engine.transaction():
            await add(engine, "ana")

    task = asyncio.create_task(work())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with engine.transaction():
        await add(engine, "bo")

    assert await names(engine) in (["bo"], ["ana", "bo"])


async def test_a_task_that_outlives_its_transaction_gets_an_error(engine: SQLiteEngine) -> None:
    """It would otherwise write into whatever transaction comes next on the connection."""
    ended = asyncio.Event()

    async def late() -> None:
        await ended.wait()
        await add(engine, "late")

    async with engine.transaction():
        task = asyncio.create_task(late())
    ended.set()

    with pytest.raises(TransactionEnded):
        await task
    assert await names(engine) == []


async def test_a_task_with_a_context_of_its_own_is_outside(engine: SQLiteEngine) -> None:
    """It waits for the transaction to end, as any other writer does."""
    async with engine.transaction():
        task = asyncio.create_task(add(engine, "other"), context=contextvars.Context())
        await add(engine, "ana")

    await task

    assert await names(engine) == ["ana", "other"]


async def test_transactions_of_a_process_take_turns(engine: SQLiteEngine) -> None:
    """Read, then write, in forty tasks at once: no update is lost and none is refused."""
    await add(engine, "0")

    async def increment() -> None:
        async with engine.transaction():
            (value,) = await names(engine)
            await asyncio.sleep(0)
            await engine.execute(QueryString("UPDATE owners SET name = {}", str(int(value) + 1)))

    await asyncio.gather(*(increment() for _ in range(40)))

    assert await names(engine) == ["40"]


async def test_a_reader_sees_what_was_committed_before_it_asked(engine: SQLiteEngine) -> None:
    """Whatever other reads are under way on the shared connection at that moment."""
    await add(engine, "0")
    done = asyncio.Event()

    async def keep_reading() -> None:
        while not done.is_set():
            await names(engine)

    readers = [asyncio.create_task(keep_reading()) for _ in range(8)]
    seen = []
    for number in range(1, 31):
        await engine.execute(QueryString("UPDATE owners SET name = {}", str(number)))
        seen.extend(await names(engine))
    done.set()
    await asyncio.gather(*readers)

    assert seen == [str(number) for number in range(1, 31)]


async def test_readers_do_not_see_what_is_not_committed(engine: SQLiteEngine) -> None:
    """Another task reads the state before the transaction, without waiting for it."""
    async with engine.transaction():
        await add(engine, "ana")
        outside = await asyncio.create_task(names(engine), context=contextvars.Context())

    assert outside == []


async def test_errors_are_told_apart(engine: SQLiteEngine) -> None:
    """A taken key is a duplicate; a broken foreign key is none; neither is worth a retry."""
    await add(engine, "ana")
    with pytest.raises(sqlite3.IntegrityError) as duplicate:
        await add(engine, "ana")
    with pytest.raises(sqlite3.IntegrityError) as orphan:
        await engine.execute(QueryString("INSERT INTO pets (owner_id) VALUES (99)"))

    assert [engine.is_duplicate(error.value) for error in (duplicate, orphan)] == [True, False]
    assert not engine.is_retryable(duplicate.value)
    assert not engine.is_unavailable(duplicate.value)


@pytest.mark.parametrize(
    ("code", "retryable", "unavailable"),
    [
        (sqlite3.SQLITE_BUSY, True, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True, True),
        (sqlite3.SQLITE_LOCKED, True, False),
        (sqlite3.SQLITE_FULL, False, True),
        (sqlite3.SQLITE_CANTOPEN, False, True),
        (sqlite3.SQLITE_READONLY, False, True),
        (sqlite3.SQLITE_IOERR_WRITE, False, True),
        (sqlite3.SQLITE_ERROR, False, False),
    ],
)
async def test_a_passing_fault_is_known_by_its_code(
    engine: SQLiteEngine, code: int, *, retryable: bool, unavailable: bool
) -> None:
    """Busy, full, or not to be opened; the extended code says more than is asked."""
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code

    assert (engine.is_retryable(error), engine.is_unavailable(error)) == (retryable, unavailable)


async def test_an_error_without_a_code_is_nothing_special(engine: SQLiteEngine) -> None:
    """Python's module raises some of its own, and they have no code to ask for."""
    error = sqlite3.OperationalError("Could not decode to UTF-8 column 'name'")

    assert not engine.is_retryable(error)
    assert not engine.is_unavailable(error)


async def test_rows_are_locked_inside_a_transaction_only(engine: SQLiteEngine) -> None:
    """Outside, the lock would be gone before its rows are used."""
    select = QueryString("SELECT name FROM owners")

    with pytest.raises(ValueError, match="transaction"):
        engine.locked(select)

    async with engine.transaction():
        assert await engine.locked(select) == []


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    """The request that needed it is answered 503, and the next one tries again."""
    (tmp_path / "file").write_text("not a folder")
    engine = SQLiteEngine.from_url(f"sqlite:///{tmp_path}/file/engine.db")
    before = set(threading.enumerate())

    with pytest.raises(sqlite3.OperationalError) as refused:
        await engine.ping()

    assert engine.is_unavailable(refused.value)
    assert alive_since(before) == []


async def test_a_file_that_is_no_database_leaves_no_thread(tmp_path: Path) -> None:
    """An open connection is a thread, which would keep the process from exiting."""
    (tmp_path / "engine.db").write_bytes(b"certainly not a database file" * 100)
    engine = SQLiteEngine.from_url(f"sqlite:///{tmp_path}/engine.db")
    before = set(threading.enumerate())

    with pytest.raises(sqlite3.DatabaseError):
        await engine.ping()

    assert alive_since(before) == []


@pytest.mark.parametrize("pragma", ["journal_mode", "foreign_keys", "synchronous", "busy_timeout"])
async def test_a_connection_that_is_cancelled_while_it_opens_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pragma: str
) -> None:
    """Wherever that happens, as where a background task ends with the app."""
    opened: list[aiosqlite.Connection] = []
    execute = aiosqlite.Connection.execute

    async def cancelled(connection: aiosqlite.Connection, sql: str) -> aiosqlite.Cursor:
        opened.append(connection)
        if pragma in sql:
            raise asyncio.CancelledError
        return await execute(connection, sql)

    monkeypatch.setattr(aiosqlite.Connection, "execute", cancelled)
    engine = SQLiteEngine(str(tmp_path / "shop.db"))
    with pytest.raises(asyncio.CancelledError):
        await engine.writer()

    assert {connection._connection for connection in opened} == {None}


async def test_a_closed_engine_opens_again(engine: SQLiteEngine) -> None:
    """`close` gives connections back; it ends nothing else."""
    await add(engine, "ana")
    await engine.close()

    assert await names(engine) == ["ana"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://:memory:",
        "sqlite:///shop.db?synchronous=never",
        "sqlite:///shop.db?mode=ro",
    ],
)
def test_a_url_that_names_no_file_or_no_known_option_is_refused(url: str) -> None:
    """In words, before anything is opened."""
    with pytest.raises(ValueError, match=r"SQLite|synchronous"):
        SQLiteEngine.from_url(url)


def test_a_url_names_a_relative_or_an_absolute_file() -> None:
    """Three slashes for the one, four for the other."""
    engines = [SQLiteEngine.from_url(url) for url in ("sqlite:///a/b.db", "sqlite:////a/b.db")]

    assert [engine.path for engine in engines] == ["a/b.db", "/a/b.db"]

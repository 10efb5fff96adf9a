"""Transactions: what is kept, what is not, and what is left behind when something fails."""
# ruff: noqa: PT012 - the block that fails is the subject

import asyncio
import contextvars

import pytest
from piccolo.columns import BigInt, Varchar
from piccolo.engine.exceptions import TransactionError as PiccoloTransactionError
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import (
    CommitUnknown,
    ConnectionLost,
    DataError,
    DuplicateKey,
    TransactionError,
)
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Server


class Note(Table):
    text = Varchar(length=10, primary_key=True)
    n = BigInt()


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    await engine.run_ddl(
        "CREATE TABLE `note` (`text` VARCHAR(10) PRIMARY KEY, `n` BIGINT NOT NULL DEFAULT 0)"
    )
    Note._meta.db = engine


async def add(engine: MySQLEngine, text: str) -> None:
    await engine.execute(QueryString("INSERT INTO note (text) VALUES ({})", text))


async def notes(engine: MySQLEngine) -> list[str]:
    rows = (await engine.execute(QueryString("SELECT text FROM note ORDER BY text"))).rows
    return [row["text"] for row in rows]


def connection_id(engine: MySQLEngine) -> int:
    """The server's number for the connection of this task's transaction."""
    transaction = engine.active_transaction()
    assert transaction is not None
    thread: int = transaction._connection.thread_id()
    return thread


async def test_a_block_that_ends_well_is_kept(engine: MySQLEngine) -> None:
    """`transaction_exists()` is true inside the block and false after it."""
    async with engine.transaction():
        await add(engine, "a")
        assert engine.transaction_exists()

    assert await notes(engine) == ["a"]
    assert not engine.transaction_exists()


async def test_a_block_that_raises_leaves_nothing(engine: MySQLEngine) -> None:
    """The exception reaches the caller, and no transaction stays open."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction():
            await add(engine, "a")
            raise ZeroDivisionError

    assert await notes(engine) == []
    assert not engine.transaction_exists()


async def test_nobody_else_sees_it_before_the_end(engine: MySQLEngine) -> None:
    """A select on another connection during the block does not return the inserted row."""
    async with engine.transaction():
        await add(engine, "a")
        outside = await asyncio.create_task(notes(engine), context=contextvars.Context())

    assert outside == []


async def test_a_nested_block_joins_the_outer_one(engine: MySQLEngine) -> None:
    """The end of the inner block commits nothing: the outer block's error undoes its row."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as outer:
            async with engine.transaction() as inner:
                await add(engine, "a")
            assert inner is outer
            assert engine.transaction_exists()
            raise ZeroDivisionError

    assert await notes(engine) == []


async def test_a_nested_block_can_be_forbidden(engine: MySQLEngine) -> None:
    """`allow_nested=False` inside a transaction raises Piccolo's `TransactionError`."""
    async with engine.transaction():
        with pytest.raises(PiccoloTransactionError):
            async with engine.transaction(allow_nested=False):
                pass


async def test_a_nested_block_cannot_change_the_isolation(engine: MySQLEngine) -> None:
    """Another isolation level inside an open transaction raises `TransactionError`."""
    async with engine.transaction():
        with pytest.raises(TransactionError, match="isolation"):
            async with engine.transaction(isolation="SERIALIZABLE"):
                pass


async def test_the_isolation_is_the_one_asked_for(engine: MySQLEngine) -> None:
    """REPEATABLE READ does not see what another commits; READ COMMITTED, the default, does."""
    seen = {}
    for isolation in (None, "REPEATABLE READ"):
        async with engine.transaction(isolation=isolation):
            before = len(await notes(engine))
            other = add(engine, str(isolation)[:10])
            await asyncio.create_task(other, context=contextvars.Context())
            seen[isolation] = len(await notes(engine)) - before

    assert seen == {None: 1, "REPEATABLE READ": 0}


async def test_an_isolation_lasts_for_one_transaction(make_engine: MakeEngine) -> None:
    """The connection's next transaction has READ COMMITTED again and sees new commits."""
    engine = make_engine(pool_size=1)
    async with engine.transaction(isolation="REPEATABLE READ"):
        await notes(engine)

    async with engine.transaction():
        before = await notes(engine)
        await asyncio.create_task(add(make_engine(), "b"), context=contextvars.Context())
        after = await notes(engine)

    assert (before, after) == ([], ["b"])


async def test_an_unknown_isolation_is_refused(engine: MySQLEngine) -> None:
    """A level is part of the SQL text, so any other text raises `TransactionError`."""
    with pytest.raises(TransactionError, match="isolation must be one of"):
        engine.transaction(isolation="SOMETIMES; DROP TABLE note")


async def test_a_savepoint_can_be_returned_to(engine: MySQLEngine) -> None:
    """Rows after it are undone, rows before it kept; by the object and by its name."""
    async with engine.transaction() as transaction:
        await add(engine, "a")
        savepoint = await transaction.savepoint()
        await add(engine, "b")
        await savepoint.rollback_to()
        await add(engine, "c")
        named = await transaction.savepoint("here")
        await add(engine, "d")
        await transaction.rollback_to("here")
        await named.release()

    assert await notes(engine) == ["a", "c"]


async def test_a_failed_statement_does_not_end_the_transaction(engine: MySQLEngine) -> None:
    """After a caught `DuplicateKey` the rows before and after it are committed."""
    async with engine.transaction():
        await add(engine, "a")
        with pytest.raises(DuplicateKey):
            await add(engine, "a")
        await add(engine, "b")

    assert await notes(engine) == ["a", "b"]


async def test_after_a_rollback_by_hand_nothing_runs(engine: MySQLEngine) -> None:
    """It would commit by itself."""
    async with engine.transaction() as transaction:
        await add(engine, "a")
        await transaction.rollback()
        with pytest.raises(TransactionError, match="ended"):
            await add(engine, "b")

    assert await notes(engine) == []


async def test_a_commit_by_hand_is_kept(engine: MySQLEngine) -> None:
    """An exception after `commit()` does not undo its rows."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as transaction:
            await add(engine, "a")
            await transaction.commit()
            raise ZeroDivisionError

    assert await notes(engine) == ["a"]


async def test_a_task_that_outlives_the_transaction_gets_an_error(engine: MySQLEngine) -> None:
    """Its statement raises `TransactionError` instead of committing by itself."""
    go = asyncio.Event()

    async def later() -> None:
        await go.wait()
        await add(engine, "late")

    async with engine.transaction():
        task = asyncio.create_task(later())
    go.set()

    with pytest.raises(TransactionError, match="has ended"):
        await task
    assert await notes(engine) == []


async def test_tasks_of_one_transaction_take_turns(engine: MySQLEngine) -> None:
    """One connection reads one answer at a time."""
    async with engine.transaction():
        await asyncio.gather(*(add(engine, str(number)) for number in range(10)))

    assert len(await notes(engine)) == 10


async def test_ddl_cannot_run_inside(engine: MySQLEngine) -> None:
    """`run_ddl` raises `TransactionError`; the block goes on and its row is committed."""
    async with engine.transaction():
        await add(engine, "a")
        with pytest.raises(TransactionError, match="DDL"):
            await engine.run_ddl("DROP TABLE `note`")

    assert await notes(engine) == ["a"]


async def test_a_transaction_whose_connection_is_killed_keeps_nothing(
    engine: MySQLEngine, server: Server
) -> None:
    """The next statement raises `ConnectionLost`, and the row before it is rolled back."""
    with pytest.raises(ConnectionLost):
        async with engine.transaction():
            await add(engine, "a")
            server.run(f"KILL {connection_id(engine)}")
            await add(engine, "b")

    assert await notes(engine) == []


async def test_a_lost_connection_cannot_be_swallowed(engine: MySQLEngine, server: Server) -> None:
    """Statements after it would run on another connection, or commit by themselves."""
    with pytest.raises(ConnectionLost, match="nothing was kept"):
        async with engine.transaction():
            await add(engine, "a")
            server.run(f"KILL {connection_id(engine)}")
            with pytest.raises(ConnectionLost):
                await add(engine, "b")

    assert await notes(engine) == []


async def test_a_connection_lost_at_commit_is_told_as_unknown(
    engine: MySQLEngine, server: Server
) -> None:
    """`CommitUnknown` is not retryable: a second run could apply the changes twice."""
    with pytest.raises(CommitUnknown) as caught:
        async with engine.transaction():
            await add(engine, "a")
            server.run(f"KILL {connection_id(engine)}")

    assert engine.is_unavailable(caught.value)
    assert not engine.is_retryable(caught.value)
    assert not engine.transaction_exists()
    assert await notes(engine) == []


async def test_a_rollback_that_fails_does_not_hide_the_error(
    engine: MySQLEngine, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The block's own exception reaches the caller; the failed ROLLBACK is logged."""
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction():
            await add(engine, "a")
            server.run(f"KILL {connection_id(engine)}")
            raise ZeroDivisionError

    assert "ROLLBACK failed" in caplog.text
    assert not engine.transaction_exists()
    assert await notes(engine) == []


async def test_a_cancelled_block_leaves_nothing(engine: MySQLEngine) -> None:
    """`CancelledError` inside the block rolls its row back."""
    inside = asyncio.Event()

    async def work() -> None:
        async with engine.transaction():
            await add(engine, "a")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await notes(engine) == []


async def test_a_block_may_be_left_in_another_context(engine: MySQLEngine) -> None:
    """As a fixture's or a generator's is."""
    transaction = engine.transaction()
    await asyncio.create_task(transaction.__aenter__(), context=contextvars.Context())

    await transaction.__aexit__(None, None, None)

    assert not engine.transaction_exists()


async def test_atomic_runs_all_or_nothing(engine: MySQLEngine) -> None:
    """A failing query undoes the ones before it; the object can then be filled and run again."""
    atomic = engine.atomic()
    atomic.add(Note.insert(Note(text="a")), Note.insert(Note(text="much too long for this")))
    with pytest.raises(DataError):
        await atomic.run()
    assert await notes(engine) == []

    atomic.add(Note.insert(Note(text="a")), Note.insert(Note(text="b")))
    await atomic
    assert await notes(engine) == ["a", "b"]


def test_a_service_without_a_loop_can_run_a_query(url: str) -> None:
    """Piccolo's run_sync opens a loop for each query."""
    Note._meta.db = MySQLEngine(url)

    Note.insert(Note(text="a"), Note(text="b")).run_sync()

    assert Note.select(Note.text).order_by(Note.text).run_sync() == [{"text": "a"}, {"text": "b"}]

"""Many at once: the last copies, one name for two, locks, deadlocks."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator

import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Deadlock, LockTimeout, TransactionError
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Flavour, private_server


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    await engine.run_ddl(
        "CREATE TABLE `inventory` (`book_id` BIGINT PRIMARY KEY, `available` BIGINT NOT NULL)"
    )
    await engine.run_ddl(
        "CREATE TABLE `sale` (`id` BIGINT AUTO_INCREMENT PRIMARY KEY, `book_id` BIGINT NOT NULL,"
        " `buyer` VARCHAR(20) NOT NULL UNIQUE)"
    )
    await put(engine, 1, 60)


async def put(engine: MySQLEngine, book: int, available: int) -> None:
    await engine.execute(
        QueryString("INSERT INTO inventory (book_id, available) VALUES ({}, {})", book, available)
    )


async def take(engine: MySQLEngine, book: int, copies: int = 1) -> int:
    outcome = await engine.execute(
        QueryString(
            "UPDATE inventory SET available = available - {}"
            " WHERE book_id = {} AND available >= {}",
            copies,
            book,
            copies,
        )
    )
    return outcome.rowcount


async def available(engine: MySQLEngine) -> dict[int, int]:
    rows = (await engine.execute(QueryString("SELECT * FROM inventory"))).rows
    return {row["book_id"]: row["available"] for row in rows}


async def buy(engine: MySQLEngine, buyer: str) -> bool:
    async with engine.transaction():
        if await take(engine, 1) == 0:
            return False
        await engine.execute(QueryString("INSERT INTO sale (book_id, buyer) VALUES (1, {})", buyer))
    return True


async def retried(engine: MySQLEngine, work: Callable[[], Awaitable[None]]) -> int:
    """Run it until it is through; answers how often it took."""
    attempts = 0
    while True:
        attempts += 1
        try:
            await work()
        except Exception as error:
            if not engine.is_retryable(error):
                raise
        else:
            return attempts


async def test_a_hundred_buyers_of_sixty_copies(make_engine: MakeEngine) -> None:
    """Exactly 60 of 100 concurrent purchases succeed, with 60 rows of sales and a stock of 0."""
    engine = make_engine(pool_size=8)

    bought = await asyncio.gather(*(buy(engine, f"buyer {number}") for number in range(100)))

    sales = (await engine.execute(QueryString("SELECT COUNT(*) AS n FROM sale"))).rows[0]["n"]
    assert (sum(bought), sales, await available(engine)) == (60, 60, {1: 0})


async def test_of_two_with_one_name_one_is_told(engine: MySQLEngine) -> None:
    """Nine of ten concurrent inserts raise a duplicate error, and their stock change is undone."""
    results = await asyncio.gather(
        *(buy(engine, "the same") for _ in range(10)), return_exceptions=True
    )

    refused = [error for error in results if isinstance(error, Exception)]
    assert results.count(True) == 1
    assert len(refused) == 9
    assert all(engine.is_duplicate(error) for error in refused)
    assert await available(engine) == {1: 59}


async def test_a_locked_range_does_not_block_inserts(engine: MySQLEngine) -> None:
    """Under REPEATABLE READ the gap would be locked, and the insert would wait."""
    async with engine.transaction():
        rows = await engine.locked(QueryString("SELECT * FROM inventory WHERE book_id > {}", 0))
        await asyncio.create_task(put(engine, 5, 5), context=contextvars.Context())

    assert rows == [{"book_id": 1, "available": 60}]
    assert await available(engine) == {1: 60, 5: 5}


async def test_a_locked_range_under_repeatable_read_does_block_inserts(
    engine: MySQLEngine, make_engine: MakeEngine
) -> None:
    """What the test above would not notice if locks were not taken at all."""
    other = make_engine()
    async with other.transaction():
        await other.execute(QueryString("SELECT 1"))
    async with engine.transaction(isolation="REPEATABLE READ"):
        await engine.locked(QueryString("SELECT * FROM inventory WHERE book_id > {}", 0))
        connection = await other.pool.acquire()
        await connection.run("SET SESSION innodb_lock_wait_timeout = 1")
        other.pool.release(connection)
        insert = asyncio.create_task(put(other, 5, 5), context=contextvars.Context())
        with pytest.raises(LockTimeout) as caught:
            await insert

    assert other.is_retryable(caught.value)


async def test_rows_that_another_holds_can_be_skipped(engine: MySQLEngine) -> None:
    """`skip_locked=True` returns the next free row instead of waiting for the locked one."""
    await put(engine, 2, 5)
    query = QueryString("SELECT book_id FROM inventory ORDER BY book_id LIMIT {}", 1)

    async def second() -> list[dict[str, int]]:
        async with engine.transaction():
            return await engine.locked(query, skip_locked=True)

    async with engine.transaction():
        first = await engine.locked(query)
        skipped = await asyncio.create_task(second(), context=contextvars.Context())

    assert (first, skipped) == ([{"book_id": 1}], [{"book_id": 2}])


async def test_rows_are_locked_inside_a_transaction_only(engine: MySQLEngine) -> None:
    """`locked()` without a transaction raises `TransactionError`: its lock would end at once."""
    with pytest.raises(TransactionError, match="inside a transaction"):
        await engine.locked(QueryString("SELECT * FROM inventory"))


async def test_a_deadlock_is_told_and_run_again(engine: MySQLEngine) -> None:
    """One of two transactions gets a retryable `Deadlock`; its second run succeeds."""
    await put(engine, 2, 60)
    met = asyncio.Barrier(2)
    deadlocks = []

    def worker(first: int, second: int) -> Callable[[], Awaitable[None]]:
        runs = 0

        async def work() -> None:
            nonlocal runs
            runs += 1
            try:
                async with engine.transaction():
                    await take(engine, first)
                    if runs == 1:
                        await met.wait()
                    await take(engine, second)
            except Deadlock as error:
                deadlocks.append(error)
                raise

        return work

    attempts = await asyncio.gather(retried(engine, worker(1, 2)), retried(engine, worker(2, 1)))

    assert sorted(attempts) == [1, 2]
    assert len(deadlocks) == 1
    assert await available(engine) == {1: 58, 2: 58}


async def test_a_swallowed_deadlock_lets_nothing_else_through(engine: MySQLEngine) -> None:
    """The server has ended the transaction; later statements would commit by themselves."""
    await put(engine, 2, 60)
    met = asyncio.Barrier(2)

    async def work(first: int, second: int) -> None:
        async with engine.transaction():
            await take(engine, first)
            await met.wait()
            try:
                await take(engine, second)
            except Deadlock:
                await put(engine, 3, 3)

    results = await asyncio.gather(work(1, 2), work(2, 1), return_exceptions=True)

    (refused,) = [error for error in results if error is not None]
    assert isinstance(refused, TransactionError)
    assert await available(engine) == {1: 59, 2: 59}


async def test_a_swallowed_deadlock_does_not_end_well(engine: MySQLEngine) -> None:
    """A block that catches `Deadlock` and ends normally raises `TransactionError`."""
    await put(engine, 2, 60)
    met = asyncio.Barrier(2)

    async def work(first: int, second: int) -> None:
        async with engine.transaction():
            await take(engine, first)
            await met.wait()
            try:
                await take(engine, second)
            except Deadlock:
                return

    results = await asyncio.gather(work(1, 2), work(2, 1), return_exceptions=True)

    (refused,) = [error for error in results if error is not None]
    assert isinstance(refused, TransactionError)
    assert "rolled this transaction back" in str(refused)


async def test_four_workers_take_each_row_once(engine: MySQLEngine) -> None:
    """Two read the same row only if SKIP LOCKED did not lock."""
    for number in range(2, 21):
        await put(engine, number, 1)
    taken: list[int] = []

    async def work() -> None:
        while True:
            async with engine.transaction():
                rows = await engine.locked(
                    QueryString(
                        "SELECT book_id FROM inventory WHERE available > 0 ORDER BY book_id LIMIT 3"
                    ),
                    skip_locked=True,
                )
                if not rows:
                    return
                for row in rows:
                    taken.append(row["book_id"])
                    await engine.execute(
                        QueryString(
                            "UPDATE inventory SET available = 0 WHERE book_id = {}", row["book_id"]
                        )
                    )

    await asyncio.gather(*(work() for _ in range(4)))

    assert list(range(1, 21)) == sorted(taken)


@pytest.fixture(scope="module")
def strict_url(flavour: Flavour) -> Iterator[str]:
    """Of a server that ends a whole transaction when a lock is waited for too long."""
    options = "--innodb-rollback-on-timeout=ON", "--innodb-lock-wait-timeout=1"
    with private_server(*options, flavour=flavour) as server:
        yield server.create_database("x")


@pytest.mark.parametrize("several", [False, True])
async def test_a_swallowed_timeout_lets_nothing_through_where_it_ends_the_transaction(
    make_engine: MakeEngine, strict_url: str, *, several: bool
) -> None:
    """Half of the block would be kept: the half after it, each statement by itself."""
    engine = make_engine(strict_url)
    await engine.run_ddl("DROP TABLE IF EXISTS `inventory`")
    await engine.run_ddl(
        "CREATE TABLE `inventory` (`book_id` BIGINT PRIMARY KEY, `available` BIGINT NOT NULL)"
    )
    await put(engine, 1, 60)
    locked = "UPDATE inventory SET available = 0 WHERE book_id = 1"
    if several:  # statements that stand for one, behind a savepoint
        locked += " RETURNING available"

    async def block() -> None:
        async with engine.transaction():
            await put(engine, 2, 1)
            with pytest.raises(LockTimeout):
                await engine.execute(QueryString(locked))
            with pytest.raises(TransactionError, match="ended by the server"):
                await put(engine, 3, 1)

    async with engine.transaction():
        await take(engine, 1)
        with pytest.raises(TransactionError, match="rolled this transaction back"):
            await asyncio.create_task(block(), context=contextvars.Context())

    assert await available(engine) == {1: 59}


async def test_a_swallowed_timeout_elsewhere_ends_nothing(engine: MySQLEngine) -> None:
    """By default the server rolls back the one statement."""

    async def block() -> None:
        async with engine.transaction():
            await put(engine, 2, 1)
            await engine.execute(QueryString("SELECT 1"))
            transaction = engine.active_transaction()
            assert transaction is not None
            await transaction._connection.run("SET SESSION innodb_lock_wait_timeout = 1")
            with pytest.raises(LockTimeout):
                await take(engine, 1)
            await put(engine, 3, 1)

    async with engine.transaction():
        await take(engine, 1)
        await asyncio.create_task(block(), context=contextvars.Context())

    assert await available(engine) == {1: 59, 2: 1, 3: 1}

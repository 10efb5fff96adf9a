"""Advisory locks: one holder of all, and a loss that is told."""
# ruff: noqa: PT012 - the block that fails is the subject

import asyncio

import pytest

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import ConnectionLost, LockNotAcquired
from functions.kit.mysql.locks import lock_name
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Server

WAITING = "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT GET_LOCK%'"


async def test_one_holds_it_and_the_other_is_told(
    engine: MySQLEngine, make_engine: MakeEngine
) -> None:
    """A held lock raises `LockNotAcquired` with its name; locks of other names stay free."""
    other = make_engine()

    async with engine.advisory_lock("migrations", 1):
        with pytest.raises(LockNotAcquired, match="migrations"):
            async with other.advisory_lock("migrations", 0):
                pass
        async with other.advisory_lock("something else", 0):
            pass

    async with other.advisory_lock("migrations", 0):
        pass


async def test_one_waits_for_the_other(engine: MySQLEngine, make_engine: MakeEngine) -> None:
    """Six engines enter the block one at a time, and all of them within their 30 s of waiting."""
    inside: list[int] = []
    entered = []

    async def work(number: int) -> None:
        async with make_engine().advisory_lock("migrations", 30):
            inside.append(number)
            assert [number] == inside
            await engine.ping()
            inside.remove(number)
        entered.append(number)

    await asyncio.gather(*(work(number) for number in range(6)))

    assert list(range(6)) == sorted(entered)


async def test_it_is_given_back_when_the_block_raises(engine: MySQLEngine) -> None:
    """The next attempt obtains the lock that a block with an exception has held."""
    with pytest.raises(ZeroDivisionError):
        async with engine.advisory_lock("migrations", 0):
            raise ZeroDivisionError

    async with engine.advisory_lock("migrations", 5):
        pass


async def test_the_pool_of_one_still_serves_the_block(make_engine: MakeEngine) -> None:
    """The lock's connection is outside the pool, so the block does not get a `PoolTimeout`."""
    engine = make_engine(pool_size=1, pool_timeout=0.2)

    async with engine.advisory_lock("migrations", 0):
        await engine.ping()


async def test_a_lost_lock_is_told(engine: MySQLEngine, server: Server, url: str) -> None:
    """If the connection that holds the lock is killed, the block ends with `ConnectionLost`."""
    name = lock_name(url.rpartition("/")[2], "migrations")

    with pytest.raises(ConnectionLost, match="migrations"):
        async with engine.advisory_lock("migrations", 0):
            ((holder,),) = server.run(f"SELECT IS_USED_LOCK('{name}')")
            server.run(f"KILL {holder}")


async def test_a_wait_that_is_cancelled_does_not_take_the_lock_later(
    engine: MySQLEngine, make_engine: MakeEngine, server: Server
) -> None:
    """After the cancellation and `close()` no connection waits in GET_LOCK on the server."""
    other = make_engine()

    async def wait() -> None:
        async with other.advisory_lock("migrations", 30):
            pass

    async with engine.advisory_lock("migrations", 0):
        task = asyncio.create_task(wait())
        while not server.run(WAITING):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await other.close()

    assert not server.run(WAITING)


@pytest.mark.parametrize(
    ("database", "name", "length"), [("shop", "x", 6), ("shop", "x" * 100, 64), (None, "x", 2)]
)
def test_a_name_fits_the_server(database: str | None, name: str, length: int) -> None:
    """A lock's name has at most 64 characters, MySQL's limit, however long the given name is."""
    assert length == len(lock_name(database, name))


def test_databases_of_one_server_do_not_share_a_lock() -> None:
    """A name that is too long and therefore hashed still depends on the database."""
    assert lock_name("a", "x" * 100) != lock_name("b", "x" * 100)

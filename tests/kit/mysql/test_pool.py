"""Connections that break, wait, are given up or come back: nobody hangs, nothing is left locked."""
# ruff: noqa: S608 - numbers that the server gave

import asyncio
import contextvars
import gc

import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.connection import Connection
from functions.kit.mysql.errors import (
    ConnectionLost,
    PoolTimeout,
    QueryTimeout,
    Unavailable,
)
from functions.kit.mysql.plans import Result
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Server

ONE = QueryString("SELECT 1 AS one")


@pytest.fixture
async def row(engine: MySQLEngine) -> None:
    await engine.run_ddl("CREATE TABLE `t` (`id` BIGINT PRIMARY KEY, `n` BIGINT NOT NULL)")
    await engine.execute(QueryString("INSERT INTO t (id, n) VALUES (1, 0)"))


async def add(engine: MySQLEngine, n: int) -> None:
    await engine.execute(QueryString("UPDATE t SET n = n + {} WHERE id = 1", n))


async def value(engine: MySQLEngine) -> int:
    n: int = (await engine.execute(QueryString("SELECT n FROM t"))).rows[0]["n"]
    return n


async def waiting_for_a_lock(server: Server) -> None:
    """Come back once some connection waits for a row."""
    waiting = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
    while not server.run(waiting):  # noqa: ASYNC110 - the server tells nobody
        # InnoDB answers from a copy that it renews when nobody has read it for 100 ms.
        await asyncio.sleep(0.11)


async def connection_id(engine: MySQLEngine) -> int:
    connection = await engine.pool.acquire()
    engine.pool.release(connection)
    thread: int = connection.thread_id()
    return thread


async def test_a_connection_that_is_given_up_while_it_opens_is_closed(
    engine: MySQLEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its last question too, when the session is up already."""
    opened: list[Connection] = []
    reached = asyncio.Event()

    async def never(self: Connection, *_: object) -> Result:
        opened.append(self)
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Connection, "run_within", never)
    waiting = asyncio.create_task(engine.pool.acquire())
    await reached.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert [connection.closed for connection in opened] == [True]


async def test_nothing_is_opened_before_the_first_statement() -> None:
    """An engine for an unreachable server can be created; its first ping raises `Unavailable`."""
    engine = MySQLEngine("mysql://nobody@127.0.0.1:1/nowhere")

    with pytest.raises(Unavailable):
        await engine.ping()


async def test_a_connection_is_used_again(engine: MySQLEngine) -> None:
    """Two acquisitions, one after the other, have the same connection id on the server."""
    assert await connection_id(engine) == await connection_id(engine)


async def test_no_more_connections_than_places(make_engine: MakeEngine, server: Server) -> None:
    """Thirty concurrent statements on a pool of three succeed over three connections."""
    engine = make_engine(pool_size=3)

    answers = await asyncio.gather(*(engine.execute(ONE) for _ in range(30)))

    database = engine.options.database
    ((connections,),) = server.run(
        f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{database}'"
    )
    assert len(answers) == 30
    assert connections == 3


async def test_who_waits_too_long_is_told(make_engine: MakeEngine) -> None:
    """`PoolTimeout` is raised after `pool_timeout` seconds, is unavailable, and is counted."""
    engine = make_engine(pool_size=1, pool_timeout=0.05)

    async with engine.transaction():
        other = asyncio.create_task(engine.ping(), context=contextvars.Context())
        with pytest.raises(PoolTimeout) as caught:
            await other
        busy = engine.pool.statistics()
    await engine.ping()
    rested = engine.pool.statistics()

    assert engine.is_unavailable(caught.value)
    assert (busy.size, busy.in_use, busy.idle) == (1, 1, 0)
    assert (busy.waits, busy.timeouts) == (1, 1)
    assert busy.longest_wait >= 0.05
    assert (rested.in_use, rested.idle, rested.timeouts) == (0, 1, 1)


async def test_each_acquisition_reports_how_long_it_took(make_engine: MakeEngine) -> None:
    """With those that had to wait, which are counted as pending meanwhile."""
    engine = make_engine(pool_size=1)
    took: list[float] = []
    engine.pool.on_acquired = took.append

    async with engine.transaction():
        other = asyncio.create_task(engine.ping(), context=contextvars.Context())
        while not engine.pool.statistics().pending:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0)
        taken = len(took)
    await other

    assert (taken, len(took)) == (1, 2)
    assert min(took) >= 0
    assert engine.pool.statistics().pending == 0
    assert engine.pool.statistics().longest_wait <= took[1]


async def test_a_waiter_is_woken_when_a_broken_connection_comes_back(
    make_engine: MakeEngine, server: Server
) -> None:
    """aiomysql's own pool leaves it waiting for ever."""
    engine = make_engine(pool_size=1)
    connection = await engine.pool.acquire()
    waiter = asyncio.create_task(engine.ping())
    await asyncio.sleep(0)
    server.run(f"KILL {connection.thread_id()}")
    with pytest.raises(ConnectionLost):
        await connection.run("SELECT 1")

    engine.pool.release(connection)

    await asyncio.wait_for(waiter, 10)


async def test_a_cancelled_waiter_takes_no_place(make_engine: MakeEngine) -> None:
    """After three cancelled waits a pool of one still lends its connection."""
    engine = make_engine(pool_size=1)
    connection = await engine.pool.acquire()
    waiters = [asyncio.create_task(engine.ping()) for _ in range(3)]
    await asyncio.sleep(0)

    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    engine.pool.release(connection)

    await asyncio.wait_for(engine.ping(), 10)


@pytest.mark.usefixtures("row")
async def test_a_cancelled_statement_is_killed_and_its_locks_are_free(
    make_engine: MakeEngine, engine: MySQLEngine, server: Server
) -> None:
    """The server would let it wait on, and then do it."""
    giving_up = make_engine(pool_size=1)

    async def work() -> None:
        async with giving_up.transaction():
            await giving_up.execute(QueryString("INSERT INTO t (id, n) VALUES (2, 0)"))
            await add(giving_up, 10)

    async with engine.transaction():
        await add(engine, 1)
        task = asyncio.create_task(work(), context=contextvars.Context())
        await waiting_for_a_lock(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Its row 2 is locked until it is dead; and its only place is the killer's until then.
        await asyncio.create_task(
            giving_up.execute(QueryString("INSERT INTO t (id, n) VALUES (2, 5)")),
            context=contextvars.Context(),
        )

    rows = (await engine.execute(QueryString("SELECT id, n FROM t ORDER BY id"))).rows
    assert rows == [{"id": 1, "n": 1}, {"id": 2, "n": 5}]


@pytest.mark.usefixtures("row")
async def test_a_cancelled_statement_without_a_transaction_is_not_done_later(
    make_engine: MakeEngine, engine: MySQLEngine, server: Server
) -> None:
    """An UPDATE that is cancelled while it waits for a row lock is killed and changes nothing."""
    giving_up = make_engine()
    async with engine.transaction():
        await add(engine, 1)
        task = asyncio.create_task(add(giving_up, 10), context=contextvars.Context())
        await waiting_for_a_lock(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await giving_up.close()  # waits for the KILL

    assert await value(engine) == 1


async def test_a_late_statement_is_found_behind_many_that_were_not(make_engine: MakeEngine) -> None:
    """One timer watches them all; it is not that of the first."""
    impatient = make_engine(pool_size=1, query_timeout=1)
    connection = await impatient.pool.acquire()
    async with asyncio.timeout(30):
        loop = asyncio.get_running_loop()
        start = loop.time()
        while loop.time() - start < 1.5:  # longer than the timer of the first one
            await connection.run("SELECT 1")
        with pytest.raises(QueryTimeout):
            await connection.run("SELECT SLEEP(60)")
    impatient.pool.release(connection)

    assert (await impatient.execute(ONE)).rows == [{"one": 1}]


@pytest.mark.usefixtures("row")
async def test_a_statement_without_an_answer_is_given_up_and_killed(
    make_engine: MakeEngine, engine: MySQLEngine
) -> None:
    """After `query_timeout` seconds an UPDATE raises `QueryTimeout` and is never applied."""
    impatient = make_engine(pool_size=1, query_timeout=0.2)
    async with engine.transaction():
        await add(engine, 1)
        late = asyncio.create_task(add(impatient, 10), context=contextvars.Context())
        with pytest.raises(QueryTimeout) as caught:
            await late
        await impatient.close()
    await impatient.ping()

    assert impatient.is_unavailable(caught.value)
    assert await value(engine) == 1


async def test_a_connection_that_the_server_closed_is_not_lent(
    engine: MySQLEngine, server: Server
) -> None:
    """Even when the event loop had no time to see it, as after a pause of the whole process."""
    first = await connection_id(engine)
    server.run(f"KILL {first}")
    while server.run(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {first}"):
        pass

    outcome = await engine.execute(ONE)

    assert outcome.rows == [{"one": 1}]
    assert first != await connection_id(engine)


async def test_wait_timeout_passed_with_a_blocked_loop(engine: MySQLEngine, server: Server) -> None:
    """A connection that the server closed meanwhile is replaced, and the statement succeeds."""
    connection = await engine.pool.acquire()
    await connection.run("SET SESSION wait_timeout = 1")
    engine.pool.release(connection)
    thread = connection.thread_id()
    while server.run(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {thread}"):
        pass  # blocks the loop, on purpose

    assert (await engine.execute(ONE)).rows == [{"one": 1}]


async def test_a_connection_is_asked_before_it_is_lent_after_a_while(
    make_engine: MakeEngine,
) -> None:
    """After `ping_after` seconds unused it is pinged once, within `connect_timeout` seconds."""
    engine = make_engine(ping_after=0)
    first = await connection_id(engine)
    (connection,) = engine.pool._idle
    asked = []
    answer = connection.ping_within

    async def ping_within(seconds: float) -> bool:
        asked.append(seconds)
        return await answer(seconds)

    connection.ping_within = ping_within  # type: ignore[method-assign]

    assert first == await connection_id(engine)
    assert [engine.options.connect_timeout] == asked


async def test_one_that_does_not_answer_is_replaced(make_engine: MakeEngine) -> None:
    """A failed ping closes the connection, and another one is lent."""
    engine = make_engine(ping_after=0)
    first = await connection_id(engine)
    (connection,) = engine.pool._idle

    async def ping_within(seconds: float) -> bool:
        return False

    connection.ping_within = ping_within  # type: ignore[method-assign]

    assert first != await connection_id(engine)
    assert connection.closed


@pytest.mark.parametrize("option", ["max_age", "max_idle"])
async def test_an_old_or_unused_connection_is_replaced(
    make_engine: MakeEngine, option: str
) -> None:
    """After `max_age` or `max_idle` seconds a connection is not lent again."""
    engine = make_engine(**{option: 1e-9})

    assert await connection_id(engine) != await connection_id(engine)


async def test_a_closed_engine_begins_anew(engine: MySQLEngine) -> None:
    """`close()` may be called twice; the next statement opens a new connection."""
    first = await connection_id(engine)

    await engine.close()
    await engine.close()

    assert first != await connection_id(engine)


async def test_what_is_lent_while_the_engine_closes_is_closed_after(engine: MySQLEngine) -> None:
    """A connection in use during `close()` still answers, and is closed when it is released."""
    connection = await engine.pool.acquire()

    await engine.close()
    assert (await connection.run("SELECT 1")).rows != []
    engine.pool.release(connection)

    assert connection.closed


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_new_event_loop_gets_connections_of_its_own(url: str) -> None:
    """A second `asyncio.run` does not reuse the connection of the first loop."""
    engine = MySQLEngine(url)

    async def use() -> int:
        return await connection_id(engine)

    async def use_and_close() -> int:
        thread = await connection_id(engine)
        await engine.close()
        return thread

    assert asyncio.run(use()) != asyncio.run(use_and_close())
    gc.collect()


async def test_a_forgotten_connection_warns(url: str) -> None:
    """An open connection that is garbage-collected emits a `ResourceWarning`."""
    engine = MySQLEngine(url)
    await engine.ping()

    with pytest.warns(ResourceWarning, match="not closed"):  # noqa: PT031
        engine.pool._idle.clear()
        gc.collect()
    await engine.close()

"""A server that goes away: told while it lasts, and over without a new engine."""
# ruff: noqa: PT012 - the block that fails is the subject

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

import pymysql
import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql.errors import (
    ConnectionLost,
    QueryTimeout,
    TooManyConnections,
    Unavailable,
)
from tests.kit.mysql.conftest import MakeEngine
from tests.servers.mysql import Flavour, Server, private_server


@pytest.fixture(scope="module")
def mortal(flavour: Flavour) -> Iterator[Server]:
    """A server that tests may stop."""
    with private_server("--max-connections=8", flavour=flavour, must_be_private=True) as server:
        yield server


async def test_a_restarted_server_is_found_again(mortal: Server, make_engine: MakeEngine) -> None:
    """Connections that a restart closed are replaced, and none of the next statements fails."""
    engine = make_engine(mortal.create_database("x"))
    await asyncio.gather(*(engine.ping() for _ in range(5)))

    mortal.restart()

    await asyncio.gather(*(engine.ping() for _ in range(5)))


async def test_a_dead_server_is_told_and_found_again(
    mortal: Server, make_engine: MakeEngine
) -> None:
    """The block raises `ConnectionLost` and keeps no row; the engine reconnects after the start."""
    engine = make_engine(mortal.create_database("x"))
    await engine.run_ddl("CREATE TABLE `t` (`id` BIGINT PRIMARY KEY)")
    with pytest.raises(ConnectionLost):
        async with engine.transaction():
            await engine.execute(QueryString("INSERT INTO t (id) VALUES (1)"))
            mortal.kill()
            await engine.execute(QueryString("INSERT INTO t (id) VALUES (2)"))
    with pytest.raises(Unavailable) as caught:
        await engine.ping()
    assert engine.is_unavailable(caught.value)

    mortal.start()

    assert (await engine.execute(QueryString("SELECT id FROM t"))).rows == []


async def test_a_frozen_server_is_given_up_and_found_again(
    mortal: Server, make_engine: MakeEngine
) -> None:
    """A node that lost its network: connections stay, answers do not come."""
    engine = make_engine(
        mortal.create_database("x"), connect_timeout=0.3, query_timeout=0.3, ping_after=0
    )
    connection = await engine.pool.acquire()
    await engine.ping()
    mortal.freeze()
    try:
        with pytest.raises(QueryTimeout):
            await connection.run("SELECT 1")
        engine.pool.release(connection)
        with pytest.raises(Unavailable):
            await engine.ping()
    finally:
        mortal.thaw()

    for _ in range(20):  # a slow machine may need more than 0.3 s
        with contextlib.suppress(Unavailable):
            await engine.ping()
            return
    pytest.fail("the engine does not find the server again")


@pytest.mark.parametrize("failed_over", [True, False])
async def test_a_kill_hits_nobody_on_another_server(
    mortal: Server, server: Server, make_engine: MakeEngine, *, failed_over: bool
) -> None:
    """After a failover the same address is another server, where the number is somebody else's."""
    engine = make_engine(database=None)
    connection = await engine.pool.acquire()
    there = mortal if failed_over else server
    with there.connect() as innocent:
        connection.server_thread_id = (innocent.thread_id(),)  # type: ignore[no-untyped-call]
        engine.pool.options = replace(engine.options, port=there.port)
        statement = asyncio.create_task(connection.run("SELECT SLEEP(5)"))
        await asyncio.sleep(0)  # it is sent
        statement.cancel()
        with pytest.raises(asyncio.CancelledError):
            await statement
        engine.pool.release(connection)
        await engine.close()  # waits for the KILL

        if failed_over:
            innocent.ping(reconnect=False)
        else:  # so that the test could fail
            with pytest.raises(pymysql.err.OperationalError):
                innocent.ping(reconnect=False)


async def test_a_kill_hits_nobody_after_a_restart(
    mortal: Server, make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The numbers of connections begin anew with each start."""
    caplog.set_level(logging.INFO, "functions.kit.mysql")
    engine = make_engine(mortal.create_database("x"))
    connection = await engine.pool.acquire()
    assert connection.server is not None
    # As if it had been started long before: a restart within two seconds is not what this is of.
    connection.server = connection.server._replace(started_at=connection.server.started_at - 60)
    mortal.kill()
    mortal.start()
    with mortal.connect() as innocent:
        connection.server_thread_id = (innocent.thread_id(),)  # type: ignore[no-untyped-call]
        with pytest.raises(ConnectionLost):
            await connection.run("SELECT 1")
        engine.pool.release(connection)
        await engine.close()

        innocent.ping(reconnect=False)
    assert "another server answers" in caplog.text


async def test_too_many_connections_is_told_and_passes(
    mortal: Server, make_engine: MakeEngine
) -> None:
    """`TooManyConnections` counts as unavailable; after releases the same engine works."""
    database = mortal.create_database("x")
    greedy = make_engine(database, pool_size=20)
    connections = []

    with pytest.raises(TooManyConnections) as caught:
        while True:
            connections.append(await greedy.pool.acquire())
    for connection in connections:
        greedy.pool.release(connection)

    assert greedy.is_unavailable(caught.value)
    await greedy.ping()

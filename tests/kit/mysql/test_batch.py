"""Piccolo's batch: a large result in pieces."""

import pytest
from piccolo.columns import BigInt, Boolean
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported
from tests.kit.mysql.conftest import MakeEngine


class Number(Table):
    n = BigInt(primary_key=True)
    odd = Boolean()


@pytest.fixture
async def engine(make_engine: MakeEngine) -> MySQLEngine:
    engine = make_engine(pool_size=1, pool_timeout=0.2)
    await engine.run_ddl("CREATE TABLE `number` (`n` BIGINT PRIMARY KEY, `odd` TINYINT(1))")
    for n in range(7):
        await engine.execute(
            QueryString("INSERT INTO number (n, odd) VALUES ({}, {})", n, n % 2 == 1)
        )
    Number._meta.db = engine
    return engine


async def test_rows_come_in_pieces(engine: MySQLEngine) -> None:
    """Seven rows come as lists of 3, 3 and 1, and the pool's only connection is free afterwards."""
    sizes, rows = [], []

    async with await Number.select().order_by(Number.n).batch(batch_size=3) as batch:
        async for part in batch:
            sizes.append(len(part))
            rows.extend(part)

    assert sizes == [3, 3, 1]
    assert [{"n": n, "odd": n % 2 == 1} for n in range(7)] == rows
    await engine.ping()


async def test_a_batch_in_a_transaction_sees_what_it_wrote(engine: MySQLEngine) -> None:
    """It runs on the transaction's connection, which other queries can use between its parts."""
    rows = []

    async with engine.transaction():
        await engine.execute(QueryString("DELETE FROM number WHERE n < {}", 5))
        async with await Number.select(Number.n).order_by(Number.n).batch(batch_size=1) as batch:
            async for part in batch:
                rows.extend(part)
                assert await Number.count() == 2

    assert rows == [{"n": 5}, {"n": 6}]


async def test_a_batch_that_is_left_early_gives_its_place_back(engine: MySQLEngine) -> None:
    """With unread rows left, the next query still gets a connection from a pool of one."""
    async with await Number.select().batch(batch_size=1) as batch:
        await anext(batch)

    assert await Number.count() == 7


async def test_a_batch_of_anything_but_a_select_is_refused(engine: MySQLEngine) -> None:
    """`batch()` of a DELETE raises `Unsupported`."""
    with pytest.raises(Unsupported, match="a select"):
        await engine.batch(Number.delete(force=True))

"""Piccolo's `lock_rows()`: FOR UPDATE and FOR SHARE, by what each server takes."""

import asyncio
from typing import Any

import pytest
from piccolo.columns import ForeignKey, Serial, Varchar
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.querystring import QueryString
from piccolo.table import Table, create_db_tables

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import LockTimeout, Unsupported
from tests.servers.mysql import Flavour


class Branch(Table, tablename="lock_branch"):
    id: Serial
    name = Varchar(length=20)


class Copy(Table, tablename="lock_copy"):
    id: Serial
    name = Varchar(length=20)
    branch = ForeignKey(Branch)


@pytest.fixture(autouse=True)
async def rows(engine: MySQLEngine) -> None:
    for table in (Branch, Copy):
        table._meta.db = engine
    await create_db_tables(Branch, Copy)
    await Branch.insert(Branch(name="s"))
    await Copy.insert(Copy(name="a", branch=1), Copy(name="b", branch=1))


def named(name: str) -> Any:
    return Copy.select(Copy.name).where(Copy.name == name)


async def elsewhere(engine: MySQLEngine, query: Any) -> Any:
    """In a transaction of its own, beside the one of this task."""

    async def run() -> Any:
        engine.current_transaction.set(None)
        async with engine.transaction():
            return await query

    return await asyncio.create_task(run())


async def test_a_row_is_locked_until_the_transaction_ends(engine: MySQLEngine) -> None:
    """With `nowait=True` another transaction gets `LockTimeout` first, and the row afterwards."""
    async with engine.transaction():
        locked = await Copy.select(Copy.name).where(Copy.id == 1).lock_rows()
        with pytest.raises(LockTimeout):
            await elsewhere(engine, Copy.select().where(Copy.id == 1).lock_rows(nowait=True))
    after = await elsewhere(
        engine, Copy.select(Copy.name).where(Copy.id == 1).lock_rows(nowait=True)
    )

    assert locked == after == [{"name": "a"}]


async def test_locked_rows_are_left_out(engine: MySQLEngine) -> None:
    """`skip_locked=True` returns only the rows that no other transaction has locked."""
    async with engine.transaction():
        await Copy.select(Copy.name).where(Copy.id == 1).lock_rows("UPDATE")
        others = await elsewhere(
            engine, Copy.select(Copy.name).order_by(Copy.id).lock_rows(skip_locked=True)
        )

    assert others == [{"name": "b"}]


async def test_a_shared_lock_is_shared(engine: MySQLEngine) -> None:
    """Two transactions lock a row FOR SHARE at once, and one with FOR UPDATE skips it."""
    first = Copy.select(Copy.name).where(Copy.id == 1)
    async with engine.transaction():
        await first.lock_rows("SHARE")
        shared = await elsewhere(
            engine, Copy.select(Copy.name).where(Copy.id == 1).lock_rows("SHARE", nowait=True)
        )
        left = await elsewhere(engine, Copy.select(Copy.id).lock_rows(skip_locked=True))

    assert shared == [{"name": "a"}]
    assert {"id": 1} not in left


async def test_objects_are_locked_too(engine: MySQLEngine) -> None:
    """A locked object can be saved in its transaction, while other transactions skip its row."""
    async with engine.transaction():
        book = await Copy.objects().where(Copy.id == 1).lock_rows().first()
        assert book is not None
        book.name = "c"
        await book.save()
        left = await elsewhere(engine, Copy.select(Copy.id).lock_rows(skip_locked=True))

    assert left == [{"id": 2}]
    assert await Copy.select(Copy.name).order_by(Copy.id) == [{"name": "c"}, {"name": "b"}]


async def test_rows_of_some_tables_only(engine: MySQLEngine, flavour: Flavour) -> None:
    """MySQL knows OF; MariaDB does not, and would lock the others too."""
    query = Copy.select(Copy.name, Copy.branch.name).where(Copy.id == 1).lock_rows(of=(Copy,))
    if flavour == "mariadb":
        with pytest.raises(Unsupported, match="FOR UPDATE OF some of the tables on MariaDB"):
            await query
        return
    async with engine.transaction():
        await query
        branch = await elsewhere(engine, Branch.select(Branch.name).lock_rows(nowait=True))
        left = await elsewhere(engine, Copy.select(Copy.id).lock_rows(skip_locked=True))

    assert branch == [{"name": "s"}]
    assert {"id": 1} not in left


@pytest.mark.parametrize("strength", ["NO KEY UPDATE", "KEY SHARE"])
async def test_locks_of_postgres_are_refused_by_name(engine: MySQLEngine, strength: Any) -> None:
    """`Unsupported` names the lock strength, which neither server has."""
    with pytest.raises(Unsupported, match=f"FOR {strength}"):
        await Copy.select().lock_rows(strength)


async def test_a_lock_in_the_middle_of_a_text_is_refused(engine: MySQLEngine) -> None:
    """FOR UPDATE inside a subquery raises `Unsupported`."""
    with pytest.raises(Unsupported, match="elsewhere than at the end"):
        await engine.execute(
            QueryString("SELECT * FROM (SELECT id FROM lock_copy FOR UPDATE) AS x")
        )


async def test_another_engines_tables_go_their_own_way(tmp_path: Any) -> None:
    """What is changed of Piccolo is changed for tables of this engine alone."""

    class Plain(Table, tablename="plain", db=SQLiteEngine(path=str(tmp_path / "x"))):
        name = Varchar()

    with pytest.raises(NotImplementedError, match="SQLite doesn't support row locking"):
        await Plain.select().lock_rows()
    with pytest.warns(Warning, match="SQLite doesn't support ILIKE"):
        like = Plain.select().where(Plain.name.ilike("a"))
    assert " LIKE 'a'" in str(like)
    with pytest.warns(Warning, match="SQLITE doesn't support changes in length"):
        assert Plain.alter().set_length(Plain.name, 9).ddl == []

"""One command is one transaction, which is retried after transient faults only."""

import asyncio

import pytest
from piccolo.querystring import QueryString

from functions.kit.base.errors import Unavailable
from functions.kit.data.database import Database, after_commit, bind, is_in, transactional
from functions.kit.data.engines import connect
from tests.kit import sample


class Busy(Exception):
    """Stands for what either database says when the same transaction may well succeed again."""


@pytest.fixture(autouse=True)
def busy_is_retryable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "is_retryable", lambda error: isinstance(error, Busy))


@transactional
async def add(database: Database, *texts: str) -> None:
    for text in texts:
        await database.execute(
            QueryString("INSERT INTO notes (text, revision) VALUES ({}, 1)", text)
        )


async def test_a_command_is_committed_whole_or_not_at_all(database: Database) -> None:
    """The second insert breaks a unique key, so the first never happened."""
    with pytest.raises(Exception, match=r".") as refused:
        await add(database, "a", "a")

    assert database.is_duplicate(refused.value)
    assert await sample.notes(database) == []


async def test_a_command_inside_another_joins_it(database: Database) -> None:
    """It is undone with it."""

    @transactional
    async def outer(database: Database) -> None:
        await add(database, "a")
        raise LookupError

    with pytest.raises(LookupError):
        await outer(database)

    assert await sample.notes(database) == []


async def test_a_command_is_retried_if_the_database_is_busy(database: Database) -> None:
    """From a state in which nothing of the command has happened."""
    tries = 0

    @transactional
    async def work(database: Database) -> str:
        nonlocal tries
        tries += 1
        await add(database, "a")
        if tries < 3:
            raise Busy
        return "done"

    assert (await work(database), tries) == ("done", 3)
    assert await sample.notes(database) == ["a"]


async def test_a_database_that_stays_busy_is_unavailable(database: Database) -> None:
    """After some tries; the error has a Retry-After."""

    @transactional
    async def work(database: Database) -> None:
        raise Busy

    with pytest.raises(Unavailable) as refused:
        await work(database)

    assert refused.value.retry_after == 1


async def test_another_error_is_not_tried_again(database: Database) -> None:
    """A bug does the same the second time."""
    tries = 0

    @transactional
    async def work(database: Database) -> None:
        nonlocal tries
        tries += 1
        raise KeyError("title")

    with pytest.raises(KeyError):
        await work(database)

    assert tries == 1


async def test_a_callback_runs_once_after_the_commit(database: Database) -> None:
    """However often it was asked for, and by the outermost command."""
    seen: list[bool] = []

    def look() -> None:
        seen.append(database.transaction_exists())

    @transactional
    async def inner(database: Database) -> None:
        after_commit(look)

    @transactional
    async def outer(database: Database) -> None:
        await inner(database)
        after_commit(look)
        assert seen == []

    await outer(database)

    assert seen == [False]


async def test_a_callback_of_a_command_that_fails_never_runs(database: Database) -> None:
    """And of one that was tried again it runs once."""
    seen: list[str] = []

    def look() -> None:
        seen.append("committed")

    tries = 0

    @transactional
    async def work(database: Database) -> None:
        nonlocal tries
        tries += 1
        after_commit(look)
        if tries == 1:
            raise Busy
        if tries == 3:
            raise LookupError

    await work(database)
    with pytest.raises(LookupError):
        await work(database)

    assert seen == ["committed"]


async def test_a_callback_outside_a_command_runs_at_once() -> None:
    """There is nothing that it could wait for."""
    seen: list[str] = []
    after_commit(lambda: seen.append("now"))

    assert seen == ["now"]


async def test_a_cancelled_command_leaves_no_context_behind(database: Database) -> None:
    """Neither a transaction nor a list of callbacks."""
    inside = asyncio.Event()
    seen: list[str] = []

    @transactional
    async def work(database: Database) -> None:
        after_commit(lambda: seen.append("committed"))
        inside.set()
        await asyncio.Event().wait()

    async def caller() -> tuple[bool, list[str]]:
        try:
            await work(database)
        except asyncio.CancelledError:
            after_commit(lambda: seen.append("outside"))
        return database.transaction_exists(), seen

    task = asyncio.create_task(caller())
    await inside.wait()
    task.cancel()

    assert await task == (False, ["outside"])


async def test_a_bound_table_uses_the_engine(database: Database) -> None:
    """Piccolo's own queries go the same way, in the same transactions."""
    bind(database, (sample.Note,))
    async with database.transaction():
        await sample.Note.insert(sample.Note(text="a", revision=1))

    assert await sample.Note.count() == 1


async def test_rows_are_found_by_a_list_of_values(database: Database) -> None:
    """Each a parameter of its own."""
    await add(database, "a", "b", "c'); DROP TABLE notes; --")
    found = await database.execute(
        QueryString(
            "SELECT text FROM notes WHERE {} ORDER BY id",
            is_in("text", ["a", "c'); DROP TABLE notes; --"]),
        )
    )

    assert [row["text"] for row in found.rows] == ["a", "c'); DROP TABLE notes; --"]


async def test_the_database_answers_a_ping(database: Database) -> None:
    """And an advisory lock can be held, whatever it is made of."""
    await database.ping()
    async with database.advisory_lock("name", 1.0):
        assert not database.transaction_exists()


@pytest.mark.parametrize("url", ["", "postgres://db", "shop.db"])
def test_an_unknown_database_is_refused(url: str) -> None:
    """In words that name the variable."""
    with pytest.raises(ValueError, match="DATABASE_URL"):
        connect(url)

"""Statements on a real server: row counts as SQLite has them, ids, upserts, RETURNING."""

from typing import Any
from uuid import uuid4

import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import (
    DataError,
    DuplicateKey,
    IntegrityError,
    ProgrammingError,
    Unsupported,
)
from tests.kit.mysql.bookshelf import Book, Ticket, add, create_tables, stocks
from tests.kit.mysql.conftest import MakeEngine


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    await create_tables(engine)


async def test_an_update_counts_the_rows_it_matched(engine: MySQLEngine) -> None:
    """Changed or not: FOUND_ROWS, without which MySQL counts the changed ones."""
    await add(engine, "a", 5)

    same = await engine.execute(QueryString("UPDATE book SET stock = 5 WHERE title = {}", "a"))
    none = await engine.execute(QueryString("UPDATE book SET stock = 5 WHERE title = {}", "b"))

    assert (same.rowcount, none.rowcount) == (1, 0)


async def test_do_nothing_tells_whether_it_inserted(engine: MySQLEngine) -> None:
    query = QueryString(
        "INSERT INTO book (title, stock) VALUES ({}, 1) ON CONFLICT (title) DO NOTHING", "a"
    )

    first = await engine.execute(query)
    second = await engine.execute(query)

    assert (first.rowcount, second.rowcount) == (1, 0)
    assert first.lastrowid is not None
    assert second.lastrowid is None


async def test_do_nothing_counts_each_of_many_rows(engine: MySQLEngine) -> None:
    await add(engine, "b", 9)

    outcome = await engine.execute(
        QueryString(
            "INSERT INTO book (title, stock) VALUES ({}, 1), ({}, 2), ({}, 3)"
            " ON CONFLICT (title) DO NOTHING",
            *("a", "b", "c"),
        )
    )

    assert outcome.rowcount == 2
    assert await stocks(engine) == {"a": 1, "b": 9, "c": 3}


async def test_do_nothing_hides_no_other_error(engine: MySQLEngine) -> None:
    """INSERT IGNORE, the obvious translation, would cut the title."""
    query = QueryString(
        "INSERT INTO book (title, stock) VALUES ({}, 1) ON CONFLICT DO NOTHING", "x" * 41
    )

    with pytest.raises(DataError, match="title"):
        await engine.execute(query)


async def test_do_update_counts_one_for_a_row_inserted_or_updated(engine: MySQLEngine) -> None:
    query = QueryString(
        "INSERT INTO book (title, stock) VALUES ({}, {}), ({}, {}) ON CONFLICT (title)"
        " DO UPDATE SET stock = book.stock + excluded.stock",
        *("a", 1, "b", 2),
    )

    counts = [(await engine.execute(query)).rowcount for _ in range(2)]

    assert counts == [2, 2]
    assert await stocks(engine) == {"a": 2, "b": 4}


async def test_a_failure_in_the_middle_of_many_rows_leaves_none(engine: MySQLEngine) -> None:
    """One statement to the caller is all or nothing, in a transaction and without one."""
    query = QueryString(
        "INSERT INTO book (title, stock) VALUES ({}, 1), ({}, 1) ON CONFLICT (title) DO NOTHING",
        *("a", "x" * 41),
    )

    with pytest.raises(DataError):
        await engine.execute(query)
    async with engine.transaction():
        await add(engine, "kept")
        with pytest.raises(DataError):
            await engine.execute(query)

    assert await stocks(engine) == {"kept": 1}


async def test_objects_update_themselves() -> None:
    book = Book(title="a", stock=1)
    await book.save()

    await book.update_self({Book.stock: Book.stock + 4})

    assert book.stock == 5


async def test_get_or_create_finds_what_it_made() -> None:
    made = await Book.objects().get_or_create(Book.title == "a", {Book.stock: 3})
    found = await Book.objects().get_or_create(Book.title == "a", {Book.stock: 4})

    assert (made.id, 3) == (found.id, found.stock)
    assert (made._was_created, found._was_created) == (True, False)


async def test_exists_and_count() -> None:
    await Book(title="a").save()

    assert await Book.exists().where(Book.title == "a")
    assert not await Book.exists().where(Book.title == "b")
    assert await Book.count() == 1


async def test_a_sum_of_integers_is_an_integer(engine: MySQLEngine) -> None:
    """MySQL's SUM is a DECIMAL."""
    await add(engine, "a", 2)
    await add(engine, "b", 3)

    outcome = await engine.execute(QueryString("SELECT SUM(stock) AS total FROM book"))

    assert outcome.rows[0]["total"] == 5
    assert int is type(outcome.rows[0]["total"])


async def test_the_same_name_twice_keeps_the_later_value(engine: MySQLEngine) -> None:
    outcome = await engine.execute(QueryString("SELECT 1 AS a, 2 AS a"))

    assert outcome.rows == [{"a": 2}]


async def test_a_duplicate_is_told_by_its_key(engine: MySQLEngine) -> None:
    await add(engine, "a")

    with pytest.raises(DuplicateKey) as caught:
        await add(engine, "a")

    assert engine.is_duplicate(caught.value)
    assert caught.value.key == "title"
    assert not engine.is_retryable(caught.value)
    assert caught.value.__cause__ is not None


async def test_too_long_and_null_and_unknown_are_told_apart(engine: MySQLEngine) -> None:
    insert = "INSERT INTO book (title, stock) VALUES ({}, {})"

    with pytest.raises(DataError):
        await engine.execute(QueryString(insert, "x" * 41, 1))
    with pytest.raises(IntegrityError):
        await engine.execute(QueryString(insert, None, 1))
    with pytest.raises(ProgrammingError, match="nothing_here"):
        await engine.execute(QueryString("SELECT * FROM nothing_here"))


async def test_a_half_character_is_refused_before_it_is_sent(engine: MySQLEngine) -> None:
    with pytest.raises(DataError, match="surrogate") as caught:
        await add(engine, "\udce9")
    assert caught.value.__cause__ is None


async def test_what_comes_after_a_semicolon_is_never_run(engine: MySQLEngine) -> None:
    """The server itself refuses a second statement, should one get so far."""
    with pytest.raises(ProgrammingError):
        await engine.run_ddl("DROP TABLE `ticket`; DROP TABLE `book`")

    assert await stocks(engine) == {}


async def test_piccolos_own_ddl_is_refused(engine: MySQLEngine) -> None:
    with pytest.raises(Unsupported, match="DDL"):
        await Book.create_table(if_not_exists=True)
    with pytest.raises(Unsupported, match="DDL"):
        await engine.execute(QueryString("DROP TABLE book"))


async def test_a_where_that_was_forgotten_is_piccolos_error(engine: MySQLEngine) -> None:
    with pytest.raises(Exception, match="Do you really want to delete"):
        await engine.execute(Book.delete())


async def test_a_select_of_piccolos_can_be_executed(engine: MySQLEngine) -> None:
    await add(engine, "a", 3)

    outcome = await engine.execute(Book.select(Book.stock).where(Book.title == "a"))

    assert (outcome.rows, outcome.rowcount) == ([{"stock": 3}], 1)


async def test_a_frozen_query_runs_twice(engine: MySQLEngine) -> None:
    await add(engine, "a", 3)
    query: Any = Book.select(Book.stock).where(Book.title == "a").freeze()

    assert [await query.run(), await query.run()] == [[{"stock": 3}], [{"stock": 3}]]


@pytest.mark.parametrize("text", ["it's", "back\\slash\\", "%s %% %", "{} ?", "\0", '"', "😀 é"])
async def test_a_text_finds_itself_and_nothing_else(engine: MySQLEngine, text: str) -> None:
    await Ticket(id=uuid4(), name=text).save()
    await Ticket(id=uuid4(), name="another").save()

    assert [{"name": text}] == await Ticket.select(Ticket.name).where(Ticket.name == text)


async def test_like_with_an_escape_of_its_own(engine: MySQLEngine) -> None:
    for title in ("50%", "501", "5\\0"):
        await add(engine, title)

    outcome = await engine.execute(
        QueryString("SELECT title FROM book WHERE title LIKE {} ESCAPE '\\'", "50\\%")
    )

    assert outcome.rows == [{"title": "50%"}]


async def test_a_null_compares_with_is(engine: MySQLEngine) -> None:
    outcome = await engine.execute(
        QueryString("SELECT {} IS {} AS same, {} IS {} AS other", None, None, 1, None)
    )

    assert outcome.rows == [{"same": 1, "other": 0}]


async def test_zero_is_a_key_like_any_other(engine: MySQLEngine) -> None:
    await engine.execute(QueryString("INSERT INTO book (id, title, stock) VALUES (0, 'a', 1)"))

    assert await Book.select(Book.id) == [{"id": 0}]


async def test_the_log_of_statements_holds_no_values(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    await add(make_engine(log_queries=True), "secret")

    assert "INSERT INTO book" in caplog.text
    assert "secret" not in caplog.text


async def test_a_select_of_piccolos_can_be_locked(engine: MySQLEngine) -> None:
    await add(engine, "a", 3)

    async with engine.transaction():
        rows = await engine.locked(Book.select(Book.stock).where(Book.title == "a"))
        with pytest.raises(Unsupported, match="anything but a select"):
            await engine.locked(Book.delete().where(Book.title == "a"))

    assert rows == [{"stock": 3}]

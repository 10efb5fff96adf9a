"""Statements on a real server: row counts as SQLite has them, ids, upserts, RETURNING."""

from decimal import Decimal
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
    """A row that was there gives `rowcount` 0 and `lastrowid` None."""
    query = QueryString(
        "INSERT INTO book (title, stock) VALUES ({}, 1) ON CONFLICT (title) DO NOTHING", "a"
    )

    first = await engine.execute(query)
    second = await engine.execute(query)

    assert (first.rowcount, second.rowcount) == (1, 0)
    assert first.lastrowid is not None
    assert second.lastrowid is None


async def test_do_nothing_counts_each_of_many_rows(engine: MySQLEngine) -> None:
    """`rowcount` is the number of new rows, and the row that was there keeps its values."""
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
    """MySQL itself counts two for each updated row."""
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
    """`update_self` computes on the server and sets the object's attribute to the result."""
    book = Book(title="a", stock=1)
    await book.save()

    await book.update_self({Book.stock: Book.stock + 4})

    assert book.stock == 5


async def test_get_or_create_finds_what_it_made() -> None:
    """The second call returns the first call's row and ignores its own defaults."""
    made = await Book.objects().get_or_create(Book.title == "a", {Book.stock: 3})
    found = await Book.objects().get_or_create(Book.title == "a", {Book.stock: 4})

    assert (made.id, 3) == (found.id, found.stock)
    assert (made._was_created, found._was_created) == (True, False)


async def test_exists_and_count() -> None:
    """`exists()` is true only for a row that matches, and `count()` is the number of rows."""
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
    """A row is a dict, so two columns of one name are one entry."""
    outcome = await engine.execute(QueryString("SELECT 1 AS a, 2 AS a"))

    assert outcome.rows == [{"a": 2}]


async def test_a_duplicate_is_told_by_its_key(engine: MySQLEngine) -> None:
    """`key` is the column's unique key, and the error has the driver's error as its cause."""
    await add(engine, "a")

    with pytest.raises(DuplicateKey) as caught:
        await add(engine, "a")

    assert engine.is_duplicate(caught.value)
    assert caught.value.key == "title"
    assert not engine.is_retryable(caught.value)
    assert caught.value.__cause__ is not None


async def test_too_long_and_null_and_unknown_are_told_apart(engine: MySQLEngine) -> None:
    """They raise `DataError`, `IntegrityError` and, for a table, `ProgrammingError`."""
    insert = "INSERT INTO book (title, stock) VALUES ({}, {})"

    with pytest.raises(DataError):
        await engine.execute(QueryString(insert, "x" * 41, 1))
    with pytest.raises(IntegrityError):
        await engine.execute(QueryString(insert, None, 1))
    with pytest.raises(ProgrammingError, match="nothing_here"):
        await engine.execute(QueryString("SELECT * FROM nothing_here"))


async def test_a_half_character_is_refused_before_it_is_sent(engine: MySQLEngine) -> None:
    """A lone surrogate raises `DataError`, without an error of the driver as its cause."""
    with pytest.raises(DataError, match="surrogate") as caught:
        await add(engine, "\udce9")
    assert caught.value.__cause__ is None


async def test_what_comes_after_a_semicolon_is_never_run(engine: MySQLEngine) -> None:
    """The server itself refuses a second statement, should one get so far."""
    with pytest.raises(ProgrammingError):
        await engine.run_ddl("DROP TABLE `ticket`; DROP TABLE `book`")

    assert await stocks(engine) == {}


async def test_run_ddl_takes_nothing_but_ddl_of_piccolos(engine: MySQLEngine) -> None:
    """A DELETE with Piccolo's double quotes raises `Unsupported`."""
    with pytest.raises(Unsupported, match="no DDL"):
        await engine.run_ddl('DELETE FROM "book"')


async def test_a_where_across_a_foreign_key_writes_the_rows_it_finds(engine: MySQLEngine) -> None:
    """Piccolo prints a subquery on the table that is written, which MySQL reads before."""
    for title, stock in (("a", 1), ("b", 2), ("c", 3)):
        await add(engine, title, stock)
    found = "SELECT ALL b.id FROM book b JOIN book c ON b.id = c.id WHERE c.title"

    updated = await engine.execute(
        QueryString(f"UPDATE book SET stock = 9 WHERE id IN ({found} < {{}})", "b")  # noqa: S608
    )
    returned = await engine.execute(
        QueryString(f"DELETE FROM book WHERE id IN ({found} > {{}}) RETURNING title", "b")  # noqa: S608
    )
    limited = await engine.execute(
        QueryString("DELETE FROM book WHERE id NOT IN (SELECT id FROM book ORDER BY id LIMIT 1)")
    )

    assert (updated.rowcount, returned.rows, limited.rowcount) == (1, [{"title": "c"}], 1)
    assert await stocks(engine) == {"a": 9}


async def test_a_where_that_was_forgotten_is_piccolos_error(engine: MySQLEngine) -> None:
    """A DELETE without WHERE needs Piccolo's `force=True`, through `execute()` too."""
    with pytest.raises(Exception, match="Do you really want to delete"):
        await engine.execute(Book.delete())


async def test_a_select_of_piccolos_can_be_executed(engine: MySQLEngine) -> None:
    """`execute()` takes a Piccolo query; `rowcount` of a select is the number of its rows."""
    await add(engine, "a", 3)

    outcome = await engine.execute(Book.select(Book.stock).where(Book.title == "a"))

    assert (outcome.rows, outcome.rowcount) == ([{"stock": 3}], 1)


async def test_a_frozen_query_runs_twice(engine: MySQLEngine) -> None:
    """A query after `freeze()` gives the same rows each time."""
    await add(engine, "a", 3)
    query: Any = Book.select(Book.stock).where(Book.title == "a").freeze()

    assert [await query.run(), await query.run()] == [[{"stock": 3}], [{"stock": 3}]]


@pytest.mark.parametrize("text", ["it's", "back\\slash\\", "%s %% %", "{} ?", "\0", '"', "😀 é"])
async def test_a_text_finds_itself_and_nothing_else(engine: MySQLEngine, text: str) -> None:
    """Quotes, backslashes, percent signs, braces, NUL and emoji are plain text in a value."""
    await Ticket(id=uuid4(), name=text).save()
    await Ticket(id=uuid4(), name="another").save()

    assert [{"name": text}] == await Ticket.select(Ticket.name).where(Ticket.name == text)


async def test_like_with_an_escape_of_its_own(engine: MySQLEngine) -> None:
    """With a backslash as ESCAPE, an escaped percent sign matches itself only."""
    for title in ("50%", "501", "5\\0"):
        await add(engine, title)

    outcome = await engine.execute(
        QueryString("SELECT title FROM book WHERE title LIKE {} ESCAPE '\\'", "50\\%")
    )

    assert outcome.rows == [{"title": "50%"}]


async def test_a_null_compares_with_is(engine: MySQLEngine) -> None:
    """IS between two values gives 1 or 0, also if one or both are NULL."""
    outcome = await engine.execute(
        QueryString("SELECT {} IS {} AS same, {} IS {} AS other", None, None, 1, None)
    )

    assert outcome.rows == [{"same": 1, "other": 0}]


async def test_zero_is_a_key_like_any_other(engine: MySQLEngine) -> None:
    """The id 0 is stored; by default MySQL would replace it by the next AUTO_INCREMENT number."""
    await engine.execute(QueryString("INSERT INTO book (id, title, stock) VALUES (0, 'a', 1)"))

    assert await Book.select(Book.id) == [{"id": 0}]


async def test_statements_and_answers_are_printed_as_by_other_engines(
    make_engine: MakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their values, one number for a statement and its answer."""
    engine = make_engine(log_queries=True, log_responses=True)
    await add(engine, "a'b", 3)
    await engine.run_ddl("ALTER TABLE `book` COMMENT 'x'")
    await engine.execute(QueryString("SELECT title FROM book WHERE stock = {}", 3))

    printed = capsys.readouterr().out
    assert "INSERT INTO book (title, stock) VALUES ('a'b', 3)" in printed
    assert "ALTER TABLE `book` COMMENT 'x'" in printed
    assert "SELECT title FROM book WHERE stock = 3" in printed
    assert """[{'title': "a'b"}]""" in printed
    assert [f"Query {n}{what}:" in printed for n in (1, 2, 3) for what in ("", " response")] == [
        True
    ] * 6
    assert "Query 4" not in printed


async def test_an_engine_prints_nothing_unasked(
    engine: MySQLEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `log_queries` and `log_responses` no value gets to stdout."""
    await add(engine, "secret")

    assert capsys.readouterr().out == ""


async def test_a_select_of_piccolos_can_be_locked(engine: MySQLEngine) -> None:
    """`locked()` takes a Piccolo select, and raises `Unsupported` for a DELETE."""
    await add(engine, "a", 3)

    async with engine.transaction():
        rows = await engine.locked(Book.select(Book.stock).where(Book.title == "a"))
        with pytest.raises(Unsupported, match="anything but a select"):
            await engine.locked(Book.delete().where(Book.title == "a"))

    assert rows == [{"stock": 3}]


@pytest.fixture
async def prices(engine: MySQLEngine) -> None:
    await engine.run_ddl(
        "CREATE TABLE `price` (`id` BIGINT AUTO_INCREMENT PRIMARY KEY, `name` VARCHAR(9) UNIQUE,"
        " `amount` DECIMAL(6, 2) NOT NULL)"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO price (amount) VALUES ({})",
        "INSERT INTO price (amount) VALUES ({}), (1)",
        "INSERT INTO price (amount) VALUES ({}) RETURNING id",
        "INSERT INTO price (name, amount) VALUES ('a', {}) ON CONFLICT (name) DO NOTHING",
        (
            "INSERT INTO price (name, amount) VALUES ('kept', 1) ON CONFLICT (name)"
            " DO UPDATE SET amount = {}"
        ),
        "UPDATE price SET amount = {}",
        "UPDATE price SET amount = {} RETURNING amount",
    ],
)
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.usefixtures("prices")
async def test_a_decimal_is_kept_whole_or_not_at_all(
    engine: MySQLEngine, sql: str, *, inside: bool
) -> None:
    """The server would round it, and leave a note, in strict mode too."""
    await engine.execute(QueryString("INSERT INTO price (name, amount) VALUES ('kept', 5)"))
    query = QueryString(sql, Decimal("1.239"))
    if inside:
        async with engine.transaction():
            await engine.execute(QueryString("UPDATE price SET amount = 6"))
            with pytest.raises(DataError, match="more digits after its point"):
                await engine.execute(query)
    else:
        with pytest.raises(DataError, match="more digits after its point"):
            await engine.execute(query)
    left = await engine.execute(QueryString("SELECT name, amount FROM price"))
    whole = await engine.execute(QueryString(sql, Decimal("1.2300")))

    assert left.rows == [{"name": "kept", "amount": Decimal("6.00" if inside else "5.00")}]
    assert whole.rowcount >= 1


@pytest.mark.usefixtures("prices")
async def test_a_decimal_may_be_compared_with_any_digits(engine: MySQLEngine) -> None:
    """1.239 is not refused in a WHERE on a DECIMAL(6, 2), in a SELECT or an UPDATE."""
    await engine.execute(QueryString("INSERT INTO price (amount) VALUES ({})", Decimal("1.23")))
    found = await engine.execute(
        QueryString("SELECT amount FROM price WHERE amount < {}", Decimal("1.239"))
    )
    changed = await engine.execute(
        QueryString("UPDATE price SET amount = 2 WHERE amount < {}", Decimal("1.239"))
    )

    assert found.rows == [{"amount": Decimal("1.23")}]
    assert changed.rowcount == 1


async def test_an_upsert_of_every_column_returns_its_row(engine: MySQLEngine) -> None:
    """Its key is given its own value, as with `values=Table.all_columns()`."""
    key = await add(engine, "a", 1)
    rows = await (
        Book.insert(Book(id=key, title="b", stock=2))
        .on_conflict(target=Book.id, action="DO UPDATE", values=Book.all_columns())
        .returning(Book.id, Book.title)
    )

    assert rows == [{"id": key, "title": "b"}]

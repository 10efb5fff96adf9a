"""RETURNING, which MySQL has not: numbers of new rows, and rows as they were written."""

import itertools
import sqlite3
from uuid import UUID

import pytest
from piccolo.querystring import QueryString

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported
from tests.kit.mysql.bookshelf import Book, Ticket, add, create_tables, stocks


@pytest.fixture(autouse=True)
async def schema(engine: MySQLEngine) -> None:
    await create_tables(engine)


async def test_a_saved_object_gets_its_number() -> None:
    """`save()` sets the AUTO_INCREMENT key, by which the row is found."""
    book = Book(title="a", stock=1)

    await book.save()

    assert book.id > 0
    assert (await Book.objects().get(Book.id == book.id)).title == "a"  # type: ignore[union-attr]


async def test_many_inserted_objects_get_their_numbers() -> None:
    """Each object of one INSERT gets the id of its own row."""
    books = [Book(title=title, stock=1) for title in "cab"]

    await Book.insert(*books)

    rows = await Book.select(Book.id, Book.title)
    assert {book.title: book.id for book in books} == {row["title"]: row["id"] for row in rows}


async def test_rows_with_and_without_a_key_get_the_right_ones() -> None:
    """A given key is kept, and the other objects of the INSERT get the ids of their own rows."""
    books = [Book(title="a"), Book(title="b", id=1000), Book(title="c")]

    await Book.insert(*books)

    rows = await Book.select(Book.id, Book.title)
    assert {book.title: book.id for book in books} == {row["title"]: row["id"] for row in rows}
    assert books[1].id == 1000


async def test_a_key_of_the_clients_own_is_kept() -> None:
    """`insert()` returns the UUIDs that the client made, in the order of the objects."""
    tickets = [Ticket(name=name) for name in "ab"]

    rows = await Ticket.insert(*tickets)

    assert [{"id": ticket.id} for ticket in tickets] == rows
    assert all(isinstance(ticket.id, UUID) for ticket in tickets)


async def test_an_upsert_returns_the_key_of_the_row_that_is_there() -> None:
    """DO UPDATE returns the id of the existing row, not that of the object that was sent."""
    first = Ticket(name="a", n=1)
    await first.save()

    rows = await Ticket.insert(Ticket(name="a", n=5)).on_conflict(
        target=Ticket.name, action="DO UPDATE", values=[Ticket.n]
    )

    assert [{"id": first.id}] == rows
    assert await Ticket.select(Ticket.n) == [{"n": 5}]


async def test_do_nothing_returns_the_rows_that_it_inserted(engine: MySQLEngine) -> None:
    """Of two rows, the one that conflicts is missing from the result."""
    await add(engine, "a")

    rows = await engine.run_querystring(
        QueryString(
            "INSERT INTO book (title, stock) VALUES ({}, 1), ({}, 2)"
            " ON CONFLICT (title) DO NOTHING RETURNING title, stock",
            *("a", "b"),
        )
    )

    assert rows == [{"title": "b", "stock": 2}]


async def test_an_insert_returns_what_was_stored(engine: MySQLEngine) -> None:
    """Columns and expressions are returned, one row for each of VALUES and in their order."""
    rows = await engine.run_querystring(
        QueryString(
            "INSERT INTO book (title, stock) VALUES ({}, {}), ({}, {}) RETURNING title, stock + 1",
            *("b", 1, "a", 2),
        )
    )

    assert [tuple(row.values()) for row in rows] == [("b", 2), ("a", 3)]


async def test_an_update_returns_what_it_wrote(engine: MySQLEngine) -> None:
    """The rows that matched are returned with their new values."""
    for title, stock in (("a", 1), ("b", 5), ("c", 9)):
        await add(engine, title, stock)

    rows = (
        await Book.update({Book.stock: Book.stock - 2})
        .where(Book.stock > 2)
        .returning(Book.title, Book.stock)
    )

    assert rows == [{"title": "b", "stock": 3}, {"title": "c", "stock": 7}]


async def test_a_delete_returns_what_was_there(engine: MySQLEngine) -> None:
    """The deleted rows are returned; the others remain."""
    await add(engine, "a", 1)
    await add(engine, "b", 5)

    rows = await Book.delete().where(Book.stock > 2).returning(Book.title)

    assert rows == [{"title": "b"}]
    assert await stocks(engine) == {"a": 1}


async def test_an_update_that_changes_the_key_cannot_return(engine: MySQLEngine) -> None:
    """It raises `Unsupported`: the rows are read again by their key."""
    await add(engine, "a")

    with pytest.raises(Unsupported, match="primary key"):
        await engine.execute(QueryString("UPDATE book SET id = 5 RETURNING title"))


async def test_a_key_that_the_server_makes_otherwise_is_refused_and_nothing_written(
    engine: MySQLEngine,
) -> None:
    """Its number is 0, and `code IN (0)` would be every text that is no number."""
    await engine.run_ddl(
        "CREATE TABLE `voucher` (`code` VARCHAR(40) NOT NULL DEFAULT (UUID()) PRIMARY KEY,"
        " `n` BIGINT NOT NULL)"
    )
    await engine.execute(QueryString("INSERT INTO voucher (code, n) VALUES ('other', 0)"))

    for statement in (
        "INSERT INTO voucher (n) VALUES (1) RETURNING code",
        "INSERT INTO voucher (n) VALUES (1) RETURNING code, n",
        "INSERT INTO voucher (n) VALUES (1), (2) RETURNING n",
        "INSERT INTO voucher (code, n) VALUES ({}, 1), (NULL, 2) RETURNING n",
    ):
        with pytest.raises(Unsupported, match="make the key before"):
            await engine.execute(QueryString(statement, *["x"] * statement.count("{}")))

    assert (await engine.execute(QueryString("SELECT code FROM voucher"))).rows == [
        {"code": "other"}
    ]


async def test_a_number_as_the_key_of_a_text_finds_its_own_row(engine: MySQLEngine) -> None:
    """Compared as numbers, 5 and '5 apples' are the same."""
    await engine.run_ddl("CREATE TABLE `crate` (`code` VARCHAR(40) PRIMARY KEY, `n` BIGINT)")
    await engine.execute(QueryString("INSERT INTO crate (code, n) VALUES ('5 apples', 0)"))

    rows = await engine.run_querystring(
        QueryString("INSERT INTO crate (code, n) VALUES ({}, 1) RETURNING code, n", 5)
    )

    assert rows == [{"code": "5", "n": 1}]


async def test_a_trigger_that_changes_the_key_is_told_and_nothing_kept(
    engine: MySQLEngine,
) -> None:
    """`Unsupported` is raised after the INSERT, which is then rolled back."""
    await engine.run_ddl("CREATE TABLE `crate` (`code` VARCHAR(40) PRIMARY KEY, `n` BIGINT)")
    await engine.run_ddl(
        "CREATE TRIGGER `louder` BEFORE INSERT ON `crate` FOR EACH ROW"
        " SET NEW.`code` = CONCAT(NEW.`code`, '!')"
    )

    with pytest.raises(Unsupported, match="another key than sent"):
        await engine.execute(
            QueryString("INSERT INTO crate (code, n) VALUES ({}, 1) RETURNING code, n", "a")
        )

    assert (await engine.execute(QueryString("SELECT code FROM crate"))).rows == []


UPSERTS = [
    ("n = excluded.n", "no column of the target"),
    ("name = excluded.name || '!'", "the target itself"),
    ("name = NULL, n = n + 1", "the target, to nothing"),
]


@pytest.mark.parametrize("change", [change for change, _ in UPSERTS], ids=[w for _, w in UPSERTS])
@pytest.mark.parametrize("numbered", [True, False])
async def test_an_upsert_returns_the_row_that_it_wrote(
    engine: MySQLEngine, change: str, *, numbered: bool
) -> None:
    """As SQLite does; whether it was there, is new, or has nothing that could meet another."""
    key = "BIGINT AUTO_INCREMENT" if numbered else "BIGINT"
    await engine.run_ddl(
        f"CREATE TABLE `thing` (`id` {key} PRIMARY KEY, `name` VARCHAR(20) UNIQUE, `n` BIGINT)"
    )
    sqlite = sqlite3.connect(":memory:")
    sqlite.row_factory = sqlite3.Row
    sqlite.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER)")
    ids = itertools.count(10)
    for name, n in (("a", 1), ("b", 2), ("a", 3), (None, 4), (None, 5), ("b", 2), ("b", 6)):
        columns, values = ("name, n", (name, n))
        if not numbered:
            columns, values = ("id, name, n", (next(ids), name, n))  # type: ignore[assignment]
        text = (
            f"INSERT INTO thing ({columns}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608
            f" ON CONFLICT (name) DO UPDATE SET {change} RETURNING name, n, name AS again"
        )
        expected = [dict(row) for row in sqlite.execute(text, values)]
        outcome = await engine.execute(QueryString(text.replace("?", "{}"), *values))

        assert expected == outcome.rows
        assert outcome.rowcount == 1


async def test_an_upsert_that_changes_the_key_cannot_return(engine: MySQLEngine) -> None:
    """DO UPDATE SET id with RETURNING raises `Unsupported` and inserts no row."""
    with pytest.raises(Unsupported, match="primary key"):
        await engine.execute(
            QueryString(
                "INSERT INTO book (title, stock) VALUES ('a', 1)"
                " ON CONFLICT (title) DO UPDATE SET id = 7 RETURNING title"
            )
        )

    assert await stocks(engine) == {}

"""RETURNING, which MySQL has not: numbers of new rows, and rows as they were written."""

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
    book = Book(title="a", stock=1)

    await book.save()

    assert book.id > 0
    assert (await Book.objects().get(Book.id == book.id)).title == "a"  # type: ignore[union-attr]


async def test_many_inserted_objects_get_their_numbers() -> None:
    books = [Book(title=title, stock=1) for title in "cab"]

    await Book.insert(*books)

    rows = await Book.select(Book.id, Book.title)
    assert {book.title: book.id for book in books} == {row["title"]: row["id"] for row in rows}


async def test_rows_with_and_without_a_key_get_the_right_ones() -> None:
    books = [Book(title="a"), Book(title="b", id=1000), Book(title="c")]

    await Book.insert(*books)

    rows = await Book.select(Book.id, Book.title)
    assert {book.title: book.id for book in books} == {row["title"]: row["id"] for row in rows}
    assert books[1].id == 1000


async def test_a_key_of_the_clients_own_is_kept() -> None:
    tickets = [Ticket(name=name) for name in "ab"]

    rows = await Ticket.insert(*tickets)

    assert [{"id": ticket.id} for ticket in tickets] == rows
    assert all(isinstance(ticket.id, UUID) for ticket in tickets)


async def test_an_upsert_returns_the_key_of_the_row_that_is_there() -> None:
    first = Ticket(name="a", n=1)
    await first.save()

    rows = await Ticket.insert(Ticket(name="a", n=5)).on_conflict(
        target=Ticket.name, action="DO UPDATE", values=[Ticket.n]
    )

    assert [{"id": first.id}] == rows
    assert await Ticket.select(Ticket.n) == [{"n": 5}]


async def test_do_nothing_returns_the_rows_that_it_inserted(engine: MySQLEngine) -> None:
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
    rows = await engine.run_querystring(
        QueryString(
            "INSERT INTO book (title, stock) VALUES ({}, {}), ({}, {}) RETURNING title, stock + 1",
            *("b", 1, "a", 2),
        )
    )

    assert [tuple(row.values()) for row in rows] == [("b", 2), ("a", 3)]


async def test_an_update_returns_what_it_wrote(engine: MySQLEngine) -> None:
    for title, stock in (("a", 1), ("b", 5), ("c", 9)):
        await add(engine, title, stock)

    rows = (
        await Book.update({Book.stock: Book.stock - 2})
        .where(Book.stock > 2)
        .returning(Book.title, Book.stock)
    )

    assert rows == [{"title": "b", "stock": 3}, {"title": "c", "stock": 7}]


async def test_a_delete_returns_what_was_there(engine: MySQLEngine) -> None:
    await add(engine, "a", 1)
    await add(engine, "b", 5)

    rows = await Book.delete().where(Book.stock > 2).returning(Book.title)

    assert rows == [{"title": "b"}]
    assert await stocks(engine) == {"a": 1}


async def test_an_update_that_changes_the_key_cannot_return(engine: MySQLEngine) -> None:
    await add(engine, "a")

    with pytest.raises(Unsupported, match="primary key"):
        await engine.execute(QueryString("UPDATE book SET id = 5 RETURNING title"))

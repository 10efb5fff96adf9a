"""Golden texts of what Piccolo's own queries print, and what of it is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from piccolo.columns import ForeignKey, Integer, Serial, Varchar
from piccolo.query.functions import Concat, Length
from piccolo.table import Table

from functions.kit.mysql import MySQLEngine
from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.translate import translate
from tests.kit.mysql.recorder import sent


class Author(Table, db=MySQLEngine("mysql://nobody@localhost/nowhere")):
    name = Varchar()


class Book(Table, db=MySQLEngine("mysql://nobody@localhost/nowhere")):
    id: Serial
    title = Varchar()
    stock = Integer()
    author = ForeignKey(Author)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            lambda: Book.select(Book.title).where(Book.stock > 3).order_by(Book.title).limit(2),
            (
                "SELECT ALL `book`.`title` AS `title` FROM `book` WHERE `book`.`stock` > 3"
                " ORDER BY `book`.`title` ASC LIMIT 2"
            ),
        ),
        (
            lambda: Book.select(Book.title, Book.author.name).where(Book.title.like("a%")),
            (
                "SELECT ALL `book`.`title` AS `title`, `book$author`.`name` AS `author.name`"
                " FROM `book` LEFT JOIN `author` `book$author`"
                " ON (`book`.`author` = `book$author`.`id`) WHERE `book`.`title` LIKE 'a%'"
            ),
        ),
        (
            lambda: Book.update({Book.stock: Book.stock + 1}).where(Book.id == 5),
            "UPDATE `book` SET `stock` = `stock` + 1 WHERE `book`.`id` = 5",
        ),
        (
            lambda: Book.delete().where(Book.title.is_in(["a", "b"])),
            "DELETE FROM `book` WHERE `book`.`title` IN ('a', 'b')",
        ),
        (Book.count, "SELECT ALL COUNT(*) AS `count` FROM `book`"),
        (
            lambda: Book.select(Length(Book.title)),
            "SELECT ALL CHAR_LENGTH(`book`.`title`) AS `length` FROM `book`",
        ),
        (
            lambda: Book.delete().where(Book.author.name == "x"),
            (
                "DELETE FROM `book` WHERE `author` IN (SELECT * FROM (SELECT ALL"
                " `book`.`author` AS `author` FROM `book` LEFT JOIN `author` `book$author`"
                " ON (`book`.`author` = `book$author`.`id`) WHERE `book$author`.`name` = 'x'"
                " LIMIT 18446744073709551615) AS `__rows`)"
            ),
        ),
        (
            lambda: Book.select(Concat(Book.title, "x")),
            "SELECT ALL CONCAT_WS('', `book`.`title`, CAST('x' AS CHAR)) FROM `book`",
        ),
        (
            Book.table_exists,
            (
                "SELECT EXISTS(SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA ="
                " DATABASE() AND TABLE_NAME = 'book') AS `exists`"
            ),
        ),
        (
            lambda: Book.insert(Book(title="x", stock=1, author=2)),
            "INSERT INTO `book` (`id`, `title`, `stock`, `author`) VALUES (NULL, 'x', 1, 2)",
        ),
    ],
)
def test_what_piccolo_prints_is_sent_as(query: Callable[[], Any], expected: str) -> None:
    """SQL that Piccolo compiles for SQLite is sent with backquoted names and literal values."""
    (querystring,) = query().querystrings
    sql, args = querystring.compile_string(engine_type="sqlite")

    assert expected == sent(sql, *args)


@pytest.mark.parametrize(
    ("query", "construct"),
    [
        (lambda: Book.select(Book.get_readable()), r"printf\(\)"),
    ],
)
def test_what_piccolo_prints_for_sqlite_alone_is_refused(
    query: Callable[[], Any], construct: str
) -> None:
    """`get_readable()` needs SQLite's `printf()`, which `Unsupported` names."""
    (querystring,) = query().querystrings
    sql, _ = querystring.compile_string(engine_type="sqlite")

    with pytest.raises(Unsupported, match=construct):
        translate(sql)

"""How MariaDB and MySQL find a page of the list: by the index of its order, and sorts nothing.

A rare word it finds by the full-text index, and sorts its few books; for a common one it goes
through the books in order.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest

from functions.kit.http.pagination import encode_cursor
from functions.kit.mysql.connection import Connection
from functions.kit.mysql.plans import Result
from tests.catalog.library import Library, open_library
from tests.servers.mysql import Server

BOOKS = 3000


@pytest.fixture
async def big_library(mysql_server: Server) -> AsyncIterator[Library]:
    """Enough books that a plan by the table would cost more than one by an index."""
    url = mysql_server.create_database("catalog_plans")
    async with open_library(url, LIST_CACHE_SECONDS="0") as running:
        lines = [
            f"Book {number},Author {'Rare' if number % 300 == 0 else number % 97},{number % 50}.50"
            for number in range(BOOKS)
        ]
        report = await running.report_of("title,author,price\n" + "\n".join(lines))
        assert report["created"] == BOOKS
        mysql_server.run("ANALYZE TABLE catalog_plans.books, catalog_plans.inventory")
        yield running
    mysql_server.run("DROP DATABASE catalog_plans")


class Access(NamedTuple):
    """How a statement reads one of its tables."""

    table: str
    key: str | None
    kind: str
    """`eq_ref` for one row by a unique key, `fulltext`, `covering` (an index alone), or `scan`."""
    sorts: bool
    """Whether the statement sorts; a TREE does not say by which table."""


_LINE = re.compile(
    r"^ *-> (?P<how>[\w -]+) on (?P<table>\w+)(?: using (?P<key>\w+))?", re.MULTILINE
)


def accesses(rows: Sequence[dict[str, Any]]) -> list[Access]:
    """An EXPLAIN of either server.

    MySQL's own table is no use here: it shows what was chosen before the order was thought of.
    """
    if "EXPLAIN" in rows[0]:
        tree = rows[0]["EXPLAIN"]
        return [
            Access(line["table"], line["key"], _kind(line["how"].lower()), "-> Sort" in tree)
            for line in _LINE.finditer(tree)
        ]
    return [
        Access(
            row["table"],
            row["key"],
            "covering" if row["Extra"] == "Using index" else _kind(row["type"] or ""),
            "filesort" in (row["Extra"] or ""),
        )
        for row in rows
    ]


def _kind(how: str) -> str:
    if "covering index scan" in how:
        return "covering"
    if "single-row" in how or how == "eq_ref":
        return "eq_ref"
    return "fulltext" if how.startswith(("full-text", "fulltext")) else "scan"


class Plans:
    """Of the statements that are run from now on."""

    def __init__(self) -> None:
        self.lists: list[Access] = []
        """Of the books table."""
        self.samples: list[Access] = []


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, mysql_server: Server) -> Plans:
    plans = Plans()
    run = Connection.run
    form = "FORMAT=TREE " if mysql_server.flavour == "mysql" else ""

    async def explain(connection: Connection, sql: str) -> list[Access]:
        return accesses((await run(connection, f"EXPLAIN {form}{sql}")).rows)

    async def explaining(connection: Connection, sql: str) -> Result:
        if "FROM `books` `b` LEFT JOIN" in sql:
            plans.lists += [
                access for access in await explain(connection, sql) if access.table == "b"
            ]
        if "`looked`" in sql:
            plans.samples += await explain(connection, sql)
        return await run(connection, sql)

    monkeypatch.setattr(Connection, "run", explaining)
    return plans


TITLE = encode_cursor("title", "book 2")
PRICE = encode_cursor("-price", "000000001050")


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("limit=50", "PRIMARY"),
        (f"limit=50&after={encode_cursor('id', BOOKS - 60)}", "PRIMARY"),
        ("limit=50&sort=newest", "PRIMARY"),
        ("limit=50&sort=title", "ix_books_by_title"),
        (f"limit=50&sort=title&after={TITLE}", "ix_books_by_title"),
        (f"limit=50&sort=-price&after={PRICE}", "ix_books_by_price"),
        ("ids=5,17,2999", "PRIMARY"),
        ("q=book&limit=50", "PRIMARY"),
        (f"q=auth&limit=50&sort=title&after={TITLE}", "ix_books_by_title"),
        ("q=rare&ids=1,5,17,2999", "PRIMARY"),
    ],
)
async def test_a_page_is_read_in_the_order_of_its_index(
    big_library: Library, explained: Plans, query: str, key: str
) -> None:
    """Wherever it is; so it costs the same in a table of any size."""
    response = await big_library.get(f"/books?{query}")

    assert response.status_code == 200
    assert [(plan.key, plan.sorts) for plan in explained.lists] == [(key, False)]


async def test_a_page_is_read_so_whether_few_stocks_are_known_or_all(
    big_library: Library, explained: Plans, mysql_server: Server
) -> None:
    """A table of few rows tempts MySQL to hash it, and to sort all books after that."""
    for known in (1, 100, BOOKS):
        mysql_server.run("DELETE FROM catalog_plans.inventory")
        mysql_server.run(
            "INSERT INTO catalog_plans.inventory (book_id, revision, available, as_of)"  # noqa: S608
            f" SELECT id, 1, 1, created_at FROM catalog_plans.books LIMIT {known}"
        )
        mysql_server.run("ANALYZE TABLE catalog_plans.inventory")
        await big_library.get(f"/books?limit=50&sort=title&after={TITLE}")
        await big_library.get("/books?limit=50&in_stock=true")

    assert [(plan.key, plan.sorts) for plan in explained.lists] == [
        ("ix_books_by_title", False),
        ("PRIMARY", False),
    ] * 3


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=rare", 10),
        ("q=boo+rar", 10),
        ("q=rare&sort=title&limit=4", 4),
        (f"q=rare&sort=-price&after={PRICE}", 10),
        (f"q=rare&limit=50&after={encode_cursor('id', BOOKS - 60)}", 0),
        ("q=book+rare&max_price=5", 10),
        ("q=au+1+9", 50),
        ("q=missing", 0),
    ],
)
async def test_a_rare_word_is_found_by_the_full_text_index(
    big_library: Library, explained: Plans, query: str, found: int
) -> None:
    """Whatever else is asked for; so it costs what its books cost, not what all of them do."""
    titles = await big_library.titles(query)

    assert found == len(titles)
    assert [(plan.kind, plan.key) for plan in explained.lists] == [("fulltext", "ft_books_search")]


@pytest.mark.parametrize("query", ["q=rare", "q=book+rare&max_price=5&in_stock=true"])
async def test_a_search_begins_with_a_look_at_a_few_books(
    big_library: Library, explained: Plans, query: str
) -> None:
    """As many in a table of any size: the first ones of an index."""
    await big_library.get(f"/books?{query}")

    plans = {plan.table: plan for plan in explained.samples}
    assert (plans["books"].key, plans["books"].kind) == ("ix_books_match", "covering")
    assert (plans["b"].kind, plans["b"].key) == ("eq_ref", "PRIMARY")


async def test_what_filters_leave_of_a_common_word_decides(
    big_library: Library, explained: Plans
) -> None:
    """A page of all books is near; of a word's few that a filter lets through, it is not."""
    await big_library.get("/books?q=book&min_price=1")
    await big_library.get("/books?q=book&min_price=1000")

    assert [plan.key for plan in explained.lists] == ["PRIMARY", "ft_books_search"]

"""How MySQL finds a page of the list: by the index of its order, and sorts nothing.

A rare word it finds by the full-text index, and sorts its few books; for a common one it goes
through the books in order.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from functions.kit.mysql.plans import Result
from functions.kit.mysql.wire import Wire
from functions.kit.pages import encode_cursor
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


class Plans:
    """Of the statements that are run from now on."""

    def __init__(self) -> None:
        self.lists: list[dict[str, Any]] = []
        """Of the books table."""
        self.samples: list[dict[str, Any]] = []


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> Plans:
    plans = Plans()
    run = Wire.run

    async def explain(wire: Wire, sql: str) -> Sequence[dict[str, Any]]:
        return (await run(wire, f"EXPLAIN {sql}")).rows

    async def explaining(wire: Wire, sql: str) -> Result:
        if "FROM `books` `b` LEFT JOIN" in sql:
            plans.lists += [row for row in await explain(wire, sql) if row["table"] == "b"]
        if "`looked`" in sql:
            plans.samples += await explain(wire, sql)
        return await run(wire, sql)

    monkeypatch.setattr(Wire, "run", explaining)
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
    assert [(plan["key"], "filesort" in (plan["Extra"] or "")) for plan in explained.lists] == [
        (key, False)
    ]


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
    assert [(plan["type"], plan["key"]) for plan in explained.lists] == [
        ("fulltext", "ft_books_search")
    ]


@pytest.mark.parametrize("query", ["q=rare", "q=book+rare&max_price=5&in_stock=true"])
async def test_a_search_begins_with_a_look_at_a_few_books(
    big_library: Library, explained: Plans, query: str
) -> None:
    """As many in a table of any size: the first ones of an index."""
    await big_library.get(f"/books?{query}")

    plans = {plan["table"]: plan for plan in explained.samples}
    assert (plans["books"]["key"], plans["books"]["Extra"]) == ("ix_books_match", "Using index")
    assert (plans["b"]["type"], plans["b"]["key"]) == ("eq_ref", "PRIMARY")


async def test_what_filters_leave_of_a_common_word_decides(
    big_library: Library, explained: Plans
) -> None:
    """A page of all books is near; of a word's few that a filter lets through, it is not."""
    await big_library.get("/books?q=book&min_price=1")
    await big_library.get("/books?q=book&min_price=1000")

    assert [plan["key"] for plan in explained.lists] == ["PRIMARY", "ft_books_search"]

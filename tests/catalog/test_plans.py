"""How MariaDB and MySQL find a page of the list: by the index of its order, without sorting.

Books of a rare word are found by the full-text index and sorted; those of a common one are found by
a scan in list order.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from functions.kit.http.pagination import encode_cursor
from functions.kit.mysql.connection import Connection
from functions.kit.mysql.plans import Result
from tests.catalog.library import SELLER, Library, open_library
from tests.servers.mysql import Server
from tests.support.plans import Access, accesses

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOKS = 3000
"""Enough that a scan of the table costs more than an index."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def big_library(mysql_server: Server) -> AsyncIterator[Library]:
    """One library per server: the tests only read its books."""
    url = mysql_server.create_database("catalog_plans")
    async with open_library(url, LIST_CACHE_SECONDS="0") as running:
        lines = [
            f"Book {number},Author {'Rare' if number % 300 == 0 else number % 97},{number % 50}.50"
            f",{1900 + number % 100},{'es' if number % 300 == 0 else 'en'},{number % 700}"
            for number in range(BOOKS)
        ]
        report = await running.report_of(
            "title,author,price,year,language,ratings_count\n" + "\n".join(lines)
        )
        assert report["created"] == BOOKS
        mysql_server.run("UPDATE catalog_plans.books SET rating_order = id % 700")
        await running.name_seller()
        sold = f"seller_id = {SELLER} WHERE id % 300 = 0"
        mysql_server.run(f"UPDATE catalog_plans.books SET {sold}")  # noqa: S608 - of this file
        mysql_server.run("ANALYZE TABLE catalog_plans.books, catalog_plans.inventory")
        yield running
    mysql_server.run("DROP DATABASE catalog_plans")


class Plans:
    """Plans of the statements that run after the fixture was created."""

    def __init__(self) -> None:
        self.lists: list[Access] = []
        """Accesses to the books table by the list."""
        self.samples: list[Access] = []
        self.facets: list[Access] = []
        """Accesses by the counts of facets, but to the inventory."""
        self.suggestions: list[Access] = []


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch, mysql_server: Server) -> Plans:
    plans = Plans()
    run = Connection.run
    form = "FORMAT=TREE " if mysql_server.flavour == "mysql" else ""

    async def explain(connection: Connection, sql: str) -> list[Access]:
        return accesses((await run(connection, f"EXPLAIN {form}{sql}")).rows)

    async def explaining(connection: Connection, sql: str) -> Result:
        if "`price_range`" in sql or "`b`.`author`, COUNT" in sql or "AS `n0`" in sql:
            found = await explain(connection, sql)
            plans.facets += [access for access in found if access.table in {"b", "books"}]
        elif "FROM `books` `b` LEFT JOIN" in sql:
            plans.lists += [
                access for access in await explain(connection, sql) if access.table == "b"
            ]
        elif "`matches`" in sql:
            plans.samples += await explain(connection, sql)
        elif "SELECT `b`.`id`, `b`.`title`, `b`.`author` FROM" in sql:
            plans.suggestions += await explain(connection, sql)
        return await run(connection, sql)

    monkeypatch.setattr(Connection, "run", explaining)
    return plans


TITLE = encode_cursor("title", "book 2")
RATINGS = "ix_books_by_ratings"
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
        ("limit=50&sort=popular", RATINGS),
        (f"limit=50&sort=popular&after={encode_cursor('popular', 300, 1000)}", RATINGS),
        ("limit=50&sort=rating", "ix_books_by_rating"),
        (f"limit=50&sort=rating&after={encode_cursor('rating', 300, 1000)}", "ix_books_by_rating"),
        ("limit=50&sort=year", "ix_books_by_year"),
        (f"limit=50&sort=year&after={encode_cursor('year', 1950, 1000)}", "ix_books_by_year"),
        (f"limit=50&sort=year&after={encode_cursor('year', -10_000, 9)}", "ix_books_by_year"),
        ("limit=50&sort=-year", "ix_books_by_year"),
        (f"limit=50&sort=-year&after={encode_cursor('-year', 1950, 1000)}", "ix_books_by_year"),
        ("limit=50&sort=popular&language=en", RATINGS),
        ("limit=5&language=es", "ix_books_by_language"),
        (f"limit=5&seller={SELLER}", "ix_books_by_seller"),
        ("ids=5,17,2999", "PRIMARY"),
        ("q=book&limit=50", "PRIMARY"),
        (f"q=auth&limit=50&sort=title&after={TITLE}", "ix_books_by_title"),
        ("q=rare&ids=1,5,17,2999", "PRIMARY"),
    ],
)
async def test_a_page_is_read_in_the_order_of_its_index(
    big_library: Library, explained: Plans, query: str, key: str
) -> None:
    """Every page of every order, so a page costs the same in a table of any size."""
    response = await big_library.get(f"/books?{query}")

    assert response.status_code == 200
    assert [(plan.key, plan.sorts) for plan in explained.lists] == [(key, False)]


async def test_the_plan_of_a_page_does_not_depend_on_how_many_stocks_are_known(
    big_library: Library, explained: Plans, mysql_server: Server
) -> None:
    """Without its hint MySQL would hash a small inventory and sort all books after the join."""
    for known in (1, 100, BOOKS):
        mysql_server.run("DELETE FROM catalog_plans.inventory")
        mysql_server.run(
            "INSERT INTO catalog_plans.inventory (book_id, revision, available, as_of)"  # noqa: S608
            f" SELECT id, 1, 1, created_at FROM catalog_plans.books LIMIT {known}"
        )
        mysql_server.run("ANALYZE TABLE catalog_plans.inventory")
        await big_library.get(f"/books?limit=50&sort=title&after={TITLE}")
        await big_library.get("/books?limit=50&in_stock=true")
    mysql_server.run("DELETE FROM catalog_plans.inventory")
    mysql_server.run("ANALYZE TABLE catalog_plans.inventory")

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
    """With any other filter, so a search costs as much as the books of its rarest word."""
    titles = await big_library.titles(query)

    assert found == len(titles)
    assert [(plan.kind, plan.key) for plan in explained.lists] == [("fulltext", "ft_books_search")]


@pytest.mark.parametrize("query", ["q=rare", "q=book+rare&max_price=5&in_stock=true"])
async def test_a_search_samples_the_first_books_of_an_index(
    big_library: Library, explained: Plans, query: str
) -> None:
    """The sample has the same cost in a table of any size."""
    await big_library.get(f"/books?{query}")

    plans = {plan.table: plan for plan in explained.samples}
    assert (plans["books"].key, plans["books"].kind) == ("ix_books_match", "covering")
    assert (plans["b"].kind, plans["b"].key) == ("eq_ref", "PRIMARY")


async def test_a_filter_that_few_books_of_a_common_word_pass_selects_the_full_text_index(
    big_library: Library, explained: Plans
) -> None:
    """A scan fills a page soon where most books match, and late where a filter excludes most."""
    await big_library.get("/books?q=book&min_price=1")
    await big_library.get("/books?q=book&min_price=1000")

    assert [plan.key for plan in explained.lists] == ["PRIMARY", "ft_books_search"]


async def test_facets_of_a_rare_word_are_counted_by_the_full_text_index(
    big_library: Library, explained: Plans
) -> None:
    """So that they cost as much as the books of the word."""
    counted = (await big_library.get("/books/facets?q=rare&language=es")).json()

    assert (counted["total"], counted["exact"]) == (10, True)
    assert {(plan.kind, plan.key) for plan in explained.facets} == {("fulltext", "ft_books_search")}


async def test_facets_of_a_large_table_read_a_sample_by_its_index(
    big_library: Library, explained: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many rows of the books as the sample has, each by its key, in a table of any size."""
    monkeypatch.setattr("functions.catalog.queries.facets.COUNTED", 1000)
    monkeypatch.setattr("functions.catalog.queries.facets.SAMPLED", 100)
    for query in ("", "?q=book&max_price=5", "?author=Author+Rare&in_stock=true"):
        assert (await big_library.get(f"/books/facets{query}")).json()["exact"] is False

    plans = {(plan.table, plan.key, plan.kind) for plan in explained.facets}
    assert ("books", "ix_books_match", "covering") in plans
    assert {plan for plan in plans if plan[0] == "b"} == {("b", "PRIMARY", "eq_ref")}


async def test_a_suggestion_is_found_by_an_index(big_library: Library, explained: Plans) -> None:
    """A common beginning in the order of popularity, a rare one by the full-text index."""
    for typed in ("bo", "rar"):
        assert (await big_library.get(f"/books/suggestions?q={typed}")).json()

    assert [(plan.key, plan.kind) for plan in explained.suggestions] == [
        (RATINGS, "scan"),
        ("ft_books_search", "fulltext"),
    ]

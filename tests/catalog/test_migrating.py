"""A catalogue of a release before is brought up to date, and a kill at any point does no harm."""

import asyncio
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations, queries
from functions.catalog.domain.books import BookDetails
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.search.match_keys import searchable
from functions.catalog.search.sort_keys import price_order
from functions.catalog.tables import TABLES, derived
from functions.kit.base.clock import utc_now
from functions.kit.data.backfill import BATCH
from functions.kit.data.database import Database, bind
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate, pending
from tests.servers.mysql import Server

ROOT = Path(__file__).parents[2]
BOOKS = BATCH + 1

WRITES = ("UPDATE", "CREATE", "INSERT", "ALTER")
WRITTEN = (2 + 1 + 1) + (5 * 2 + 1) + (1 + 1) + (1 + 1 + 1) + (1 + 1 + 4 + 1)
"""Two batches of texts, the index, the version; two of each of five columns, the version; the
columns of facets, the version; the sellers, the columns of their books, the version; a column, an
index and four tables of operations, the version."""

FIRST = ("title", "author", "description", "isbn", "category", "price_minor")
"""Details of a book in the first release."""

KILLED_AT = """
import asyncio, os, sys
from functions.catalog import migrations
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
from functions.kit.mysql.connection import Connection

after, left = sys.argv[2] == "after", int(sys.argv[3])
run = Connection.run_within

async def killed(self, seconds, sql):
    global left
    left -= sql.startswith(("UPDATE", "CREATE", "INSERT", "ALTER"))
    if left == 0 and not after:
        os.kill(os.getpid(), 9)
    result = await run(self, seconds, sql)
    if left == 0:
        os.kill(os.getpid(), 9)
    return result

Connection.run_within = killed
asyncio.run(migrate(connect(sys.argv[1]), load(migrations)))
"""


def details(number: int) -> BookDetails:
    """Of a book whose columns are all written otherwise than the first release wrote them."""
    return BookDetails(
        title=f"The Spider\u2010Man Book, #{number}",
        author="Author, J.R.R." if number % 2 else "One, Rare",
        description=None,
        isbn=f"978{number:09}0",
        category=f"c\u00adategory {number % 7}",
        price_minor=1,
    )


def row(number: int) -> dict[str, Any]:
    """As the first release wrote it."""
    book = details(number)
    return {
        **{name: value for name, value in asdict(book).items() if name in FIRST},
        "currency": "USD",
        "initial_stock": 0,
        "title_order": f"{number:04}",
        "price_order": price_order(1, f"{number:04}"),
        "category_key": book.category,
        "author_names": ";a;",
        "search_text": f"{searchable(book.title)} {searchable(book.author)}",
        "match_key": f"{number:04}",
        "uid": f"{number:04}",
        "revision": 1,
        "retired": False,
        "created_at": utc_now(),
        "updated_at": utc_now(),
    }


async def fill(url: str, version: int = 1) -> None:
    """The database of a release before: its schema, and texts that no release writes any more."""
    database = connect(url)
    bind(database, TABLES)
    await migrate(database, load(migrations)[:version])
    rows = [row(number) for number in range(1, BOOKS + 1)]
    places = f"({', '.join(['{}'] * len(rows[0]))})"
    await database.execute(
        QueryString(
            f"INSERT INTO books ({', '.join(rows[0])}) VALUES {', '.join([places] * BOOKS)}",  # noqa: S608
            *(value for each in rows for value in each.values()),
        )
    )
    await database.close()


async def finish(url: str) -> None:
    database = connect(url)
    bind(database, TABLES)
    await migrate(database, load(migrations))

    assert await pending(database, load(migrations)) == []
    await check(database)
    await database.close()


async def check(database: Database) -> None:
    outcome = await database.execute(QueryString("SELECT * FROM books ORDER BY id"))

    assert len(outcome.rows) == BOOKS
    for number, found in enumerate(outcome.rows, 1):
        expected = derived(details(number), f"{number:04}")
        assert {name: found[name] for name in expected} == expected
    for asked, count in (
        ({"q": "jrr spiderman #7"}, 6),
        ({"q": "one #200"}, 1),
        ({"q": "#201"}, 1),
        ({"q": "#202"}, 0),
        ({"author": "J.R.R. Author", "category": "category 1"}, 15),
        ({"q": "9780000000170"}, 1),
    ):
        page = await queries.list_books(
            database, filters(**asked), Sort.TITLE, after=None, limit=100
        )

        assert (asked, count) == (asked, len(page.rows))
    page = await queries.list_books(database, filters(), Sort.TITLE, after=None, limit=100)
    assert [each["id"] for each in page.rows] == list(range(1, 101))


def filters(**asked: str) -> Filters:
    names = "q isbn author category language min_price max_price in_stock ids"
    every: dict[str, Any] = {**dict.fromkeys(names.split()), **asked}
    return Filters.parse(**every)


@pytest.mark.parametrize("version", [1, 2])
async def test_a_database_of_an_earlier_release_is_migrated(
    database_url: str, version: int
) -> None:
    """Its computed columns are recomputed, and every book is found."""
    await fill(database_url, version)
    await finish(database_url)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_migration_that_was_killed_is_completed_by_the_next_run(
    mysql_server: Server, when: str
) -> None:
    """It may be killed before any of its writes."""
    for number in range(1, WRITTEN + 1):
        url = mysql_server.create_database("bookstore_searched")
        asyncio.run(fill(url))
        command = [sys.executable, "-c", KILLED_AT, url, when, str(number)]
        killed = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603

        assert killed.returncode == -9, number
        asyncio.run(finish(url))

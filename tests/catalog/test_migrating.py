"""A catalogue of the release before is brought up to date, and a kill at any point does no harm."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations, queries
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.search import search_text
from functions.catalog.domain.text import searchable
from functions.catalog.tables import TABLES
from functions.kit.clock import utc_now
from functions.kit.database import Database, bind, connect
from functions.kit.migrations import load, migrate, pending
from functions.kit.rewriting import BATCH
from tests.servers.mysql import Server

ROOT = Path(__file__).parents[2]
BOOKS = 2 * BATCH + 1

WRITES = ("UPDATE", "CREATE", "INSERT")
WRITTEN = 3 + 1 + 1
"""Three batches of texts, the index, and the version."""

KILLED_AT = """
import asyncio, os, sys
from functions.catalog import migrations
from functions.kit.database import connect
from functions.kit.migrations import load, migrate
from functions.kit.mysql.wire import Wire

after, left = sys.argv[2] == "after", int(sys.argv[3])
run = Wire.run_within

async def killed(self, seconds, sql):
    global left
    left -= sql.startswith(("UPDATE", "CREATE", "INSERT"))
    if left == 0 and not after:
        os.kill(os.getpid(), 9)
    result = await run(self, seconds, sql)
    if left == 0:
        os.kill(os.getpid(), 9)
    return result

Wire.run_within = killed
asyncio.run(migrate(connect(sys.argv[1]), load(migrations)))
"""


def row(number: int) -> dict[str, Any]:
    title, author = f"The Book, #{number}", "J.R.R. Author" if number % 2 else "Rare One"
    return {
        "title": title,
        "author": author,
        "price_minor": 1,
        "currency": "USD",
        "initial_stock": 0,
        "title_order": f"{number:04}",
        "price_order": f"{number:04}",
        "author_names": ";a;",
        "search_text": f"{searchable(title)} {searchable(author)}",
        "match_key": f"{number:04}",
        "uid": f"{number:04}",
        "revision": 1,
        "retired": False,
        "created_at": utc_now(),
        "updated_at": utc_now(),
    }


async def fill(url: str) -> None:
    """The database of the release before: its schema, and its texts."""
    database = connect(url)
    bind(database, TABLES)
    await migrate(database, load(migrations)[:1])
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
    outcome = await database.execute(QueryString("SELECT title, author, search_text FROM books"))

    assert len(outcome.rows) == BOOKS
    for each in outcome.rows:
        assert each["search_text"] == search_text(each["title"], each["author"])
    for q, found in (("jrr #7", 6), ("one #40", 2), ("#401", 1), ("#402", 0)):
        page = await queries.list_books(database, filters(q), Sort.ID, after=None, limit=100)

        assert (q, found) == (q, len(page.rows))


def filters(q: str) -> Filters:
    nothing: dict[str, Any] = dict.fromkeys(
        ("author", "category", "min_price", "max_price", "in_stock", "ids")
    )
    return Filters.parse(q=q, **nothing)


async def test_a_catalogue_of_the_release_before_is_brought_up_to_date(database_url: str) -> None:
    """Its texts are written anew, and every book is found."""
    await fill(database_url)
    await finish(database_url)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_write_is_followed_by_a_run_that_finishes(
    mysql_server: Server, when: str
) -> None:
    for number in range(1, WRITTEN + 1):
        url = mysql_server.create_database("bookstore_searched")
        asyncio.run(fill(url))
        command = [sys.executable, "-c", KILLED_AT, url, when, str(number)]
        killed = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603

        assert killed.returncode == -9, number
        asyncio.run(finish(url))

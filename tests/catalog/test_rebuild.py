"""The stock, and who bought what, are rebuilt from purchase, whatever was in their place."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations
from functions.kit.data.database import Database
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
from functions.kit.events import inbox
from functions.kit.events.cloudevents import write
from tests.purchase.shop import STOCK, book_event
from tests.support.processes import Service, running
from tests.support.signing import SECRET, SIGNER

ROOT = Path(__file__).parents[2]
SOURCE = "/bookstore/purchase/inventory"
BOOKS = 3


@pytest.fixture
async def database(make_database_url: Callable[[], str]) -> AsyncIterator[tuple[str, Database]]:
    """Catalog's database, with stocks and a purchase that are wrong: too new, or unknown."""
    url = make_database_url()
    database = connect(url)
    await migrate(database, load(migrations))
    for book_id, revision in ((1, 900), (77, 5)):
        await database.execute(
            QueryString(
                "INSERT INTO inventory (book_id, revision, available, as_of)"
                " VALUES ({}, {}, 0, {})",
                book_id,
                revision,
                datetime(2026, 3, 14, tzinfo=UTC),
            )
        )
    await database.execute(
        QueryString(
            "INSERT INTO bought_books (purchase_id, book_id, user_id, revision, bought)"
            " VALUES (5, 1, 7, 900, {})",
            True,
        )
    )
    yield url, database
    await database.close()


async def shown(database: Database) -> list[tuple[int, int, int]]:
    outcome = await database.execute(
        QueryString("SELECT book_id, revision, available FROM inventory ORDER BY book_id")
    )
    return [(row["book_id"], row["revision"], row["available"]) for row in outcome.rows]


async def bought(database: Database) -> list[tuple[int, int, int]]:
    outcome = await database.execute(
        QueryString("SELECT purchase_id, book_id, revision FROM bought_books")
    )
    return [(row["purchase_id"], row["book_id"], row["revision"]) for row in outcome.rows]


async def rebuild(url: str, purchase: str) -> tuple[int | None, str]:
    """The command's exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "functions.catalog.rebuild"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "PURCHASE_INTERNAL_URL": purchase,
            "INTERNAL_SECRET": SECRET,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_rebuild_replaces_the_stock_by_purchases(
    database: tuple[str, Database], make_database_url: Callable[[], str]
) -> None:
    """Revisions that are too new are replaced, and unknown books removed."""
    url, catalog = database
    environment = {
        "DATABASE_URL": make_database_url(),
        "AUTO_MIGRATE": "true",
        "INTERNAL_SECRET": SECRET,
    }
    purchase = Service("purchase", environment)
    async with running(purchase), httpx.AsyncClient(timeout=60) as client:
        for book_id in range(1, BOOKS + 1):
            headers, body = write(SIGNER.sign(book_event(book_id)))
            await client.post(f"{purchase.url}/events", headers=headers, content=body)
        first = await rebuild(url, purchase.url)
        again = await rebuild(url, purchase.url)

    assert first == again
    assert first[0] == 0
    assert f"from {BOOKS} states of purchase" in first[1]
    assert await shown(catalog) == [(book_id, 1, STOCK) for book_id in range(1, BOOKS + 1)]
    assert await inbox.position(catalog, SOURCE) == BOOKS
    assert "orders was rebuilt from 0 states of purchase" in first[1]
    assert await bought(catalog) == []


async def test_a_rebuild_without_its_owner_changes_nothing(
    database: tuple[str, Database],
) -> None:
    """The command exits with 1 and changes nothing."""
    url, catalog = database
    before = [*await shown(catalog), *await bought(catalog)]
    code, said = await rebuild(url, "http://127.0.0.1:9")

    assert code == 1
    assert [*await shown(catalog), *await bought(catalog)] == before
    assert "nothing was rebuilt" in said

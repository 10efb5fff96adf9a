"""What tests share in a process, and that no test finds what another one left."""

import contextlib
import importlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from functions.kit.data.engines import connect
from functions.kit.data.migrations import Migration, load, migrate
from tests.auth.service import open_auth
from tests.journeys.shop_in_process import open_shop
from tests.storefront.visitor import open_storefront
from tests.support import schemas

SERVICES = ("auth", "catalog", "notifications", "purchase")


_SAID_AGAIN = " CHARACTER SET utf8mb4"


class Whole(NamedTuple):
    """All that a database holds."""

    made_by: dict[str, str]
    """The statement that makes each table and index."""
    rows: dict[str, list[tuple[Any, ...]]]


def whole(url: str) -> Whole:
    if url.startswith("mysql:"):
        with schemas.connected(url) as connection, connection.cursor() as cursor:
            dump = schemas.dumped(cursor)
        # MySQL says so of a column only where it was said before; it is the table's own.
        made = {name: sql.replace(_SAID_AGAIN, "") for name, sql in dump.tables.items()}
        return Whole(made, dump.rows)
    path = url.removeprefix("sqlite:///").partition("?")[0]
    with contextlib.closing(sqlite3.connect(path)) as file:
        found = file.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
        tables = [name for name, kind, _ in found if kind == "table"]
        rows = {name: file.execute(f"SELECT * FROM '{name}'").fetchall() for name in tables}  # noqa: S608
        return Whole({name: sql for name, _, sql in found}, rows)


async def _migrate(url: str, migrations: ModuleType) -> list[Migration]:
    database = connect(url)
    try:
        return await migrate(database, load(migrations))
    finally:
        await database.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_copy_is_what_the_migrations_make(
    make_database_url: Callable[[], str], service: str
) -> None:
    """The same tables, indexes and rows; and a start on it applies nothing."""
    migrations = importlib.import_module(f"functions.{service}.migrations")
    urls = {name: make_database_url() for name in ("migrated", "first", "second")}
    for name in ("first", "second"):
        await schemas.with_schema(urls[name], migrations)
    await _migrate(urls["migrated"], migrations)
    migrated, first, second = (whole(url) for url in urls.values())
    versions = [row[:3] for row in migrated.rows.pop("schema_version")]  # without the moment

    assert len(versions) == len(load(migrations))
    for copy in (first, second):
        assert [row[:3] for row in copy.rows.pop("schema_version")] == versions
        assert copy == migrated
    assert await _migrate(urls["second"], migrations) == []


async def test_a_database_with_tables_is_left_alone(database_url: str) -> None:
    """Also one that has another schema, or a part of this one."""
    migrations = importlib.import_module("functions.auth.migrations")
    database = connect(database_url)
    try:
        await database.run_ddl("CREATE TABLE own (id INTEGER)")
    finally:
        await database.close()
    before = whole(database_url)
    await schemas.with_schema(database_url, migrations)

    assert before.made_by.keys() == {"own"}
    assert whole(database_url) == before


async def test_services_that_were_registered_once_share_nothing(tmp_path: Path) -> None:
    """Two that run at the same time have their own accounts, services and settings."""
    one, two = (f"sqlite:///{tmp_path}/{name}.db?synchronous=off" for name in ("one", "two"))
    async with open_auth(one) as first, open_auth(two, ACCESS_TOKEN_SECONDS="60") as second:
        person = await first.person()
        known = [await each.is_in(person) for each in (first, second)]
        here = [service.app.state.services for service in (first, second)]
        routes = [service.app.routes for service in (first, second)]
        refused = await second.log_in()

    assert known == [True, False]
    assert refused.status_code == 401
    assert here[0] is not here[1]
    assert [each.settings.access_token_seconds for each in here] == [900, 60]
    assert routes[0] == routes[1]
    assert routes[0] is not routes[1]


async def test_a_shop_starts_with_nothing_of_the_one_before(tmp_path: Path) -> None:
    """Accounts, books and sessions of a shop are gone with it; its staff is in the next one."""
    seen = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with open_shop(tmp_path / name) as shop, open_storefront(shop) as visitor:
            seen.append(
                {
                    "accounts": (await shop.call("auth", "GET", "/users", user="admin")).json(),
                    "books": (await shop.call("catalog", "GET", "/books")).json(),
                    "staff": (await shop.call("auth", "GET", "/me", user="staff")).json(),
                }
            )
            await shop.sell()
            await visitor.sign_up()
            shop.tokens.clear()

    assert len(seen[0]["accounts"]) == 2
    assert seen[0]["books"] == []
    assert seen[0] == seen[1]

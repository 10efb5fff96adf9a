"""The service as a whole: exposed APIs, document, settings, schema."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations
from functions.catalog.app import create_app
from functions.catalog.migrate import url
from functions.catalog.settings import CatalogSettings
from functions.catalog.tables import TABLES
from functions.kit.base.settings import BadSettings
from functions.kit.data.migrations import load
from tests.catalog.library import Library, open_library, sqlite_url

ROOT = Path(__file__).parents[2]


async def test_the_root_names_the_service(library: Library) -> None:
    """`GET /` returns the service's name and status."""
    assert (await library.get("/")).json() == {"service": "catalog", "status": "running"}


@pytest.mark.parametrize(
    ("exposed", "books", "feed"), [("public", 200, 404), ("internal", 404, 200), ("both", 200, 200)]
)
async def test_exposed_api_selects_the_mounted_routes(
    database_url: str, exposed: str, books: int, feed: int
) -> None:
    """`public` mounts the books, `internal` the feed, `both` both."""
    async with open_library(database_url, EXPOSED_API=exposed) as library:
        assert (await library.get("/books")).status_code == books
        assert (await library.feed()).status_code == feed


async def test_the_document_describes_every_route(library: Library) -> None:
    """The OpenAPI document has every route of the books and no other."""
    document = (await library.get("/openapi.json")).json()
    routes = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/books")
    }

    assert routes == {
        ("GET", "/books"),
        ("POST", "/books"),
        ("GET", "/books/facets"),
        ("GET", "/books/managed"),
        ("GET", "/books/suggestions"),
        ("GET", "/books/managed"),
        ("GET", "/books/{book_id}"),
        ("PUT", "/books/{book_id}"),
        ("PATCH", "/books/{book_id}"),
        ("DELETE", "/books/{book_id}"),
        ("POST", "/books/{book_id}/restore"),
        ("PUT", "/books/{book_id}/seller"),
        ("POST", "/books/import"),
        ("GET", "/books/{book_id}/reviews"),
        ("POST", "/books/{book_id}/reviews"),
        ("GET", "/books/{book_id}/reviews/own"),
    }
    price = document["components"]["schemas"]["BookView"]["properties"]["price"]
    assert price["type"] == "number"
    body = document["paths"]["/books/import"]["post"]["requestBody"]
    assert list(body["content"]) == ["multipart/form-data", "text/csv"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert (form["required"], form["properties"]["file"]["format"]) == (["file"], "binary")
    sort = next(
        each for each in document["paths"]["/books"]["get"]["parameters"] if each["name"] == "sort"
    )
    assert "-price" in sort["schema"]["enum"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CURRENCY", "usd"),
        ("CURRENCY", "USD\n"),
        ("IMPORT_MAX_BYTES", "12"),
        ("IMPORT_MAX_BYTES", "a lot"),
        ("PURCHASE_INTERNAL_URL", "purchase:5002"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    """The error has the name of the variable."""
    with pytest.raises(BadSettings, match=name):
        CatalogSettings.from_mapping({name: value})


async def test_new_books_have_the_configured_currency(database_url: str) -> None:
    """`CURRENCY` applies to new books; existing ones keep their currency."""
    async with open_library(database_url, CURRENCY="COP") as library:
        await library.add()
    async with open_library(database_url) as library:
        await library.add()
        books = (await library.get("/books")).json()

        assert [book["currency"] for book in books] == ["COP", "USD"]


async def test_the_tables_are_those_of_the_schema(tmp_path: Path) -> None:
    """Piccolo's columns are the ones that the migrations create."""
    async with open_library(sqlite_url(tmp_path)) as library:
        for table in TABLES:
            outcome = await library.database.execute(
                QueryString(f"PRAGMA table_info({table._meta.tablename})")
            )
            made = [row["name"] for row in outcome.rows]

            assert sorted(made) == sorted(column._meta.name for column in table._meta.columns)


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("id", "PRIMARY KEY"),
        ("newest", "PRIMARY KEY"),
        ("title", "ix_books_by_title"),
        ("-title", "ix_books_by_title"),
        ("price", "ix_books_by_price"),
        ("-price", "ix_books_by_price"),
    ],
)
async def test_every_page_is_read_from_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sort: str, index: str
) -> None:
    """The plan neither sorts nor scans, so the last page costs as much as the first."""
    async with open_library(sqlite_url(tmp_path)) as library:
        for title in "abc":
            await library.add(title)
        (second,) = (await library.get(f"/books?sort={sort}&limit=1")).links.values()
        seen: list[QueryString] = []
        execute = library.database.execute

        async def spy(query: Any) -> Any:
            seen.append(query)
            return await execute(query)

        monkeypatch.setattr(library.database, "execute", spy)
        await library.get(second["url"])
        (query,) = [each for each in seen if "FROM books" in str(each)]
        outcome = await execute(QueryString("EXPLAIN QUERY PLAN {}", query))
        plan = " | ".join(row["detail"] for row in outcome.rows)

        assert f"SEARCH b USING INTEGER {index}" in plan or f"SEARCH b USING INDEX {index}" in plan
        assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("query", ["q=rare", "q=rare&sort=title", "q=ra+b&sort=-price&limit=2"])
async def test_a_rare_word_is_found_in_the_full_text_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """The plan reads its books by key and no other book."""
    async with open_library(sqlite_url(tmp_path)) as library:
        for number in range(300):
            await library.add(f"Book {number}", "Rare" if number % 100 == 7 else "Author")
        plans: list[str] = []
        execute = library.database.execute

        async def explaining(query: Any) -> Any:
            if "LEFT JOIN inventory" in str(query):
                outcome = await execute(QueryString("EXPLAIN QUERY PLAN {}", query))
                plans.append(" | ".join(row["detail"] for row in outcome.rows))
            return await execute(query)

        monkeypatch.setattr(library.database, "execute", explaining)
        found = await library.titles(query)
        sample, plan = plans

        assert "SCAN books USING COVERING INDEX ix_books_match" in sample
        assert "TEMP B-TREE" not in sample
        assert found[-1] in {"Book 7", "Book 107", "Book 207"}
        assert "SCAN ft_books_search VIRTUAL TABLE INDEX" in plan
        assert "SEARCH b USING INTEGER PRIMARY KEY" in plan


def test_the_schema_can_be_printed_for_both_databases() -> None:
    """SQLite needs more statements than MySQL for the same schema."""
    initial, *_ = load(migrations)

    assert len(initial.statements("sqlite")) > len(initial.statements("mysql"))


def test_the_migration_command_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DATABASE_URL` decides which database is migrated."""
    monkeypatch.setenv("DATABASE_URL", "mysql://u:p@db/catalog")

    assert url() == "mysql://u:p@db/catalog"


def test_it_starts_with_an_empty_environment() -> None:
    """Two apps in one process share no state."""
    settings = CatalogSettings()

    first, second = (create_app(settings).state.services for _ in range(2))

    assert first.database is not second.database


def test_its_process_loads_neither_black_nor_asyncpg() -> None:
    """Piccolo's app registry and its Postgres engine, which import them, stay unloaded."""
    code = (
        "import sys; from functions.catalog.app import create_app; create_app();"
        "print(sorted({'black', 'asyncpg', 'pymysql'} & set(sys.modules)))"
    )
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"

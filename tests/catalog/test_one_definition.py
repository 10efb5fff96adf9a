"""A field of a book follows from one definition, `BookDetails`; what cannot follow is held here.

If a field is added, these tests show every place that also needs it (CONTRIBUTING, "A new
field of a book").
"""

from dataclasses import dataclass, fields
from typing import Any

import msgspec
import pytest
from piccolo.querystring import QueryString

from functions.catalog import events, schemas
from functions.catalog.domain.books import DETAILS, BookDetails
from functions.catalog.entity_tags import SHAPE
from functions.catalog.importing.rows import COLUMNS
from functions.catalog.tables import BookRow
from tests.catalog.library import ISBN, OTHER_ISBN, Library, open_library
from tests.support.contracts import validator


@dataclass(frozen=True)
class Said:
    """How a field is tried: two values as a body has them, and the second in a file."""

    one: Any
    other: Any
    cell: str
    column: str | None = None
    """Of the file, where it has a unit of its own."""


SAID = {
    "title": Said("Rayuela", "Otra", "Otra"),
    "author": Said("Julio Cortázar", "Otro", "Otro"),
    "description": Said("d", "e", "e"),
    "isbn": Said(ISBN, OTHER_ISBN, OTHER_ISBN),
    "category": Said("c", "otra", "otra"),
    "price": Said(12.5, 13.25, "13.25"),
    "year": Said(1963, -750, "-750.0"),
    "language": Said("es", "en", "eng"),
    "external_rating_hundredths": Said(434, 250, "2.50", "average_rating"),
    "external_ratings_count": Said(7, 4780653, "4780653"),
}
"""By the name that bodies and files have for it."""

NAMES = ["price" if name == "price_minor" else name for name in DETAILS]

SHAPES = {
    1: "id: int, title: str, author: str, description: str | None, price: Decimal, stock: int,"
    " isbn: str | None, category: str | None, currency: str, price_minor: int,"
    " stock_revision: int, stock_as_of: datetime",
    2: "id: int, title: str, author: str, description: str | None, price: Decimal, stock: int,"
    " isbn: str | None, category: str | None, currency: str, price_minor: int,"
    " year: int | None, language: str | None, external_rating_hundredths: int | None,"
    " external_ratings_count: int, stock_revision: int, stock_as_of: datetime",
    3: "id: int, title: str, author: str, description: str | None, price: Decimal, stock: int,"
    " isbn: str | None, category: str | None, currency: str, price_minor: int,"
    " year: int | None, language: str | None, external_rating_hundredths: int | None,"
    " external_ratings_count: int, stock_revision: int, stock_as_of: datetime,"
    " rating_hundredths: int | None, reviews_count: int, ratings_by_stars: list,"
    " seller_id: int | None, seller_name: str | None",
}
"""What `BookView` was, by `SHAPE`."""


OPTIONAL = {"year", "language", "external_rating_hundredths", "external_ratings_count"}
"""Fields that came after the first release: a `.v1` event may lack them."""


def names(struct: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(struct)}


def test_every_field_is_tried() -> None:
    """A new field of `BookDetails` needs two values in `SAID`."""
    assert sorted(SAID) == sorted(NAMES)


@pytest.mark.parametrize("name", [field.name for field in fields(BookDetails)])
def test_every_place_knows_every_field(name: str) -> None:
    """Bodies, files, the table, the event and its three contracts have it."""
    said = "price" if name == "price_minor" else name

    assert said in names(schemas.NewBook)
    assert said in names(schemas.BookChanges)
    assert said in COLUMNS
    assert {said, name} <= names(schemas.BookView)
    assert name in {column._meta.name for column in BookRow._meta.columns}
    assert name in names(events.BookState)
    for event in (events.BOOK_CREATED, events.BOOK_UPDATED, events.BOOK_RETIRED):
        schema: Any = validator(event).schema
        assert name in schema["properties"]
        assert (name in schema["required"]) == (name not in OPTIONAL)


def test_every_member_of_a_response_is_writable_or_read_only() -> None:
    """Every member of a response may be sent back."""
    assert names(schemas.BookView) == {*NAMES, *schemas.READ_ONLY}
    assert names(schemas.BookChanges) == names(schemas.BookView)


def test_another_shape_of_the_json_has_another_number() -> None:
    """A change of `BookView` needs another `SHAPE` in `entity_tags.py`, and an entry here."""
    shape = ", ".join(
        f"{field.name}: {getattr(field.type, '__name__', field.type)}"
        for field in msgspec.structs.fields(schemas.BookView)
    )

    assert shape == SHAPES[SHAPE]


@pytest.mark.parametrize("name", NAMES)
async def test_a_change_of_any_field_is_seen_everywhere(database_url: str, name: str) -> None:
    """The response, both ETags, the event and its revision change, by PATCH and by import."""
    column = "price_minor" if name == "price" else name
    async with open_library(database_url, LIST_CACHE_SECONDS="0") as library:
        book = {each: said.one for each, said in SAID.items()}
        await library.add(**book)
        before = await _seen(library)
        patch = await library.call(
            "PATCH", "/books/1", {name: SAID[name].other}, if_match=before["etag"]
        )
        after = await _seen(library)

        assert patch.status_code == 200
        assert after["book"][name] == SAID[name].other
        assert {each for each in NAMES if before["book"][each] != after["book"][each]} == {name}
        assert before["etag"] != after["etag"]
        assert before["page"] != after["page"]
        assert len(await library.published()) == 2
        assert (await library.published())[1]["data"][column] == after["book"][column]

        # The same revision with another content, as a restored past has it.
        await library.database.execute(
            QueryString(
                f"UPDATE books SET isbn_in_use = NULL, {column} = {{}}",  # noqa: S608 - a field
                before["book"][column],
            )
        )
        assert (await _seen(library))["etag"] not in {before["etag"], after["etag"]}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"title", "author"}])
async def test_an_import_changes_every_field(library: Library, name: str) -> None:
    """A row that matches a book changes that field of it."""
    book = {each: said.one for each, said in SAID.items() if each != "isbn" or name != "isbn"}
    await library.add(**book)
    key: dict[str, Any] = {
        each: SAID[each].one for each in ("title", "author", "isbn") if each in book
    }
    row: dict[str, Any] = {"price": str(SAID["price"].one), **key}
    row[SAID[name].column or name] = SAID[name].cell
    content = f"{','.join(row)}\n{','.join(map(str, row.values()))}\n"
    report = await library.report_of(content)

    assert report["updated"] == 1
    assert (await library.get("/books/1")).json()[name] == SAID[name].other


async def _seen(library: Library) -> dict[str, Any]:
    one = await library.get("/books/1")
    page = await library.get("/books")
    assert page.json() == [one.json()]
    return {"book": one.json(), "etag": one.headers["etag"], "page": page.headers["etag"]}

"""Counts of facets, held against the lists that each choice leads to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from piccolo.querystring import QueryString

from functions.catalog import queries
from functions.catalog.commands.books import NewBook, insert_book
from functions.catalog.domain.books import BookDetails
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.queries import facets
from functions.catalog.schemas import FacetValue
from functions.kit.base.clock import utc_now
from functions.kit.base.money import to_minor
from functions.kit.data.database import Database
from tests.catalog.library import OTHER_SELLER, SELLER, Library, stock_event

EXAMPLES = 12

AUTHORS = (
    "J.R.R. Tolkien", "Tolkien, J.R.R.", "J.R.R. Tolkien & Ana Paz", "Ana Paz", "Paz, Ana; Bo Li",
    "Murakami Haruki", "Haruki Murakami", "村上 春樹", "Plato", "Brothers Grimm and Ana Paz",
)  # fmt: skip
CATEGORIES = (
    None,
    "Novel",
    "NOVEL",
    "Science & Art",
    "science and art",
    "Ciencia y arte",
    "Poesía",
)
TITLES = ("The Sea", "Sea of Stars", "El mar", "Sea", "C++ at Sea", "Stars")

books = st.builds(
    NewBook,
    st.builds(
        BookDetails,
        title=st.sampled_from(TITLES),
        author=st.sampled_from(AUTHORS),
        description=st.none(),
        isbn=st.none(),
        category=st.sampled_from(CATEGORIES),
        price_minor=st.sampled_from((0, 99, 100, 999, 1000, 1999, 2000, 10**11)),
        language=st.sampled_from((None, "es", "en", "fil")),
    ),
    st.just("USD"),
    st.sampled_from((0, 3)),
    st.sampled_from((None, None, SELLER, OTHER_SELLER)),
)
chosen = st.builds(
    Filters,
    query=st.sampled_from(("", "", "sea", "st", "tolk", "nothing")),
    author=st.sampled_from(("", "", *AUTHORS)),
    category=st.sampled_from(("", "", "novel", "science & art", "nowhere")),
    language=st.sampled_from((None, None, "es", "fil", "de")),
    min_price=st.sampled_from((None, None, 100, 1000)),
    max_price=st.sampled_from((None, None, 999, 2000)),
    in_stock=st.sampled_from((None, None, True, False)),
    seller=st.sampled_from((None, None, None, SELLER, 999)),
)

WITHOUT: dict[str, dict[str, Any]] = {
    "author": {"author": ""},
    "category": {"category": ""},
    "language": {"language": None},
    "price": {"min_price": None, "max_price": None},
    "in_stock": {"in_stock": None},
}
"""The filters of each facet, when nothing is chosen."""


async def found(database: Database, filters: Filters, **changes: Any) -> set[int]:
    """Ids of the books that the list has."""
    page = await queries.list_books(
        database, replace(filters, **changes), Sort.ID, after=None, limit=100
    )
    return {row["id"] for row in page.rows}


async def differences(database: Database, filters: Filters) -> list[object]:
    """Where the counts differ from the lists."""
    counted = await queries.count_facets(database, filters)
    wrong: list[object] = []

    async def compare(facet: str, count: int, **choice: Any) -> set[int]:
        ids = await found(database, filters, **choice)
        if len(ids) != count:
            wrong.append((facet, choice, count, ids))
        return ids

    if counted.total != len(await found(database, filters)):
        wrong.append(("total", counted.total))
    for facet in ("category", "language", "author"):
        values: Sequence[FacetValue] = getattr(counted, facet)
        leads_to = [await compare(facet, each.count, **{facet: each.value}) for each in values]
        every = await found(database, filters, **WITHOUT[facet])
        if facet != "author" and not await _have_none(database, every.difference(*leads_to), facet):
            wrong.append((facet, "not all values are listed", every, values))
        if len({each.value for each in values}) != len(values):
            wrong.append((facet, "a value is listed twice", values))
    ranges = [
        await compare(
            "price",
            each.count,
            min_price=to_minor(each.min_price),
            max_price=to_minor(each.max_price),
        )
        for each in counted.price
    ]
    if set().union(*ranges) != await found(database, filters, **WITHOUT["price"]):
        wrong.append(("price", counted.price))
    for stock in counted.in_stock:
        await compare("in_stock", stock.count, in_stock=stock.value)
    sold = [await compare("seller", each.count, seller=each.value) for each in counted.seller]
    every = await found(database, filters)
    if not await _have_none(database, every.difference(*sold), "seller_id"):
        wrong.append(("seller", "not all sellers are listed", every, counted.seller))
    return wrong


async def _have_none(database: Database, ids: set[int], column: str) -> bool:
    """Whether the books have no value in a column."""
    rows = (await database.execute(QueryString(f"SELECT id, {column} FROM books"))).rows  # noqa: S608
    return all(row[column] is None for row in rows if row["id"] in ids)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(books, max_size=12), st.lists(chosen, min_size=1, max_size=4))
async def test_each_count_is_the_length_of_the_list_that_it_leads_to(
    library: Library, new: list[NewBook], filters: list[Filters]
) -> None:
    """For every value of every facet, under all other filters; and no value is left out."""
    database = library.database
    await library.name_seller()
    await library.name_seller(OTHER_SELLER, "Librería Sur")
    await database.execute(QueryString("DELETE FROM books"))
    for book in new:
        await insert_book(database, book, now=utc_now())

    assert [await differences(database, each) for each in filters] == [[]] * len(filters)


async def test_the_answer_of_a_search(library: Library) -> None:
    """Frequent values first; a price range has the bounds that the filters take."""
    await library.add("A", "Ana Paz", category="Novel", language="eng", price=9.99, stock=1)
    await library.add("B", "Ana Paz & Bo Li", category="Novel", language="es", price=10)
    await library.add("C", "Bo Li", category="Poetry", language="en-GB", price=12)
    response = await library.get("/books/facets?category=novel")

    assert response.json() == {
        "total": 2,
        "exact": True,
        "category": [{"value": "Novel", "count": 2}, {"value": "Poetry", "count": 1}],
        "language": [{"value": "en", "count": 1}, {"value": "es", "count": 1}],
        "author": [{"value": "Ana Paz", "count": 2}, {"value": "Bo Li", "count": 1}],
        "price": [
            {"min_price": 5.0, "max_price": 9.99, "count": 1},
            {"min_price": 10.0, "max_price": 19.99, "count": 1},
        ],
        "in_stock": [{"value": True, "count": 1}, {"value": False, "count": 1}],
        "seller": [],
    }


async def test_a_stock_that_purchase_reported_is_counted(library: Library) -> None:
    """Instead of the initial one."""
    book_id = await library.add(stock=5)
    await library.deliver(stock_event(book_id, 0))

    assert (await library.get("/books/facets")).json()["in_stock"] == [
        {"value": True, "count": 0},
        {"value": False, "count": 1},
    ]


async def test_retired_books_are_not_counted(library: Library) -> None:
    """They are not found either."""
    await library.add(category="Novel")
    await library.call("DELETE", "/books/1")
    answer = (await library.get("/books/facets?category=Novel")).json()

    assert (answer["total"], answer["author"]) == (0, [])
    assert answer["category"] == [{"value": "Novel", "count": 0}]


async def test_the_answer_has_an_entity_tag(library: Library) -> None:
    """Of what it says: a change of a count changes it, a change of a title does not."""
    await library.add()
    first = await library.get("/books/facets")
    again = await library.get("/books/facets", if_none_match=first.headers["etag"])
    await library.call("PATCH", "/books/1", {"title": "Another"}, if_match="*")
    renamed = await library.get("/books/facets", if_none_match=first.headers["etag"])
    await library.add("One more")
    changed = await library.get("/books/facets", if_none_match=first.headers["etag"])

    assert [each.status_code for each in (again, renamed, changed)] == [304, 304, 200]
    assert first.headers["cache-control"] == "no-cache"


async def test_a_large_table_is_estimated_from_a_sample(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers say that they are estimates; a rare word is still counted exactly."""
    monkeypatch.setattr(facets, "COUNTED", 24)
    monkeypatch.setattr(facets, "SAMPLED", 10)
    lines = [f"Tomo {number},Ana Paz,5,Novel" for number in range(39)]
    await library.report_of("title,author,price,category\n" + "\n".join([*lines, "Mar,Bo,5,Sea"]))
    whole = (await library.get("/books/facets?author=Bo")).json()
    rare = (await library.get("/books/facets?q=mar")).json()

    assert whole["exact"] is False
    assert all(each["count"] % 4 == 0 for each in whole["author"])
    assert [each["value"] for each in whole["author"]] == ["Ana Paz", "Bo"]
    assert (rare["exact"], rare["total"], rare["category"]) == (
        True,
        1,
        [{"value": "Sea", "count": 1}],
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("language=klingonese", "language"),
        ("language=%00", "language"),
        ("language=" + "e" * 36, "language"),
        ("min_price=cheap", "min_price"),
        ("in_stock=perhaps", "in_stock"),
        ("q=" + "x" * 201, "q"),
        ("ids=1,x", "ids"),
        ("isbn=1", "isbn"),
        ("sort=title", "sort"),
        ("limit=5", "limit"),
    ],
)
async def test_bad_input_is_refused_by_its_name(library: Library, query: str, field: str) -> None:
    """As in the list; a facet has no page and no order."""
    response = await library.get(f"/books/facets?{query}", accept_language="en")

    assert response.status_code == 400
    assert [each["field"] for each in response.json()["errors"]] == [field]


async def test_the_list_takes_the_same_filters(library: Library) -> None:
    """A language by any of its codes; prices as the ranges have them."""
    await library.add("A", language="es", price=9.99)
    await library.add("B", language="en", price=10)

    assert await library.titles("language=spa") == ["A"]
    assert await library.titles("language=en-US") == ["B"]
    assert await library.titles("min_price=10&max_price=19.99") == ["B"]


@pytest.mark.parametrize("path", ["/books/facets", "/books/suggestions?q=vor"])
async def test_an_answer_is_kept_until_the_process_changes_something(
    library: Library, path: str
) -> None:
    """What another process writes is counted when the kept answer has reached its age."""
    await library.add(title="La vorágine")
    first = (await library.get(path)).content
    await library.database.execute(QueryString("UPDATE books SET retired = {}", True))
    kept = (await library.get(path)).content
    await library.add(title="María")
    await library.add(title="Vida")
    read = (await library.get(path)).content

    assert kept == first
    assert read != first

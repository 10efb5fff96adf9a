"""Looking for books: filters, orders, pages and what a cache may keep."""

import itertools
from typing import Any

import pytest
from piccolo.querystring import QueryString

from functions.kit.http.pagination import encode_cursor
from tests.catalog.library import ISBN, Library, open_library, stock_event

SORTS = ("id", "title", "-title", "price", "-price", "newest")


async def test_a_book_is_shown_with_the_originals_fields_and_more(library: Library) -> None:
    """`price` has two decimals; `stock` is the initial one until purchase reports another."""
    await library.add(description="Sesión", isbn="0-439-02348-3", category="Novela", stock=4)

    response = await library.get("/books")

    assert '"price":12.50' in response.text
    assert response.json() == [
        {
            "id": 1,
            "title": "Rayuela",
            "author": "Julio Cortázar",
            "description": "Sesión",
            "price": 12.5,
            "stock": 4,
            "isbn": ISBN,
            "category": "Novela",
            "currency": "USD",
            "price_minor": 1250,
            "year": None,
            "language": None,
            "external_rating_hundredths": None,
            "external_ratings_count": 0,
            "stock_revision": 0,
            "stock_as_of": "2026-03-14T09:26:53.589793Z",
            "rating_hundredths": None,
            "reviews_count": 0,
            "ratings_by_stars": [0, 0, 0, 0, 0],
            "seller_id": None,
            "seller_name": None,
        }
    ]
    assert response.json() == [(await library.get("/books/1")).json()]
    assert '"price":12.50' in (await library.get("/books/1")).text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("q=garcia+marquez", ["Cien años de soledad", "El amor en los tiempos del cólera"]),
        ("q=COLERA", ["El amor en los tiempos del cólera"]),
        ("q=cólera+gabriel", ["El amor en los tiempos del cólera"]),
        ("q=anos", ["Cien años de soledad"]),
        ("q=tolkien+jrr", ["The Hobbit"]),
        ("q=j.r.r.+hobbit", ["The Hobbit"]),
        ("q=philosophers", ["Harry Potter and the Philosopher's Stone"]),
        ("q=philosopher%E2%80%99s", ["Harry Potter and the Philosopher's Stone"]),
        ("q=soledad+hobbit", []),
        ("q=%25", []),
        ("q=100%25", ["100% Wolf_Man"]),
        ("q=wolf_m", ["100% Wolf_Man"]),
        ("q=wolf-m", ["100% Wolf_Man"]),
        ("q=!", []),
        ("author=j.k.+rowling", ["Harry Potter and the Philosopher's Stone"]),
        ("author=Mary+GrandPre", ["Harry Potter and the Philosopher's Stone"]),
        ("author=mary+grandpre,+JK+Rowling", ["Harry Potter and the Philosopher's Stone"]),
        ("author=rowling", []),
        ("author=Tolkien,+J.+R.+R.", ["The Hobbit"]),
        ("author=TOLKIEN+jrr", ["The Hobbit"]),
        ("author=Rowling,+J.K.;+GrandPr%C3%A9,+Mary", ["Harry Potter and the Philosopher's Stone"]),
        ("author=Tolkien,+Christopher", []),
        ("isbn=9780439023481", ["The Hobbit"]),
        ("isbn=0-439-02348-3", ["The Hobbit"]),
        ("isbn=978%E2%80%910%E2%80%91439%E2%80%9102348%E2%80%911", ["The Hobbit"]),
        ("isbn=9780439554930", []),
        ("q=9780439023481", ["The Hobbit"]),
        ("q=978-0-439-02348-1", ["The Hobbit"]),
        ("q=978+0+439+02348+1", ["The Hobbit"]),
        ("q=0439023483", ["The Hobbit"]),
        ("q=tolkien+ISBN:+0-439-02348-3", ["The Hobbit"]),
        ("q=0439554934", []),
        ("category=fantas%C3%ADa+%26+magia", []),
        ("category=FANTASIA", ["The Hobbit", "Harry Potter and the Philosopher's Stone"]),
        ("category=fant", []),
        ("min_price=20.01", ["Harry Potter and the Philosopher's Stone"]),
        ("max_price=9.99", ["The Hobbit"]),
        ("min_price=9.99&max_price=9.99", ["The Hobbit"]),
        ("min_price=10&max_price=9", []),
        ("in_stock=true", ["The Hobbit"]),
        (
            "ids=2,4,99,2",
            ["El amor en los tiempos del cólera", "Harry Potter and the Philosopher's Stone"],
        ),
    ],
)
async def test_filters(library: Library, query: str, titles: list[str]) -> None:
    """Every word must begin a word of title or author, ignoring accents and case."""
    await library.add("Cien años de soledad", "Gabriel García Márquez", price=20)
    await library.add("El amor en los tiempos del cólera", "Gabriel García Márquez", price=20)
    await library.add(
        "The Hobbit", "J.R.R. Tolkien", price=9.99, category="Fantasía", stock=1, isbn=ISBN
    )
    await library.add(
        "Harry Potter and the Philosopher's Stone",
        "J.K. Rowling, Mary GrandPré",
        price=20.01,
        category="Fantasía",
    )
    await library.add("100% Wolf_Man", "Jayne Lyons", price=10)

    assert titles == await library.titles(query)


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("J.R.R. Tolkien", "Tolkien, J.R.R."),
        ("Tolkien, J.R.R.", "J.R.R. Tolkien"),
        ("Tolkien, J. R. R.", "JRR Tolkien"),
        ("村上 春樹", "村上春樹"),
        ("村上春樹", "村上 春樹"),
        ("Haruki Murakami", "Murakami Haruki"),
        ("Smith, John & Doe, Jane", "Jane Doe"),
        ("Smith, John and Doe, Jane", "Doe, Jane; Smith, John"),
        ("José Ortega y Gasset", "Ortega y Gasset, José"),
        ("Jean‐Paul Sartre", "Sartre, Jean-Paul"),
    ],
)
async def test_an_author_is_found_in_any_order_of_the_name(
    library: Library, kept: str, asked: str
) -> None:
    """Last name first or last, with initials spaced or not."""
    await library.add(author=kept)
    await library.add(author="Nadie")
    response = await library.client.get("/books", params={"author": asked})

    assert [book["author"] for book in response.json()] == [kept]


@pytest.mark.parametrize("asked", ["Arts & Crafts", "arts and crafts", "Arts y Crafts"])
async def test_a_category_is_found_with_any_spelling_of_its_conjunction(
    library: Library, asked: str
) -> None:
    """`&`, `and` and `y` are equal."""
    await library.add(category="Arts and Crafts")
    response = await library.client.get("/books", params={"category": asked})

    assert len(response.json()) == 1


async def test_a_query_without_words_filters_nothing(library: Library) -> None:
    """Spaces and punctuation alone list every book; an empty parameter is refused."""
    await library.add()

    assert [await library.titles(query) for query in ("q=+", "q=.")] == [["Rayuela"]] * 2
    # Nothing at all is a mistake of the caller's, as it is for every parameter.
    assert (await library.get("/books?q=")).status_code == 400


async def test_in_stock_follows_the_reported_stock(library: Library) -> None:
    """The reported stock replaces the initial one, in both directions."""
    first, second = await library.add("A", stock=3), await library.add("B")
    await library.deliver(stock_event(first, 0, sequence=1))
    await library.deliver(stock_event(second, 5, sequence=2))

    assert await library.titles("in_stock=true") == ["B"]
    assert await library.titles("in_stock=false") == ["A"]


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ("id", ["Zorro", "Ábaco", "«Casa»", "abeja"]),
        ("newest", ["abeja", "«Casa»", "Ábaco", "Zorro"]),
        ("title", ["Ábaco", "abeja", "«Casa»", "Zorro"]),
        ("-title", ["Zorro", "«Casa»", "abeja", "Ábaco"]),
        ("price", ["Zorro", "«Casa»", "abeja", "Ábaco"]),
        ("-price", ["Ábaco", "abeja", "«Casa»", "Zorro"]),
    ],
)
async def test_orders(library: Library, sort: str, titles: list[str]) -> None:
    """Titles sort without accents, case and leading punctuation; equal ones by age."""
    for title, price in (("Zorro", 9.99), ("Ábaco", 100), ("«Casa»", 20), ("abeja", 20)):
        await library.add(title, price=price)

    assert titles == await library.titles(f"sort={sort}")


@pytest.mark.parametrize(
    ("sort", "ids"),
    [("year", [4, 2, 6, 1, 3, 5, 7]), ("-year", [6, 2, 4, 7, 5, 3, 1])],
    ids=["earliest first", "latest first"],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_books_without_a_year_come_last_in_both_orders(
    library: Library, sort: str, ids: list[int], limit: int
) -> None:
    """On pages of any size: those of one statement, of the next, and of both."""
    for year in (None, 1967, None, -750, None, 1967, None):
        await library.add(**{} if year is None else {"year": year})  # type: ignore[arg-type]

    assert await library.walk(f"sort={sort}&limit={limit}") == ids
    assert await library.walk(f"sort={sort}&limit={limit}&min_price=999") == []


async def test_titles_sort_as_a_librarian_sorts_them(library: Library) -> None:
    """Leading articles are ignored and numbers compare by value, on every page."""
    titles = [
        "El amor en los tiempos del cólera",
        "The Hobbit",
        "Un mundo feliz",
        "Vol. 2",
        "Vol. 10",
        "A Walk in the Woods",
    ]
    for title in reversed(titles):
        await library.add(title)

    assert await library.titles("sort=title") == titles
    assert await library.walk("sort=title&limit=2") == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_show_each_book_once_while_others_are_added(
    library: Library, sort: str
) -> None:
    """Every book that existed at the start is listed exactly once."""
    there = [
        await library.add(title, price=price)
        for title, price in itertools.product("cab", (5, 7, 5))
    ]
    seen: list[int] = []
    path: str | None = f"/books?sort={sort}&limit=2"
    while path is not None:
        response = await library.get(path)
        seen += [book["id"] for book in response.json()]
        path = response.links.get("next", {}).get("url")
        if len(seen) < 8:
            await library.add("a", price=5)
            await library.add("z", price=9)

    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)


async def test_the_last_page_has_no_link(library: Library) -> None:
    """`Link` is absent where no further book exists."""
    for _ in range(2):
        await library.add()

    assert (await library.get("/books?limit=2")).links == {}
    assert await library.walk("limit=1") == [1, 2]


async def test_the_link_keeps_the_filters(library: Library) -> None:
    """Every page of a search is of the same search."""
    for title in ("Año uno", "Dos", "Año tres"):
        await library.add(title)

    assert await library.walk("q=a%C3%B1o&limit=1") == [1, 3]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("sort=stock", "sort"),
        ("sort=", "sort"),
        ("min_price=1.005", "min_price"),
        ("max_price=-1", "max_price"),
        ("max_price=NaN", "max_price"),
        ("max_price=1e400", "max_price"),
        ("min_price=cheap", "min_price"),
        ("ids=1,x", "ids"),
        ("ids=", "ids"),
        ("ids=9999999999999999999", "ids"),
        ("ids=" + ",".join(map(str, range(1, 102))), "ids"),
        ("in_stock=perhaps", "in_stock"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=x", "after"),
        ("after=" + encode_cursor("title", "z"), "after"),
        ("sort=title&after=" + encode_cursor("price", "z"), "after"),
        ("after=" + encode_cursor("id", 2**70), "after"),
        ("q=" + "a" * 201, "q"),
        ("q=a%00", "q"),
        ("isbn=9780439023482", "isbn"),
        ("isbn=x", "isbn"),
        ("isbn=", "isbn"),
        ("author=%0a", "author"),
        ("category=%00", "category"),
    ],
)
async def test_an_invalid_filter_is_named(library: Library, query: str, field: str) -> None:
    """It is answered 400, with the parameter in `errors`."""
    response = await library.get(f"/books?{query}")

    assert response.status_code == 400
    assert [field] == [each["field"] for each in response.json()["errors"]]


async def test_an_unknown_sort_lists_the_choices(library: Library) -> None:
    """The detail lists every order of the list."""
    response = await library.get("/books?sort=stock")

    assert response.json()["code"] == "unknown-sort"
    assert all(sort in response.json()["detail"] for sort in SORTS)


async def test_an_unchanged_page_is_answered_304(library: Library) -> None:
    """A 304 has the same headers; any change of the page changes its ETag."""
    book_id = await library.add(stock=1)
    await library.add()
    first = await library.get("/books?limit=1")
    known = await library.get("/books?limit=1", if_none_match=first.headers["etag"])

    assert known.status_code == 304
    assert known.content == b""
    assert "content-type" not in known.headers
    for name in ("etag", "cache-control", "vary", "link"):
        assert first.headers[name] == known.headers[name]

    tags = [first.headers["etag"]]
    changes: tuple[Any, ...] = (
        library.deliver(stock_event(book_id, 0)),
        library.call("PATCH", f"/books/{book_id}", {"price": 1}, if_match="*"),
        library.call("DELETE", "/books/2"),
    )
    for change in changes:
        await change
        response = await library.get("/books?limit=1", if_none_match=tags[-1])
        tags.append(response.headers["etag"])

        assert response.status_code == 200

    assert len(tags) == len(set(tags))


async def test_an_unchanged_book_is_answered_304(library: Library) -> None:
    """Its ETag changes with the book and with the stock."""
    book_id = await library.add(stock=1)
    etag = (await library.get(f"/books/{book_id}")).headers["etag"]

    known = await library.get(f"/books/{book_id}", if_none_match=f'"other", {etag}')
    assert (304, etag, "no-cache") == (
        known.status_code,
        known.headers["etag"],
        known.headers["cache-control"],
    )

    await library.deliver(stock_event(book_id, 0))
    assert (await library.get(f"/books/{book_id}", if_none_match=etag)).status_code == 200


@pytest.mark.parametrize("path", ["/books", "/books/1"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE books SET title = 'Otra'",
        "UPDATE books SET description = 'Otra'",
        "UPDATE books SET price_minor = 1",
        "UPDATE inventory SET available = 8",
        "UPDATE inventory SET as_of = '2026-03-14 11:00:00'",
    ],
)
async def test_other_content_at_the_same_revision_has_another_tag(
    database_url: str, path: str, sql: str
) -> None:
    """A restored database may have other content at the same revision; its ETag differs."""
    async with open_library(database_url, LIST_CACHE_SECONDS="0") as library:
        await library.add(stock=1)
        await library.deliver(stock_event(1, 9))
        etag = (await library.get(path)).headers["etag"]
        before = await library.get(path, if_none_match=etag)
        await library.database.execute(QueryString(sql))
        after = await library.get(path, if_none_match=etag)

    assert (before.status_code, after.status_code) == (304, 200)


@pytest.mark.parametrize("book_id", [99, 0, 2**63, 10**30])
async def test_an_unknown_book_is_not_found(library: Library, book_id: int) -> None:
    """Ids without a book are answered 404, up to the largest number."""
    response = await library.get(f"/books/{book_id}")

    assert response.status_code == 404
    assert response.json()["error"] == "libro no encontrado"


async def test_a_retired_book_is_gone_and_not_listed(library: Library) -> None:
    """It is answered 410, and no list has it."""
    book_id = await library.add()
    await library.call("DELETE", f"/books/{book_id}")

    response = await library.get(f"/books/{book_id}", accept_language="en")

    assert (
        response.status_code,
        response.json()["code"],
        response.json()["error"],
    ) == (410, "book-retired", "book retired")
    assert await library.titles() == []
    assert await library.titles(f"ids={book_id}") == []

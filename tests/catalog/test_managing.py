"""The list of staff: retired books too, and what a change of each needs."""

import pytest

from tests.catalog.library import Library


async def _three_books(library: Library) -> dict[str, int]:
    """Three books, of which one is retired and one is sold out; ids by title."""
    ids = {
        title: await library.add(title=title, stock=stock)
        for title, stock in (("Tomo A", 3), ("Tomo B", 0), ("Tomo C", 5))
    }
    await library.call("DELETE", f"/books/{ids['Tomo C']}")
    return ids


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Tomo A", "Tomo B", "Tomo C"]),
        ("retired=true", ["Tomo C"]),
        ("retired=false", ["Tomo A", "Tomo B"]),
        ("retired=false&in_stock=false", ["Tomo B"]),
        ("retired=true&q=tomo+c", ["Tomo C"]),
        ("q=tomo&sort=-title", ["Tomo C", "Tomo B", "Tomo A"]),
        ("retired=true&q=rayuela", []),
    ],
)
async def test_the_list_has_every_state(library: Library, query: str, titles: list[str]) -> None:
    """Or one of them; the filters and orders of `GET /books` hold as well."""
    await _three_books(library)
    answer = await library.call("GET", f"/books/managed?{query}")

    assert answer.status_code == 200
    assert [book["title"] for book in answer.json()] == titles
    assert answer.headers["cache-control"] == "private, no-store"


async def test_the_list_is_read_page_by_page(library: Library) -> None:
    """Each book once, over the pages of retired and other ones."""
    await _three_books(library)
    found: list[str] = []
    path: str | None = "/books/managed?limit=1&sort=title"
    while path is not None:
        answer = await library.call("GET", path)
        found += [book["title"] for book in answer.json()]
        path = answer.links.get("next", {}).get("url")

    assert found == ["Tomo A", "Tomo B", "Tomo C"]


async def test_each_book_has_the_etag_of_its_page(library: Library) -> None:
    """A change with it is accepted once."""
    ids = await _three_books(library)
    listed = (await library.call("GET", f"/books/managed?ids={ids['Tomo A']}")).json()[0]
    own = await library.get(f"/books/{ids['Tomo A']}")
    path, tag = f"/books/{ids['Tomo A']}", listed["etag"]
    first = await library.call("PATCH", path, {"price": 3}, if_match=tag)
    second = await library.call("PATCH", path, {"price": 4}, if_match=tag)

    assert tag == own.headers["etag"]
    assert (first.status_code, second.status_code) == (200, 412)


@pytest.mark.parametrize("query", ["retired=perhaps", "retired=", "state=retired", "after=x"])
async def test_what_makes_no_sense_is_refused(library: Library, query: str) -> None:
    """400, by name."""
    answer = await library.call("GET", f"/books/managed?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in query

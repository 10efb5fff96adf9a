"""Suggestions while somebody types."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalog.library import Library


async def texts(library: Library, typed: str) -> list[tuple[str, str]]:
    response = await library.client.get("/books/suggestions", params={"q": typed})
    assert response.status_code == 200, response.text
    return [(each["kind"], each["text"]) for each in response.json()]


async def test_authors_come_first_and_titles_by_popularity(library: Library) -> None:
    """Each word that is typed begins one of the title or the author."""
    await library.add("Cien años de soledad", "Gabriel García Márquez")
    await library.add("Vivir", "García Márquez, G.", external_ratings_count=9)
    await library.add("Marcas", "Garfio & Ana Paz", external_ratings_count=99)
    await library.add("Otro", "Ana Paz")

    assert await texts(library, "gar mar") == [
        ("author", "García Márquez, G."),
        ("author", "Gabriel García Márquez"),
        ("book", "Marcas"),
        ("book", "Vivir"),
        ("book", "Cien años de soledad"),
    ]
    assert await texts(library, "AÑOS") == [("book", "Cien años de soledad")]
    assert await texts(library, "anos") == [("book", "Cien años de soledad")]


async def test_a_suggested_book_names_its_author_and_id(library: Library) -> None:
    """An author has neither."""
    book_id = await library.add("Paz", "Ana Paz")

    assert (await library.get("/books/suggestions?q=paz")).json() == [
        {"kind": "author", "text": "Ana Paz"},
        {"kind": "book", "text": "Paz", "author": "Ana Paz", "book_id": book_id},
    ]


async def test_there_are_ten_at_most(library: Library) -> None:
    """Each once, and none of a book that is retired."""
    for number in range(12):
        await library.add(f"Mar {number}", f"Marta {number}")
    await library.add("Mar 0", "Marta 0")
    found = await texts(library, "mar")
    await library.call("DELETE", "/books/12")

    assert len(found) == len(set(found)) == 10
    assert [kind for kind, _ in found] == ["author"] * 3 + ["book"] * 7
    assert ("book", "Mar 11") not in await texts(library, "mar")


async def test_what_is_no_word_suggests_nothing(library: Library) -> None:
    """Blanks, and nothing at all."""
    await library.add()

    assert await texts(library, "   ") == []
    assert await texts(library, "zzz") == []


@pytest.mark.parametrize("query", ["", "q=" + "x" * 101, "q=%00", "q=a&limit=3", "q=a&q=b"])
async def test_bad_input_is_refused(library: Library, query: str) -> None:
    """A missing text, a long one, control characters, other parameters."""
    assert (await library.get(f"/books/suggestions?{query}")).status_code == 400


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=100))
async def test_any_text_is_answered(library: Library, typed: str) -> None:
    """Hostile ones too: wildcards, operators, quotes, every script."""
    assert len(await texts(library, typed)) <= 10


async def test_an_answer_is_kept_by_its_entity_tag(library: Library) -> None:
    """304 while it says the same."""
    await library.add("Paz")
    first = await library.get("/books/suggestions?q=pa")
    again = await library.get("/books/suggestions?q=pa", if_none_match=first.headers["etag"])

    assert (first.status_code, again.status_code) == (200, 304)

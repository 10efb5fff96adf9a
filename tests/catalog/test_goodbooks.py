"""Ten thousand real books, as goodbooks-10k has them (CC BY-SA 4.0)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.catalog.library import ISBN, Library, counts
from tests.support.contracts import violations

GOODBOOKS = Path(__file__).parents[3] / "shared" / "data" / "goodbooks-10k" / "books.csv"


@pytest.mark.skipif(not GOODBOOKS.exists(), reason="shared/data/goodbooks-10k is not beside it")
async def test_ten_thousand_real_books(library: Library) -> None:
    """All books are created, 158 without their unreadable ISBN; a second import changes nothing."""

    async def body() -> AsyncIterator[bytes]:
        with GOODBOOKS.open("rb") as file:
            while chunk := file.read(64 * 1024):
                yield chunk

    query = "default_price=9.99&default_stock=3"
    first = (await library.import_csv(body(), query)).json()
    second = (await library.import_csv(body(), query)).json()

    assert counts(first) == (10_000, 10_000, 0, 0, 0, 158)
    assert counts(second) == (10_000, 0, 0, 10_000, 0, 158)
    assert (first["errors"], len(first["warnings"]), first["truncated"]) == ([], 158, False)

    found = {
        query: await library.titles(query)
        for query in ("q=garcia+marquez+colera", "q=GARCÍA+love+cholera", "q=jrr+tolkien+hobbit")
    }
    assert found["q=GARCÍA+love+cholera"] == ["Love in the Time of Cholera"]
    assert found["q=garcia+marquez+colera"] == []
    assert "The Hobbit" in found["q=jrr+tolkien+hobbit"]

    ids = await library.walk("sort=title&limit=100")
    assert 10_000 == len(ids) == len(set(ids))
    books = (await library.get("/books?limit=1")).json()
    assert [(book["isbn"], book["author"], book["stock"]) for book in books] == [
        (ISBN, "Suzanne Collins", 3)
    ]

    popular = (await library.get("/books?sort=popular&limit=2")).json()
    assert [(book["id"], book["year"], book["language"]) for book in popular] == [
        (1, 2008, "en"),
        (2, 1997, "en"),
    ]
    assert popular[0]["external_rating_hundredths"] == 434
    oldest = (await library.get("/books?q=gilgamesh&sort=-year")).json()
    assert oldest[-1]["year"] == -1750
    languages = (await library.get("/books/facets")).json()["language"]
    assert languages[:2] == [{"value": "en", "count": 8730}, {"value": "ar", "count": 64}]

    outbox = await library.feed("books?after=9999")
    assert violations(outbox.json()) == []
    assert outbox.headers["stream-head"] == "10000"

"""The search, held against a slow and plain one, on ten thousand real books."""

import csv
import random
import re
from collections.abc import AsyncIterator

import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations, queries
from functions.catalog.domain.books import BookDetails
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.search import words
from functions.catalog.domain.text import fold, searchable
from functions.catalog.tables import TABLES, columns_of
from functions.kit.clock import utc_now
from functions.kit.database import Database, bind, connect
from functions.kit.migrations import load, migrate
from tests.catalog.test_goodbooks import GOODBOOKS

QUERIES = 200

Books = list[tuple[str, str]]


def read() -> Books:
    with GOODBOOKS.open(newline="", encoding="utf-8") as file:
        return [(line["title"], line["authors"]) for line in csv.DictReader(file)]


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[tuple[Database, Books]]:
    """Written in bulk; their numbers are their ids."""
    database = connect(database_url)
    bind(database, TABLES)
    await migrate(database, load(migrations))
    books = read()
    for first in range(0, len(books), 500):
        rows = [row(first + place, *book) for place, book in enumerate(books[first:][:500], 1)]
        places = ", ".join([f"({', '.join(['{}'] * len(rows[0]))})"] * len(rows))
        await database.execute(
            QueryString(
                f"INSERT INTO books ({', '.join(rows[0])}) VALUES {places}",  # noqa: S608
                *(value for each in rows for value in each.values()),
            )
        )
    yield database, books
    await database.close()


def row(number: int, title: str, author: str) -> dict[str, object]:
    details = BookDetails(
        title=title, author=author, description=None, isbn=None, category=None, price_minor=1
    )
    return {
        "id": number,
        **columns_of(details, f"{number:032x}"),
        "uid": f"{number:032x}",
        "currency": "USD",
        "initial_stock": 0,
        "revision": 1,
        "retired": False,
        "created_at": utc_now(),
        "updated_at": utc_now(),
    }


def asked(books: Books) -> list[str]:
    """Words and beginnings of titles and authors, one to three of them, with their punctuation."""
    choose = random.Random(14)
    found = ["the", "a", "harr pott", "C++", "#1", "the of", "x-men", "1984", "o", "étranger", "'"]
    while len(found) < QUERIES:
        pieces = " ".join(choose.choice(books)).split()
        chosen = choose.sample(pieces, min(len(pieces), choose.choice((1, 1, 2, 3))))
        parts = [
            re.split(r"[-/]", piece)[-1] if choose.random() < 0.2 else piece for piece in chosen
        ]
        found.append(" ".join(part[: choose.choice((2, 3, 4, 6, 99))] for part in parts))
    return found


def beginnings(title: str, author: str) -> str:
    """A text in which a new line stands before each place where a word begins."""
    folded = fold(f"{title} {author}")
    marked = re.sub(r"(?<![^\W_])(?=[^\W_])", "\n", folded)  # a letter or digit after none
    marked = re.sub(r"'\n(?=[^\W_](?:[\W_]|$))", "'", marked)  # the s of 's is no word
    chunks = (f"\n{chunk.lstrip(chr(10))}" for chunk in marked.split(" "))
    return "".join(chunk for each in chunks for chunk in _tails(each))


def _tails(chunk: str) -> list[str]:
    places = [place for place, char in enumerate(chunk) if char == "\n"]
    tails = (searchable(chunk[place:].replace("\n", "")) for place in places)
    return [f"\n{tail.strip(OUTER) or tail}" for tail in tails]


OUTER = ',;:.!?…()[]{}"«»“”„¿¡'


@pytest.mark.skipif(not GOODBOOKS.exists(), reason="shared/data/goodbooks-10k is not beside it")
async def test_the_index_finds_what_a_plain_search_finds(
    catalogue: tuple[Database, Books],
) -> None:
    """The same books, all of them, for hundreds of queries."""
    database, books = catalogue
    texts = [beginnings(*book) for book in books]
    narrowed = 0
    for query in asked(books):
        filters = Filters(words=words(query))
        page = await queries.list_books(database, filters, Sort.ID, after=None, limit=10_000)
        plain = [
            number
            for number, text in enumerate(texts, 1)
            if all(f"\n{word}" in text for word in filters.words)
        ]

        assert (query, plain) == (query, [each["id"] for each in page.rows])
        narrowed += len(plain) < 200
    assert narrowed > QUERIES / 2

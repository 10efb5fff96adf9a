"""The search in a database, held against the rule itself, on ten thousand real books."""

import csv
import random
import re
from collections.abc import AsyncIterator

import pytest
from piccolo.querystring import QueryString

from functions.catalog import migrations, queries
from functions.catalog.domain.books import BookDetails
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.search.terms import (
    QueryTerm,
    encode_word,
    is_truncated,
    query_terms,
    search_text,
)
from functions.catalog.tables import TABLES, columns_of
from functions.kit.base.clock import utc_now
from functions.kit.data.database import Database, bind
from functions.kit.data.engines import connect
from functions.kit.data.migrations import load, migrate
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


def matches(text: str, term: QueryTerm) -> bool:
    """Whether a search text matches a term."""
    return term.matches(
        lambda word: f" {encode_word(word)}" in text and (not is_truncated(word) or word in text)
    )


@pytest.mark.skipif(not GOODBOOKS.exists(), reason="shared/data/goodbooks-10k is not beside it")
async def test_the_database_finds_the_books_whose_text_matches(
    catalogue: tuple[Database, Books],
) -> None:
    """For 200 queries the database returns exactly the books whose search text matches."""
    database, books = catalogue
    texts = [search_text(*book) for book in books]
    narrowed = 0
    for query in asked(books):
        filters = Filters(query=query)
        terms = query_terms(query)
        page = await queries.list_books(database, filters, Sort.ID, after=None, limit=10_000)
        plain = [
            number
            for number, text in enumerate(texts, 1)
            if all(matches(text, term) for term in terms)
        ]

        assert (query, plain) == (query, [each["id"] for each in page.rows])
        narrowed += len(plain) < 200
    assert narrowed > QUERIES / 2

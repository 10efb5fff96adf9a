"""Conditions of a search, and the choice of the index that finds its books."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog.domain.listing import Filters
from functions.catalog.search.match_keys import category_keys, people
from functions.catalog.search.sort_keys import price_order
from functions.catalog.search.terms import QueryTerm, encode_word, is_truncated
from functions.kit.data.database import Database
from functions.kit.data.fulltext import any_prefix

SEARCH_INDEX = "ft_books_search"
SAMPLE = 200
"""Books in a sample, which estimates how many books match each term."""
SAMPLED_TERMS = 4
"""Terms of a query whose frequency is estimated."""

STOCK = "COALESCE(i.available, b.initial_stock)"
"""The stock is the last one that purchase reported, or the initial one before that."""


class Condition(NamedTuple):
    """An SQL condition on a book `b` and its inventory `i`; placeholders are `{}`."""

    sql: str
    values: tuple[Any, ...] = ()


class Where:
    """Conditions of a WHERE, with their values."""

    def __init__(self, *conditions: Condition) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []
        self.add(*conditions)

    def add(self, *conditions: Condition) -> None:
        self.conditions.extend(condition.sql for condition in conditions)
        self.values.extend(value for condition in conditions for value in condition.values)

    @property
    def sql(self) -> str:
        return " AND ".join(self.conditions)


FOR_SALE = Condition("b.retired = {}", (False,))


def state(retired: bool | None) -> Condition:
    """That a book is for sale, or retired; None for either."""
    return Condition("1 = 1") if retired is None else Condition("b.retired = {}", (retired,))


def match_conditions(filters: Filters, terms: Sequence[QueryTerm]) -> list[Condition]:
    """The conditions of the words, the ISBN, the seller and the ids."""
    # These decide; the index (`rarest_term`) only reduces how many books they check.
    found = [matches(term) for term in terms]
    if filters.isbn is not None:
        found.append(Condition("b.isbn = {}", (filters.isbn,)))
    if filters.seller is not None:
        found.append(Condition("b.seller_id = {}", (filters.seller,)))
    if filters.ids is not None:
        places = ", ".join(["{}"] * len(filters.ids))
        found.append(Condition(f"b.id IN ({places})", filters.ids))
    return found


def facet_conditions(filters: Filters) -> dict[str, Condition]:
    """The conditions of the filters that `GET /books/facets` counts values of, by facet."""
    found: dict[str, Condition] = {}
    if people(filters.author):
        found["author"] = author_condition(filters.author)
    categories = category_keys(filters.category)
    if len(categories) == 1:
        found["category"] = Condition("b.category_key = {}", categories)
    elif categories:
        places = ", ".join(["{}"] * len(categories))
        found["category"] = Condition(f"b.category_key IN ({places})", categories)
    if filters.language is not None:
        found["language"] = Condition("b.language = {}", (filters.language,))
    prices = Where()
    if filters.min_price is not None:
        prices.add(Condition("b.price_order >= {}", (price_order(filters.min_price, ""),)))
    if filters.max_price is not None:
        prices.add(Condition("b.price_order < {}", (price_order(filters.max_price + 1, ""),)))
    if prices.conditions:
        found["price"] = Condition(prices.sql, tuple(prices.values))
    if filters.in_stock is not None:
        found["in_stock"] = Condition(f"{STOCK} {'>' if filters.in_stock else '<='} 0")
    return found


def author_condition(author: str) -> Condition:
    """That each of the named people is an author of the book; there must be at least one name."""
    names = Where()
    for forms in people(author):
        likes = " OR ".join(["b.author_names LIKE {} ESCAPE '!'"] * len(forms))
        values = tuple(f"%;{_literal(form)};%" for form in sorted(forms))
        names.add(Condition(f"({likes})", values))
    return Condition(names.sql, tuple(names.values))


def matches(term: QueryTerm) -> Condition:
    """That a book matches a term."""
    choices: list[str] = []
    values: list[str] = []
    for alternative in term.alternatives:
        tests: list[str] = []
        for word in alternative:
            patterns = [f"% {_literal(encode_word(word))}%"]
            if is_truncated(word):
                patterns.append(f"%{_literal(word)}%")
            tests += ["b.search_text LIKE {} ESCAPE '!'"] * len(patterns)
            values += patterns
        choices.append(" AND ".join(tests))
    return Condition(f"({' OR '.join(choices)})", tuple(values))


def _literal(text: str) -> str:
    """Escapes the wildcards of LIKE."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


class Sample(NamedTuple):
    """How many books of a random sample match a search."""

    books: int
    """The greatest id of all books, so at least their number."""
    size: int
    matches: int
    with_each: tuple[int, ...]
    """How many contain each of the search's terms."""

    def is_page_near(self, page: int) -> bool:
        """Whether a scan in list order fills a page within as many books as have the rarest term.

        `page` is the number of books on a page.
        """
        if not self.matches:
            return False
        scanned = page * self.size / self.matches
        return scanned <= self.books * min(self.with_each) / self.size

    def is_rarest_within(self, books: int) -> bool:
        """Whether so many books, or fewer, are estimated to contain the rarest term."""
        return not self.size or self.books * min(self.with_each) <= books * self.size


class RarestTerm(NamedTuple):
    sample: Sample
    condition: Condition
    """That the full-text index has the term; every book that matches the search meets it."""


async def rarest_term(database: Database, where: Where, terms: Sequence[QueryTerm]) -> RarestTerm:
    """The rarest term of a search, of which there must be at least one, by a sample of the books.

    The full-text index collects all books of a term before they are sorted. A common term fills a
    page sooner by a scan in list order, and is counted sooner by one.
    """
    longest = sorted(terms, key=lambda term: len(term.alternatives[0][0]), reverse=True)
    longest = longest[:SAMPLED_TERMS]
    sample = await _sample_books(database, where, longest)
    rarest = longest[sample.with_each.index(min(sample.with_each))]
    found = any_prefix(
        database,
        SEARCH_INDEX,
        key="b.id",
        column="b.search_text",
        prefixes=[encode_word(word) for word in rarest.index_prefixes()],
    )
    return RarestTerm(sample, Condition(found.sql, (found.value,)))


async def _sample_books(database: Database, where: Where, terms: Sequence[QueryTerm]) -> Sample:
    """Counts matches among the first `SAMPLE` books by `match_key`.

    `match_key` is a hash, so these books are a random sample.
    """
    names = [f"w{number}" for number in range(len(terms))]
    conditions = [matches(term) for term in terms]
    tests = ", ".join(
        f"{condition.sql} AS {name}" for name, condition in zip(names, conditions, strict=True)
    )
    sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
    outcome = await database.execute(
        QueryString(
            "SELECT (SELECT MAX(id) FROM books) AS books, COUNT(*) AS size,"  # noqa: S608 - names
            f" SUM(matches) AS matches, {sums} FROM"
            f" (SELECT /*+ NO_BNL(i) */ ({where.sql}) AS matches, {tests} FROM"
            # A subquery, so that the index is read in order and no database sorts all books.
            " (SELECT id FROM books ORDER BY match_key LIMIT {}) d JOIN books b ON b.id = d.id"
            " LEFT JOIN inventory i ON i.book_id = b.id) s",
            *where.values,
            *(value for condition in conditions for value in condition.values),
            SAMPLE,
        )
    )
    counted = {name: int(value or 0) for name, value in outcome.rows[0].items()}
    with_each = tuple(counted[name] for name in names)
    return Sample(counted["books"], counted["size"], counted["matches"], with_each)

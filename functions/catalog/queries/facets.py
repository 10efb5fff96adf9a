"""Counts of categories, languages, authors, price ranges and stock under a search.

Each facet is counted under all filters but its own, so that a reader sees where another choice
leads. The work is bounded: up to `COUNTED` books are counted exactly, and of more, a random sample
of `SAMPLED` is, from which the numbers are estimated.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog.domain.listing import Filters
from functions.catalog.queries.matching import (
    FOR_SALE,
    STOCK,
    Condition,
    Where,
    author_condition,
    facet_conditions,
    match_conditions,
    rarest_term,
)
from functions.catalog.queries.sellers import seller_names
from functions.catalog.schemas import Facets, FacetValue, PriceRange, SellerCount, StockCount
from functions.catalog.search.match_keys import (
    category_keys,
    name_key,
    people,
    written_names,
)
from functions.catalog.search.terms import query_terms
from functions.kit.base.money import MAX_MONEY_MINOR, from_minor
from functions.kit.data.database import Database, Row

COUNTED = 10_000
"""Books that are counted exactly, at most."""
SAMPLED = 3_000
"""Books of the sample that stands for more: they lie apart from each other in the table, so that
each costs more to read than one of `COUNTED`."""
LISTED = 20
"""Categories and languages that are listed; the frequent ones."""
LISTED_AUTHORS = 10
FREQUENT_AUTHORS = 60
"""Author fields, most frequent first, whose names are counted."""

STEPS = (1, 2, 5)
"""Price ranges end at these numbers and their multiples by powers of ten, in every currency."""


class _Books(NamedTuple):
    """The books that are counted."""

    source: str
    """The FROM clause, with a book `b` and its inventory `i`."""
    conditions: list[Condition]
    size: int
    """How many books a sample has; 0 where no sample was taken."""
    all: int
    """How many books the sample is of."""

    def estimate(self, counted: int) -> int:
        return counted if not self.size else round(counted * self.all / self.size)


async def count_facets(database: Database, filters: Filters) -> Facets:
    books = await _books_to_count(database, filters)
    chosen = facet_conditions(filters)
    rows = await _count_combinations(database, books, chosen)

    def counts_of(facet: str, value: Callable[[Row], Any]) -> Counter[Any]:
        counted: Counter[Any] = Counter()
        for row in rows:
            if all(row[_flag(each)] for each in chosen if each != facet):
                counted[value(row)] += row["books"]
        return counted

    total = sum(row["books"] for row in rows if all(row[_flag(each)] for each in chosen))
    spelt = {row["category_key"]: row["category"] for row in reversed(rows)}
    stocks = counts_of("in_stock", lambda row: bool(row["available"]))
    ranges = counts_of("price", lambda row: row["price_range"])
    return Facets(
        total=books.estimate(total),
        exact=not books.size,
        category=_listed(
            books,
            _categories(counts_of("category", lambda row: row["category_key"]), spelt),
            filters.category and _shown_category(filters.category, spelt),
        ),
        language=_listed(
            books, counts_of("language", lambda row: row["language"]), filters.language
        ),
        author=await _count_authors(database, books, chosen, filters.author),
        price=[
            PriceRange(
                min_price=from_minor(_BOUNDS[each]),
                max_price=from_minor(min(_BOUNDS[each + 1] - 1, MAX_MONEY_MINOR)),
                count=books.estimate(ranges[each]),
            )
            for each in sorted(ranges)
        ],
        in_stock=[
            StockCount(value=value, count=books.estimate(stocks[value])) for value in (True, False)
        ],
        seller=await _sellers(database, books, counts_of("", lambda row: row["seller_id"])),
    )


async def _sellers(
    database: Database, books: _Books, counts: Counter[int | None]
) -> list[SellerCount]:
    """The sellers with the most books, under their names."""
    present = [(each, count) for each, count in counts.items() if each is not None]
    present.sort(key=lambda each: (-each[1], each[0]))
    names = await seller_names(database, [each for each, _ in present[:LISTED]])
    return [
        SellerCount(value=each, name=names[each], count=books.estimate(count))
        for each, count in present[:LISTED]
        if each in names
    ]


async def _books_to_count(database: Database, filters: Filters) -> _Books:
    """All books of a small table or a rare word; else a sample, by `match_key`, which is a hash."""
    terms = query_terms(filters.query)
    conditions = [FOR_SALE, *match_conditions(filters, terms)]
    joined = " LEFT JOIN inventory i ON i.book_id = b.id"
    whole = _Books(f"books b{joined}", conditions, 0, 0)
    if filters.ids is not None or filters.isbn is not None:
        return whole
    if filters.seller is not None and await _has_few_books(database, filters.seller):
        return whole
    if terms:
        rarest = await rarest_term(database, Where(*conditions), terms)
        if rarest.sample.is_rarest_within(min(COUNTED, rarest.sample.books // 8)):
            return whole._replace(conditions=[*conditions, rarest.condition])
        books = rarest.sample.books
    else:
        outcome = await database.execute(QueryString("SELECT MAX(id) AS books FROM books"))
        books = outcome.rows[0]["books"] or 0
    if books <= COUNTED:
        return whole
    sample = f"(SELECT id FROM books ORDER BY match_key LIMIT {SAMPLED}) d"  # noqa: S608
    return _Books(f"{sample} JOIN books b ON b.id = d.id{joined}", conditions, SAMPLED, books)


async def _has_few_books(database: Database, seller: int) -> bool:
    """Whether a seller's books, which have an index, are few enough to be counted exactly."""
    outcome = await database.execute(
        QueryString(
            "SELECT COUNT(*) AS books FROM (SELECT id FROM books WHERE seller_id = {} LIMIT {}) s",
            seller,
            COUNTED + 1,
        )
    )
    few: bool = outcome.rows[0]["books"] <= COUNTED
    return few


async def _count_combinations(
    database: Database, books: _Books, chosen: Mapping[str, Condition]
) -> Sequence[Row]:
    """How many books have each combination of values, of those that fail one filter at most."""
    where = Where(*books.conditions)
    flags = "".join(
        f", CASE WHEN {condition.sql} THEN 1 ELSE 0 END AS {_flag(facet)}"
        for facet, condition in chosen.items()
    )
    names = "".join(f", {_flag(facet)}" for facet in chosen)
    passed = " + ".join(map(_flag, chosen)) or "0"
    outcome = await database.execute(
        QueryString(
            "SELECT category_key, MIN(category) AS category, language, seller_id,"  # noqa: S608
            f" price_range, available{names}, COUNT(*) AS books FROM (SELECT b.category_key,"
            f" b.category, b.language, b.seller_id, {_PRICE_RANGE} AS price_range,"
            f" CASE WHEN {STOCK} > 0 THEN 1 ELSE 0 END AS available{flags}"
            f" FROM {books.source} WHERE {where.sql}) s"
            f" WHERE {passed} >= {{}}"
            f" GROUP BY category_key, language, seller_id, price_range, available{names}"
            " ORDER BY category_key, category",
            *(value for condition in chosen.values() for value in condition.values),
            *where.values,
            len(chosen) - 1,
        )
    )
    rows: Sequence[Row] = outcome.rows
    return rows


async def _count_authors(
    database: Database, books: _Books, chosen: Mapping[str, Condition], asked: str
) -> list[FacetValue]:
    """Names of the most frequent author fields, each counted as the filter `author` finds it."""
    others = (condition for facet, condition in chosen.items() if facet != "author")
    where = Where(*books.conditions, *others)
    source = f"FROM {books.source} WHERE {where.sql}"
    outcome = await database.execute(
        QueryString(
            f"SELECT b.author, COUNT(*) AS books {source}"
            " GROUP BY b.author ORDER BY books DESC, b.author LIMIT {}",
            *where.values,
            FREQUENT_AUTHORS,
        )
    )
    frequent: Counter[str] = Counter()
    written: dict[str, str] = {}
    if people(asked):
        written[name_key(asked)] = " ".join(asked.split())
        frequent[name_key(asked)] = sys.maxsize  # listed always
    for row in outcome.rows:
        for name in written_names(row["author"]):
            if people(name):
                frequent[name_key(name)] += row["books"]
                written.setdefault(name_key(name), name)
    names = [written[key] for key, _ in frequent.most_common(LISTED_AUTHORS)]
    if not names:
        return []
    conditions = Where(*map(author_condition, names))
    sums = ", ".join(
        f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS n{number}"
        for number, condition in enumerate(conditions.conditions)
    )
    outcome = await database.execute(
        QueryString(f"SELECT {sums} {source}", *conditions.values, *where.values)
    )
    counts = {name: int(outcome.rows[0][f"n{number}"] or 0) for number, name in enumerate(names)}
    return _in_order(books, counts.items())


def _categories(counts: Counter[str | None], spelt: Mapping[str, str]) -> dict[str, int]:
    """Counts by category as it is spelt; each spelling of a conjunction is the same category."""
    found: dict[str, int] = {}
    seen: set[str] = set()
    for key, _ in counts.most_common():
        if key is None or key in seen:
            continue
        same = category_keys(spelt[key])
        seen.update(same)
        found[spelt[key]] = sum(counts[each] for each in same)
    return found


def _shown_category(asked: str, spelt: Mapping[str, str]) -> str:
    """The spelling of a category that books have, or as it was asked for."""
    return next((spelt[key] for key in category_keys(asked) if key in spelt), asked)


def _listed(books: _Books, counts: Mapping[Any, int], asked: str | None) -> list[FacetValue]:
    """The most frequent values, and the one that was asked for."""
    present = [(value, count) for value, count in counts.items() if value is not None]
    present.sort(key=lambda each: (-each[1], each[0]))
    listed = present[:LISTED]
    if asked and all(value != asked for value, _ in listed):
        listed.append((asked, counts.get(asked, 0)))
    return _in_order(books, listed)


def _in_order(books: _Books, counts: Iterable[tuple[str, int]]) -> list[FacetValue]:
    return [
        FacetValue(value=value, count=books.estimate(count))
        for value, count in sorted(counts, key=lambda each: (-each[1], each[0]))
    ]


def _flag(facet: str) -> str:
    """The column that says whether a book meets the filter of a facet."""
    return f"is_{facet}"


def _bounds() -> Iterable[int]:
    """Where price ranges begin, in minor units."""
    yield 0
    unit = 100
    while True:
        yield from (step * unit for step in STEPS)
        unit *= 10


_BOUNDS = tuple(islice(_bounds(), 1 + 3 * len(str(MAX_MONEY_MINOR))))
_PRICE_RANGE = "CASE {} ELSE {} END".format(
    " ".join(
        f"WHEN b.price_minor < {bound} THEN {number}" for number, bound in enumerate(_BOUNDS[1:])
    ),
    len(_BOUNDS) - 1,
)
"""The place in `_BOUNDS` where the range of a price begins."""

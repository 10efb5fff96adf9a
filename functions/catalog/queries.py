"""Reads: one book, pages of the list, and the snapshot of all books."""

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain.books import DETAILS
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.stock import KnownStock
from functions.catalog.entity_tags import SHAPE, Version
from functions.catalog.errors import BookNotFound, BookRetired
from functions.catalog.schemas import BookView
from functions.catalog.search.match_keys import category_keys, people
from functions.catalog.search.sort_keys import price_order
from functions.catalog.search.terms import QueryTerm, encode_word, is_truncated, query_terms
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row
from functions.kit.data.fulltext import any_prefix
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import as_state
from functions.kit.http.etags import strong_etag
from functions.kit.http.pagination import decode_cursor, encode_cursor
from functions.kit.http.responses import encode

SNAPSHOT_PAGE = 200

SEARCH_INDEX = "ft_books_search"
SAMPLE = 200
"""Books in a sample, which estimates how many books match each term."""
SAMPLED_TERMS = 4
"""Terms of a query whose frequency is estimated."""

# The stock is the last one that purchase reported, or the initial one before that.
# The hint keeps MySQL from hashing the inventory and sorting every book after the join while few
# stocks are known; each stock is then looked up in the order of the index. Other databases read a
# comment.
_SELECT = (
    "SELECT /*+ NO_BNL(i) */"  # noqa: S608 - names of ours
    f" b.id, {', '.join(f'b.{name}' for name in DETAILS)},"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at,"
    " b.title_order, b.price_order, b.uid,"
    " i.available, i.revision AS stock_revision, i.as_of"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
)

# What the entity tag of a page is computed from; revisions are not enough (`entity_tags.py`).
_TAGGED = itemgetter(
    *("id", *DETAILS, "currency"),
    *("initial_stock", "created_at", "stock_revision", "available", "as_of"),
)


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


class Page(NamedTuple):
    rows: Sequence[Row]
    cursor: str | None
    """Where the next page begins; None on the last one."""
    etag: str

    def books(self) -> list[BookView]:
        """Built on demand: a 304 response needs none."""
        return [_view(row) for row in self.rows]


class _Order(NamedTuple):
    column: str
    """Unique, so that one comparison finds where a page begins."""
    kind: type[Any]
    descending: bool = False


_ORDERS = {
    Sort.ID: _Order("id", int),
    Sort.NEWEST: _Order("id", int, descending=True),
    Sort.TITLE: _Order("title_order", str),
    Sort.TITLE_DESCENDING: _Order("title_order", str, descending=True),
    Sort.PRICE: _Order("price_order", str),
    Sort.PRICE_DESCENDING: _Order("price_order", str, descending=True),
}


class _Where:
    """Conditions of a WHERE, with their values; placeholders are `{}`."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)


async def get_book(database: Database, book_id: int) -> tuple[BookView, Version]:
    """Raises `BookNotFound` or `BookRetired`."""
    rows: Sequence[Row] = ()
    if 1 <= book_id <= MAX_ID:
        outcome = await database.execute(QueryString(f"{_SELECT} WHERE b.id = {{}}", book_id))
        rows = outcome.rows
    if not rows:
        raise BookNotFound(Text(f"No hay ningún libro {book_id}.", f"There is no book {book_id}."))
    if rows[0]["retired"]:
        raise BookRetired(
            Text(f"El libro {book_id} ya no se vende.", f"Book {book_id} is not sold any more.")
        )
    return _view(rows[0]), _version(rows[0])


async def list_books(
    database: Database, filters: Filters, sort: Sort, *, after: str | None, limit: int
) -> Page:
    """Books for sale; `after` is the cursor of the page before, in the same order.

    Raises `InvalidInput` for a cursor of another order.
    """
    order = _ORDERS[sort]
    where = _Where()
    where.add("b.retired = {}", False)
    terms = query_terms(filters.query)
    _filter(where, filters, terms)
    if terms and filters.ids is None and filters.isbn is None:
        await _use_index(database, where, terms, limit + 1)
    if after is not None:
        beyond = "<" if order.descending else ">"
        where.add(f"b.{order.column} {beyond} {{}}", _read_cursor(after, sort, order))
    outcome = await database.execute(
        QueryString(
            f"{_SELECT} WHERE {' AND '.join(where.conditions)}"
            f" ORDER BY b.{order.column} {'DESC' if order.descending else 'ASC'} LIMIT {{}}",
            *where.values,
            limit + 1,
        )
    )
    rows = outcome.rows[:limit]
    more = len(outcome.rows) > limit
    return Page(
        rows,
        encode_cursor(sort.value, rows[-1][order.column]) if more else None,
        strong_etag(SHAPE, more, encode([*map(_TAGGED, rows)]).decode()),
    )


async def book_states(database: Database) -> AsyncIterator[Event]:
    """The present state of every book, for a snapshot; retired books are included."""
    after = 0
    while True:
        select = BookRow.select(*BOOK_COLUMNS).where(BookRow.id > after)
        outcome = await database.execute(select.order_by(BookRow.id).limit(SNAPSHOT_PAGE))
        for row in outcome.rows:
            after = row["id"]
            yield as_state(events.present_state(to_book(row)))
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return


def _filter(where: _Where, filters: Filters, terms: Sequence[QueryTerm]) -> None:
    # These conditions decide; the index (`_use_index`) only reduces how many books they check.
    for term in terms:
        where.add(*_matches(term))
    if filters.isbn is not None:
        where.add("b.isbn = {}", filters.isbn)
    for forms in people(filters.author):
        likes = " OR ".join(["b.author_names LIKE {} ESCAPE '!'"] * len(forms))
        where.add(f"({likes})", *(f"%;{_literal(form)};%" for form in sorted(forms)))
    categories = category_keys(filters.category)
    if len(categories) == 1:
        where.add("b.category_key = {}", *categories)
    elif categories:
        places = ", ".join(["{}"] * len(categories))
        where.add(f"b.category_key IN ({places})", *categories)
    if filters.min_price is not None:
        where.add("b.price_order >= {}", price_order(filters.min_price, ""))
    if filters.max_price is not None:
        where.add("b.price_order < {}", price_order(filters.max_price + 1, ""))
    if filters.in_stock is not None:
        operator = ">" if filters.in_stock else "<="
        where.add(f"COALESCE(i.available, b.initial_stock) {operator} 0")
    if filters.ids is not None:
        where.add(f"b.id IN ({', '.join(['{}'] * len(filters.ids))})", *filters.ids)


def _matches(term: QueryTerm) -> tuple[str, *tuple[str, ...]]:
    """The condition that a book matches a term, and its values."""
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
    return f"({' OR '.join(choices)})", *values


async def _use_index(
    database: Database, where: _Where, terms: Sequence[QueryTerm], page: int
) -> None:
    """Adds the full-text condition of the rarest term, where that is cheaper than a scan.

    The full-text index collects all books of a term before they are sorted. A common term fills a
    page sooner by a scan in list order, so no condition is added for one.
    """
    longest = sorted(terms, key=lambda term: len(term.alternatives[0][0]), reverse=True)
    longest = longest[:SAMPLED_TERMS]
    sample = await _sample_books(database, where, longest)
    if sample.is_page_near(page):
        return
    rarest = longest[sample.with_each.index(min(sample.with_each))]
    condition = any_prefix(
        database,
        SEARCH_INDEX,
        key="b.id",
        column="b.search_text",
        prefixes=[encode_word(word) for word in rarest.index_prefixes()],
    )
    where.add(*condition)


async def _sample_books(database: Database, where: _Where, terms: Sequence[QueryTerm]) -> Sample:
    """Counts matches among the first `SAMPLE` books by `match_key`.

    `match_key` is a hash, so these books are a random sample.
    """
    names = [f"w{number}" for number in range(len(terms))]
    conditions = [_matches(term) for term in terms]
    tests = ", ".join(
        f"{condition[0]} AS {name}" for name, condition in zip(names, conditions, strict=True)
    )
    sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
    outcome = await database.execute(
        QueryString(
            "SELECT (SELECT MAX(id) FROM books) AS books, COUNT(*) AS size,"  # noqa: S608 - names
            f" SUM(matches) AS matches, {sums} FROM"
            f" (SELECT /*+ NO_BNL(i) */ ({' AND '.join(where.conditions)}) AS matches, {tests} FROM"
            # A subquery, so that the index is read in order and no database sorts all books.
            " (SELECT id FROM books ORDER BY match_key LIMIT {}) d JOIN books b ON b.id = d.id"
            " LEFT JOIN inventory i ON i.book_id = b.id) s",
            *where.values,
            *(value for condition in conditions for value in condition[1:]),
            SAMPLE,
        )
    )
    counted = {name: int(value or 0) for name, value in outcome.rows[0].items()}
    with_each = tuple(counted[name] for name in names)
    return Sample(counted["books"], counted["size"], counted["matches"], with_each)


def _literal(text: str) -> str:
    """Escapes the wildcards of LIKE."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _read_cursor(cursor: str, sort: Sort, order: _Order) -> Any:
    name, key = decode_cursor(cursor, str, order.kind)
    if name != sort:
        message = Text(
            f"es un cursor de una lista ordenada por {name[:20]}",
            f"is a cursor of a list that is sorted by {name[:20]}",
        )
        raise InvalidInput(listed([("after", message)]), errors=[FieldError("after", message)])
    return key


def _view(row: Row) -> BookView:
    return BookView.of(to_book(row), _stock(row))


def _version(row: Row) -> Version:
    return Version.of(to_book(row), _stock(row))


def _stock(row: Row) -> KnownStock | None:
    """None until purchase has reported one."""
    if row["stock_revision"] is None:
        return None
    return KnownStock(row["stock_revision"], row["available"], row["as_of"])

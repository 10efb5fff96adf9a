"""Reads: one book, pages of the list, and the snapshot of them all."""

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain import search
from functions.catalog.domain.books import DETAILS
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.search import Wanted
from functions.catalog.domain.sorting import price_order
from functions.catalog.domain.versions import SHAPE, KnownStock, Version
from functions.catalog.errors import BookNotFound, BookRetired
from functions.catalog.schemas import BookView
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
"""Books that are looked at to learn how rare what is searched is."""
ASKED_FOR = 4
"""Of the things that a query wants, those whose rarity is looked at."""

# The catalogue's stock is what purchase said last; before it has spoken, the initial one.
# While few stocks are known MySQL would hash them all, and sort every book after the join; without
# that it looks each one up and keeps the order of the index. Other databases read a comment here.
_SELECT = (
    "SELECT /*+ NO_BNL(i) */"  # noqa: S608 - names of ours
    f" b.id, {', '.join(f'b.{name}' for name in DETAILS)},"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at,"
    " b.title_order, b.price_order, b.uid,"
    " i.available, i.revision AS stock_revision, i.as_of"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
)

# The tag of a page is made of them: revisions alone would not do (`domain/versions.py`).
_SHOWN = itemgetter(
    *("id", *DETAILS, "currency"),
    *("initial_stock", "created_at", "stock_revision", "available", "as_of"),
)


class Page(NamedTuple):
    rows: Sequence[Row]
    cursor: str | None
    """Where the next page begins; None on the last one."""
    etag: str

    def books(self) -> list[BookView]:
        """Made when they are shown: who has this page already is answered without."""
        return [_view(row) for row in self.rows]


class _Order(NamedTuple):
    column: str
    """Unique, so that one comparison says where a page begins."""
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
    """Books that are sold; `after` is the cursor of a page before, in the same order.

    Raises `InvalidInput` for a cursor that is of another list.
    """
    order = _ORDERS[sort]
    where = _Where()
    where.add("b.retired = {}", False)
    _filter(where, filters)
    if filters.wanted and filters.ids is None and filters.isbn is None:
        await _narrow(database, where, filters.wanted, limit + 1)
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
        strong_etag(SHAPE, more, encode([*map(_SHOWN, rows)]).decode()),
    )


async def book_states(database: Database) -> AsyncIterator[Event]:
    """Every book as it stands, for a snapshot; a retired one too, so that it stays retired."""
    after = 0
    while True:
        select = BookRow.select(*BOOK_COLUMNS).where(BookRow.id > after)
        outcome = await database.execute(select.order_by(BookRow.id).limit(SNAPSHOT_PAGE))
        for row in outcome.rows:
            after = row["id"]
            yield as_state(events.present_state(to_book(row)))
        if len(outcome.rows) < SNAPSHOT_PAGE:
            return


def _filter(where: _Where, filters: Filters) -> None:
    # This decides; an index only narrows.
    for each in filters.wanted:
        where.add(*_has(each))
    if filters.isbn is not None:
        where.add("b.isbn = {}", filters.isbn)
    for forms in filters.authors:
        likes = " OR ".join(["b.author_names LIKE {} ESCAPE '!'"] * len(forms))
        where.add(f"({likes})", *(f"%;{_literal(form)};%" for form in sorted(forms)))
    if len(filters.categories) == 1:
        where.add("b.category_key = {}", *filters.categories)
    elif filters.categories:
        places = ", ".join(["{}"] * len(filters.categories))
        where.add(f"b.category_key IN ({places})", *filters.categories)
    if filters.min_price is not None:
        where.add("b.price_order >= {}", price_order(filters.min_price, ""))
    if filters.max_price is not None:
        where.add("b.price_order < {}", price_order(filters.max_price + 1, ""))
    if filters.in_stock is not None:
        operator = ">" if filters.in_stock else "<="
        where.add(f"COALESCE(i.available, b.initial_stock) {operator} 0")
    if filters.ids is not None:
        where.add(f"b.id IN ({', '.join(['{}'] * len(filters.ids))})", *filters.ids)


def _has(wanted: Wanted) -> tuple[str, *tuple[str, ...]]:
    """The condition that a book has what is wanted, and its values."""
    ways: list[str] = []
    values: list[str] = []
    for alternative in wanted.any_of:
        tests: list[str] = []
        for word in alternative:
            patterns = [f"% {_literal(search.spelt(word))}%"]
            if search.is_cut(word):
                patterns.append(f"%{_literal(word)}%")
            tests += ["b.search_text LIKE {} ESCAPE '!'"] * len(patterns)
            values += patterns
        ways.append(" AND ".join(tests))
    return f"({' OR '.join(ways)})", *values


async def _narrow(database: Database, where: _Where, wanted: Sequence[Wanted], page: int) -> None:
    """Let the index find the books of the rarest word, and look for the others in those.

    It gathers all of a word's books before the first is sorted. Where that is more than are gone
    through in their order until the page is full, the database is not asked to use the index, and
    does that.
    """
    longest = sorted(wanted, key=lambda each: len(each.any_of[0][0]), reverse=True)[:ASKED_FOR]
    sample = await _sample_books(database, where, longest)
    if sample.is_page_near(page):
        return
    rarest = longest[sample.with_each.index(min(sample.with_each))]
    condition = any_prefix(
        database,
        SEARCH_INDEX,
        key="b.id",
        column="b.search_text",
        beginnings=[search.spelt(word) for word in rarest.narrowing()],
    )
    where.add(*condition)


async def _sample_books(
    database: Database, where: _Where, wanted: Sequence[Wanted]
) -> search.Sample:
    """Books of which so many are found, and so many have each of the things wanted.

    They are the first by `match_key`: that is a hash, so they are as good as drawn by lot.
    """
    names = [f"w{number}" for number in range(len(wanted))]
    conditions = [_has(each) for each in wanted]
    tests = ", ".join(
        f"{condition[0]} AS {name}" for name, condition in zip(names, conditions, strict=True)
    )
    sums = ", ".join(f"SUM({name}) AS {name}" for name in names)
    outcome = await database.execute(
        QueryString(
            "SELECT (SELECT MAX(id) FROM books) AS books, COUNT(*) AS looked,"  # noqa: S608 - names
            f" SUM(found) AS found, {sums} FROM"
            f" (SELECT /*+ NO_BNL(i) */ ({' AND '.join(where.conditions)}) AS found, {tests} FROM"
            # By themselves, so that they are read from the index and no database sorts all books.
            " (SELECT id FROM books ORDER BY match_key LIMIT {}) d JOIN books b ON b.id = d.id"
            " LEFT JOIN inventory i ON i.book_id = b.id) s",
            *where.values,
            *(value for condition in conditions for value in condition[1:]),
            SAMPLE,
        )
    )
    counted = {name: int(value or 0) for name, value in outcome.rows[0].items()}
    with_each = tuple(counted[name] for name in names)
    return search.Sample(counted["books"], counted["looked"], counted["found"], with_each)


def _literal(text: str) -> str:
    """A text in which LIKE finds no wildcard."""
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
    """None until purchase has spoken."""
    if row["stock_revision"] is None:
        return None
    return KnownStock(row["stock_revision"], row["available"], row["as_of"])

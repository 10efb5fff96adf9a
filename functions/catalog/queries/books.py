"""One book, pages of the list, and the snapshot of all books."""

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
from functions.catalog.queries.matching import (
    FOR_SALE,
    Condition,
    Where,
    facet_conditions,
    match_conditions,
    rarest_term,
)
from functions.catalog.schemas import BookView
from functions.catalog.search.terms import query_terms
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row
from functions.kit.events.cloudevents import Event
from functions.kit.events.outbox import as_state
from functions.kit.http.etags import strong_etag
from functions.kit.http.pagination import decode_cursor, encode_cursor
from functions.kit.http.responses import encode

SNAPSHOT_PAGE = 200

# The hint keeps MySQL from hashing the inventory and sorting every book after the join while few
# stocks are known; each stock is then looked up in the order of the index. Other databases read a
# comment.
_HINT = "/*+ NO_BNL(i) */"
_BOOKS = (
    f"b.id, {', '.join(f'b.{name}' for name in DETAILS)},"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at, b.uid,"
    " i.available, i.revision AS stock_revision, i.as_of"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
)

# What the entity tag of a page is computed from; revisions are not enough (`entity_tags.py`).
_TAGGED = itemgetter(
    *("id", *DETAILS, "currency"),
    *("initial_stock", "created_at", "stock_revision", "available", "as_of"),
)


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
    kind: type[Any]
    descending: bool = False
    by_id: bool = False
    """Whether equal values are ordered by id, in the same direction. A column without it is
    unique, so that one comparison finds where a page begins."""

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        columns = (self.column, "id") if self.by_id else (self.column,)
        return ", ".join(f"b.{column} {direction}" for column in columns)

    def keys(self, row: Row) -> tuple[Any, ...]:
        """Of a row of the list, where the page after it begins."""
        return (row["sort_key"], row["id"]) if self.by_id else (row["sort_key"],)

    def beyond(self, keys: tuple[Any, ...]) -> Condition:
        """That a book comes after the one with these `keys`."""
        beyond = "<" if self.descending else ">"
        if not self.by_id:
            return Condition(f"b.{self.column} {beyond} {{}}", keys)
        key, book_id = keys
        # The first comparison, which the second implies, is a range of the index everywhere.
        return Condition(
            f"b.{self.column} {beyond}= {{}} AND (b.{self.column} {beyond} {{}}"
            f" OR (b.{self.column} = {{}} AND b.id {beyond} {{}}))",
            (key, key, key, book_id),
        )


_ORDERS = {
    Sort.ID: _Order("id", int),
    Sort.NEWEST: _Order("id", int, descending=True),
    Sort.TITLE: _Order("title_order", str),
    Sort.TITLE_DESCENDING: _Order("title_order", str, descending=True),
    Sort.PRICE: _Order("price_order", str),
    Sort.PRICE_DESCENDING: _Order("price_order", str, descending=True),
    Sort.POPULAR: _Order("external_ratings_count", int, descending=True, by_id=True),
    Sort.YEAR_DESCENDING: _Order("year_order", int, descending=True, by_id=True),
}


async def get_book(database: Database, book_id: int) -> tuple[BookView, Version]:
    """Raises `BookNotFound` or `BookRetired`."""
    rows: Sequence[Row] = ()
    if 1 <= book_id <= MAX_ID:
        outcome = await database.execute(
            QueryString(f"SELECT {_HINT} {_BOOKS} WHERE b.id = {{}}", book_id)
        )
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
    terms = query_terms(filters.query)
    where = Where(FOR_SALE, *match_conditions(filters, terms), *facet_conditions(filters).values())
    if terms and filters.ids is None and filters.isbn is None:
        rarest = await rarest_term(database, where, terms)
        if not rarest.sample.is_page_near(limit + 1):
            where.add(rarest.condition)
    if after is not None:
        where.add(order.beyond(_read_cursor(after, sort, order)))
    outcome = await database.execute(
        QueryString(
            f"SELECT {_HINT} b.{order.column} AS sort_key, {_BOOKS}"
            f" WHERE {where.sql} ORDER BY {order.sql} LIMIT {{}}",
            *where.values,
            limit + 1,
        )
    )
    rows = outcome.rows[:limit]
    more = len(outcome.rows) > limit
    return Page(
        rows,
        encode_cursor(sort.value, *order.keys(rows[-1])) if more else None,
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


def _read_cursor(cursor: str, sort: Sort, order: _Order) -> tuple[Any, ...]:
    name, *keys = decode_cursor(cursor, str, order.kind, *([int] if order.by_id else []))
    if name != sort:
        message = Text(
            f"es un cursor de una lista ordenada por {name[:20]}",
            f"is a cursor of a list that is sorted by {name[:20]}",
        )
        raise InvalidInput(listed([("after", message)]), errors=[FieldError("after", message)])
    return tuple(keys)


def _view(row: Row) -> BookView:
    return BookView.of(to_book(row), _stock(row))


def _version(row: Row) -> Version:
    return Version.of(to_book(row), _stock(row))


def _stock(row: Row) -> KnownStock | None:
    """None until purchase has reported one."""
    if row["stock_revision"] is None:
        return None
    return KnownStock(row["stock_revision"], row["available"], row["as_of"])

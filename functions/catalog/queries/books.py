"""One book, pages of the list, and the snapshot of all books."""

from collections.abc import AsyncGenerator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain.books import DETAILS
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.ratings import Ratings
from functions.catalog.domain.sellers import is_retired_by_seller
from functions.catalog.domain.stock import KnownStock
from functions.catalog.entity_tags import SHAPE, Version
from functions.catalog.errors import BookNotFound, BookRetired
from functions.catalog.queries.matching import (
    Condition,
    Where,
    facet_conditions,
    match_conditions,
    rarest_term,
    state,
)
from functions.catalog.schemas import BookView, ManagedBook, OwnBook
from functions.catalog.search.terms import query_terms
from functions.catalog.tables import BOOK_COLUMNS, UNKNOWN_YEAR, BookRow, to_book
from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row
from functions.kit.events.cloudevents import Event
from functions.kit.events.feed import id_in
from functions.kit.events.outbox import as_state
from functions.kit.http.etags import strong_etag
from functions.kit.http.pagination import decode_cursor, encode_cursor
from functions.kit.http.responses import encode

View = TypeVar("View", bound=BookView)

SNAPSHOT_PAGE = 200

# The hint keeps MySQL from hashing the inventory and sorting every book after the join while few
# stocks are known; each stock is then looked up in the order of the index. Other databases read a
# comment.
_HINT = "/*+ NO_BNL(i, s) */"
_BOOKS = (
    f"b.id, {', '.join(f'b.{name}' for name in DETAILS)},"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at, b.uid, b.seller_id,"
    f" b.retired_by, {', '.join(f'b.{name}' for name in Ratings._fields)},"
    " i.available, i.revision AS stock_revision, i.as_of, s.name AS seller_name"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
    " LEFT JOIN sellers s ON s.seller_id = b.seller_id"
)

# What the entity tag of a page is computed from; revisions are not enough (`entity_tags.py`).
_TAGGED = itemgetter(
    *("id", *DETAILS, "currency", "seller_id", "seller_name", "retired"),
    *("initial_stock", "created_at", "stock_revision", "available", "as_of"),
    *Ratings._fields,
)


class Page(NamedTuple):
    rows: Sequence[Row]
    cursor: str | None
    """Where the next page begins; None on the last one."""
    etag: str

    def books(self) -> list[BookView]:
        """Built on demand: a 304 response needs none."""
        return [_view(row, BookView) for row in self.rows]

    def managed_books(self) -> list[ManagedBook]:
        return [_view(row, ManagedBook, **_managed(row)) for row in self.rows]

    def own_books(self) -> list[OwnBook]:
        return [
            _view(row, OwnBook, may_restore=is_retired_by_seller(to_book(row)), **_managed(row))
            for row in self.rows
        ]


class _Order(NamedTuple):
    column: str
    kind: type[Any]
    descending: bool = False
    by_id: bool = False
    """Whether equal values are ordered by id, in the same direction. A column without it is
    unique, so that one comparison finds where a page begins."""

    missing: int | None = None
    """Where books without a value come last although the index has them first: what they have
    instead of one. They are read by a statement of their own."""

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

    def parts(self, begin: tuple[Any, ...] | None) -> list[list[Condition]]:
        """The conditions of each statement that reads a part of the list, in their order.

        `begin` is where the page begins; None for the first one.
        """
        rest = [] if begin is None else [self.beyond(begin)]
        if self.missing is None:
            return [rest]
        without = Condition(f"b.{self.column} = {{}}", (self.missing,))
        if begin is not None and begin[0] == self.missing:
            return [[*rest, without]]
        return [[*rest, Condition(f"b.{self.column} > {{}}", (self.missing,))], [without]]


_ORDERS = {
    Sort.ID: _Order("id", int),
    Sort.NEWEST: _Order("id", int, descending=True),
    Sort.TITLE: _Order("title_order", str),
    Sort.TITLE_DESCENDING: _Order("title_order", str, descending=True),
    Sort.PRICE: _Order("price_order", str),
    Sort.PRICE_DESCENDING: _Order("price_order", str, descending=True),
    Sort.POPULAR: _Order("external_ratings_count", int, descending=True, by_id=True),
    Sort.RATING: _Order("rating_order", int, descending=True, by_id=True),
    Sort.YEAR: _Order("year_order", int, by_id=True, missing=UNKNOWN_YEAR),
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
        raise BookNotFound.of(book_id)
    if rows[0]["retired"]:
        raise BookRetired.of(book_id)
    return _view(rows[0], BookView), _version(rows[0])


async def list_books(
    database: Database,
    filters: Filters,
    sort: Sort,
    *,
    after: str | None,
    limit: int,
    retired: bool | None = False,
) -> Page:
    """Books for sale, retired ones, or both; `after` is the cursor of the page before, in the same
    order.

    Raises `InvalidInput` for a cursor of another order.
    """
    order = _ORDERS[sort]
    terms = query_terms(filters.query)
    conditions = [
        state(retired),
        *match_conditions(filters, terms),
        *facet_conditions(filters).values(),
    ]
    if terms and filters.ids is None and filters.isbn is None:
        rarest = await rarest_term(database, Where(*conditions), terms)
        if not rarest.sample.is_page_near(limit + 1):
            conditions.append(rarest.condition)
    begin = None if after is None else _read_cursor(after, sort, order)
    found: list[Row] = []
    for part in order.parts(begin):
        where = Where(*conditions, *part)
        outcome = await database.execute(
            QueryString(
                f"SELECT {_HINT} b.{order.column} AS sort_key, {_BOOKS}"
                f" WHERE {where.sql} ORDER BY {order.sql} LIMIT {{}}",
                *where.values,
                limit + 1 - len(found),
            )
        )
        found += outcome.rows
        if len(found) > limit:
            break
    rows, more = found[:limit], len(found) > limit
    return Page(
        rows,
        encode_cursor(sort.value, *order.keys(rows[-1])) if more else None,
        strong_etag(SHAPE, more, encode([*map(_TAGGED, rows)]).decode()),
    )


async def book_states(database: Database, subject: str | None) -> AsyncGenerator[Event]:
    """The present state of every book after a subject, for a snapshot; retired books are
    included."""
    after = id_in(subject, "book")
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


def _view(row: Row, kind: type[View], **more: Any) -> View:
    """`more` has the members of a view that has more than `BookView`."""
    return kind.of(to_book(row), _stock(row), row["seller_name"] or None, **more)


def _managed(row: Row) -> dict[str, Any]:
    return {"retired": bool(row["retired"]), "etag": _version(row).etag}


def _version(row: Row) -> Version:
    return Version.of(to_book(row), _stock(row), row["seller_name"] or None)


def _stock(row: Row) -> KnownStock | None:
    """None until purchase has reported one."""
    if row["stock_revision"] is None:
        return None
    return KnownStock(row["stock_revision"], row["available"], row["as_of"])

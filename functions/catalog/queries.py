"""Reads: one book, pages of the list, and the snapshot of them all."""

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.domain import search
from functions.catalog.domain.listing import Filters, Sort
from functions.catalog.domain.text import price_order
from functions.catalog.domain.versions import SHAPE, Stock, Version
from functions.catalog.errors import BookNotFound, BookRetired
from functions.catalog.schemas import BookView
from functions.catalog.tables import BOOK_COLUMNS, BookRow, to_book
from functions.kit.cloudevents import Event
from functions.kit.database import Database, Row
from functions.kit.errors import FieldError, InvalidInput
from functions.kit.etags import strong_etag
from functions.kit.fulltext import any_begins
from functions.kit.outbox import as_state
from functions.kit.pages import decode_cursor, encode_cursor
from functions.kit.responses import encode
from functions.kit.values import MAX_ID, from_minor

SNAPSHOT_PAGE = 200

SEARCH_INDEX = "ft_books_search"
SAMPLE = 200
"""Books that are looked at to learn how rare what is searched is."""
ASKED_FOR = 4
"""Words, of those in a query, whose rarity is looked at."""

# The catalogue's stock is what purchase said last; before it has spoken, the initial one.
# While few stocks are known MySQL would hash them all, and sort every book after the join; without
# that it looks each one up and keeps the order of the index. Other databases read a comment here.
_SELECT = (
    "SELECT /*+ NO_BNL(i) */"
    " b.id, b.title, b.author, b.description, b.isbn, b.category, b.price_minor,"
    " b.currency, b.initial_stock, b.revision, b.retired, b.created_at,"
    " b.title_order, b.price_order, b.uid,"
    " i.available, i.revision AS stock_revision, i.as_of"
    " FROM books b LEFT JOIN inventory i ON i.book_id = b.id"
)

# The tag of a page is made of them: revisions alone would not do (`domain/versions.py`).
_SHOWN = itemgetter(
    *["id", "title", "author", "description", "isbn", "category", "price_minor", "currency"],
    *["initial_stock", "created_at", "stock_revision", "available", "as_of"],
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
        raise BookNotFound(f"There is no book {book_id}.")
    if rows[0]["retired"]:
        raise BookRetired(f"Book {book_id} is not sold any more.")
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
    if filters.words and filters.ids is None:
        await _narrow(database, where, filters.words, limit + 1)
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
    _search(where, filters.words)
    for name in filters.authors:
        where.add("b.author_names LIKE {} ESCAPE '!'", f"%;{_literal(name)};%")
    if filters.category is not None:
        where.add("b.category_key = {}", filters.category)
    if filters.min_price is not None:
        where.add("b.price_order >= {}", price_order(filters.min_price, ""))
    if filters.max_price is not None:
        where.add("b.price_order < {}", price_order(filters.max_price + 1, ""))
    if filters.in_stock is not None:
        operator = ">" if filters.in_stock else "<="
        where.add(f"COALESCE(i.available, b.initial_stock) {operator} 0")
    if filters.ids is not None:
        where.add(f"b.id IN ({', '.join(['{}'] * len(filters.ids))})", *filters.ids)


def _search(where: _Where, words: Sequence[str]) -> None:
    """Every word begins one of the title or the author. This decides; an index only narrows."""
    for word in words:
        # A row that the release before this one wrote has no words as we spell them.
        where.add(
            "(b.search_text LIKE {} ESCAPE '!' OR"
            " (b.search_text NOT LIKE {} ESCAPE '!' AND b.search_text LIKE {} ESCAPE '!'))",
            _spelt(word),
            f" {_literal(search.MARK)}%",
            f"%{_literal(word)}%",
        )
        if search.is_cut(word):
            where.add("b.search_text LIKE {} ESCAPE '!'", f"%{_literal(word)}%")


async def _narrow(database: Database, where: _Where, words: Sequence[str], page: int) -> None:
    """Let the index find the books of the rarest word, and look for the others in those.

    It gathers all of a word's books before the first is sorted. Where that is more than are gone
    through in their order until the page is full, the database is not asked to use the index, and
    does that.
    """
    longest = sorted(words, key=len, reverse=True)[:ASKED_FOR]
    sample = await _look_at_some(database, where, longest)
    if sample.is_page_near(page):
        return
    rarest = longest[sample.with_each.index(min(sample.with_each))]
    beginnings = [search.spelt(rarest)]
    if search.is_plain(rarest):
        beginnings.append(rarest)  # as the release before this one wrote it
    condition = any_begins(
        database, SEARCH_INDEX, key="b.id", column="b.search_text", beginnings=beginnings
    )
    where.add(*condition)


async def _look_at_some(database: Database, where: _Where, words: Sequence[str]) -> search.Sample:
    """Books of which so many are found, and so many have each of the words.

    They are the first by `match_key`: that is a hash, so they are as good as drawn by lot.
    """
    names = [f"w{number}" for number in range(len(words))]
    tests = ", ".join(f"b.search_text LIKE {{}} ESCAPE '!' AS {name}" for name in names)
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
            *map(_spelt, words),
            SAMPLE,
        )
    )
    counted = {name: int(value or 0) for name, value in outcome.rows[0].items()}
    with_each = tuple(counted[name] for name in names)
    return search.Sample(counted["books"], counted["looked"], counted["found"], with_each)


def _spelt(word: str) -> str:
    """A pattern for a text that has a word beginning so."""
    return f"% {_literal(search.spelt(word))}%"


def _literal(text: str) -> str:
    """A text in which LIKE finds no wildcard."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _read_cursor(cursor: str, sort: Sort, order: _Order) -> Any:
    name, key = decode_cursor(cursor, str, order.kind)
    if name != sort:
        message = f"is a cursor of a list that is sorted by {name[:20]}"
        raise InvalidInput(f"`after` {message}", errors=[FieldError("after", message)])
    return key


def _view(row: Row) -> BookView:
    told = row["stock_revision"] is not None
    return BookView(
        id=row["id"],
        title=row["title"],
        author=row["author"],
        description=row["description"],
        price=from_minor(row["price_minor"]),
        stock=row["available"] if told else row["initial_stock"],
        isbn=row["isbn"],
        category=row["category"],
        currency=row["currency"],
        price_minor=row["price_minor"],
        stock_revision=row["stock_revision"] or 0,
        stock_as_of=row["as_of"] if told else row["created_at"],
    )


def _version(row: Row) -> Version:
    told = row["stock_revision"] is not None
    stock = Stock(row["stock_revision"], row["available"], row["as_of"]) if told else None
    return Version.of(to_book(row), stock)

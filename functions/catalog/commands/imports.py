"""Imports a supplier's file of books: a stream, written in batches, idempotent.

A row matches its book by ISBN, else by title and author (`book_matcher.py`). Running an import
again therefore changes nothing, and completes a run that was killed. Values of the file replace
those of an existing book; defaults never do. The report lists what was ignored: unused columns, and
the stock of existing books, which only purchase changes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.commands.book_matcher import BookMatcher, known_books
from functions.catalog.commands.books import NewBook, check_named, insert_book, revise_book
from functions.catalog.domain.books import Book
from functions.catalog.domain.sellers import Editor, is_retired_by_seller
from functions.catalog.errors import IsbnTaken, MalformedCsv
from functions.catalog.importing.csv_records import CsvReader, Record
from functions.catalog.importing.rows import (
    Columns,
    Defaults,
    ImportRow,
    RefusedRow,
    is_blank,
)
from functions.catalog.schemas import ImportReport, LineReport
from functions.catalog.tables import ImportLockRow
from functions.kit.base.clock import Clock
from functions.kit.base.errors import DomainError, FieldError, Text, TooLarge
from functions.kit.base.language import in_language
from functions.kit.data.database import Database, is_in, locked_or_inserted, transactional
from functions.kit.events.outbox import NewEvent, Outbox

BATCH = 200
"""Rows per transaction: a larger one blocks other writers for longer."""
MAX_LINES = 200_000
"""Lines of a file. The book of each line is kept in memory until its end."""
LISTED = 1000
"""How many errors, and how many warnings, a report lists at most."""
RETRIES = 3
"""Retries of a batch after a concurrent request took one of its ISBNs."""
LOCK = "import"


class RowOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Result(NamedTuple):
    """The outcome of a line."""

    line: int
    outcome: RowOutcome
    book_id: int | None = None
    errors: Sequence[FieldError] = ()
    warnings: Sequence[FieldError] = ()


async def import_books(
    database: Database,
    chunks: AsyncIterator[bytes],
    defaults: Defaults,
    *,
    editor: Editor,
    language: str,
    outbox: Outbox,
    clock: Clock,
) -> ImportReport:
    """Write the books of a CSV file. The report's texts are in `language`, `es` or `en`.

    A seller's new books are the seller's own, and lines about other books are refused.
    Raises `SellerNameNeeded` where the seller has no name, and `MalformedCsv` or `TooLarge` where
    the rest of the file cannot be read. Rows that were written before any error are kept, and the
    error's extension `imported` counts them.
    """
    run = _Import(database, defaults, editor, language, outbox, clock)
    try:
        try:
            await run.read(chunks)
        except (MalformedCsv, TooLarge):
            await run.flush()
            raise
    except DomainError as refusal:
        refusal.extensions["imported"] = run.counts()
        raise
    return run.report


class _Import:
    """One run: its current batch, its report, and the first line of each book."""

    def __init__(
        self,
        database: Database,
        defaults: Defaults,
        editor: Editor,
        language: str,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self.database = database
        self.defaults = defaults
        self.editor = editor
        self.language = language
        self.outbox = outbox
        self.clock = clock
        self.report = ImportReport()
        self.batch: list[ImportRow | RefusedRow] = []
        self.lines_of_books: dict[int, int] = {}

    async def read(self, chunks: AsyncIterator[bytes]) -> None:
        columns: Columns | None = None
        async for record in _records(chunks):
            if is_blank(record):
                continue
            if columns is None:
                columns = Columns.from_header(record, self.defaults)
                self.report.unused_columns = list(columns.unused)
                continue
            if self.report.lines + len(self.batch) == MAX_LINES:
                raise TooLarge(
                    Text(
                        f"El archivo tiene más de {MAX_LINES} líneas. Envíe lo que sigue a la"
                        f" línea {record.line - 1} en otro archivo.",
                        f"The file has more than {MAX_LINES} lines. Send what follows line"
                        f" {record.line - 1} as a file of its own.",
                    )
                )
            self.batch.append(columns.read(record, self.defaults))
            if len(self.batch) == BATCH:
                await self.flush()
        if columns is None:
            raise MalformedCsv(
                Text(
                    "El archivo está vacío: necesita una cabecera, como title,author,price",
                    "The file is empty: it needs a header, such as title,author,price",
                )
            )
        await self.flush()

    async def flush(self) -> None:
        """Write the current batch and add its results to the report."""
        batch, self.batch = self.batch, []
        if not batch:
            return
        for result in await self._write(batch):
            self._report(result)

    async def _write(self, batch: Sequence[ImportRow | RefusedRow]) -> list[Result]:
        for attempt in range(RETRIES + 1):
            try:
                return await _write_batch(
                    self.database,
                    batch,
                    self.lines_of_books,
                    currency=self.defaults.currency,
                    editor=self.editor,
                    outbox=self.outbox,
                    now=self.clock(),
                )
            except IsbnTaken:
                if attempt == RETRIES:
                    raise
        raise AssertionError("unreachable")

    def _report(self, result: Result) -> None:
        report = self.report
        report.lines += 1
        setattr(report, result.outcome, getattr(report, result.outcome) + 1)
        report.warned += bool(result.warnings)
        if result.book_id is not None:
            self.lines_of_books.setdefault(result.book_id, result.line)
        self._list(report.errors, result.line, result.errors)
        self._list(report.warnings, result.line, result.warnings)

    def _list(self, listed: list[LineReport], line: int, found: Sequence[FieldError]) -> None:
        remaining = LISTED - len(listed)
        listed.extend(
            LineReport(line=line, field=each.field, reason=in_language(self.language, each.message))
            for each in found[:remaining]
        )
        self.report.truncated |= len(found) > remaining

    def counts(self) -> dict[str, int]:
        members = msgspec.structs.asdict(self.report)
        return {name: members[name] for name in ("lines", *RowOutcome)}


async def _records(chunks: AsyncIterator[bytes]) -> AsyncIterator[Record]:
    reader = CsvReader()
    async for chunk in chunks:
        for record in reader.feed(chunk):
            yield record
    for record in reader.close():
        yield record


@transactional
async def _write_batch(
    database: Database,
    batch: Sequence[ImportRow | RefusedRow],
    lines_of_books: Mapping[int, int],
    *,
    currency: str,
    editor: Editor,
    outbox: Outbox,
    now: datetime,
) -> list[Result]:
    if editor.seller_id is not None:
        await check_named(database, editor.seller_id)
    await _acquire_import_lock(database)
    rows = (row for row in batch if isinstance(row, ImportRow))
    matcher = await known_books(database, rows, editor)
    stocks = await _stocks(database, matcher)
    results: list[Result] = []
    new_events: list[NewEvent] = []
    written: dict[int, int] = {}
    for row in batch:
        if isinstance(row, RefusedRow):
            results.append(Result(row.line, RowOutcome.REFUSED, errors=row.errors))
            continue
        known, ambiguity = matcher.find(row)
        warnings = row.warnings
        if known is None:
            new = NewBook(row.details, currency, row.stock, editor.seller_id)
            book = await insert_book(database, new, now=now)
            new_events.append(events.book_created(book))
            outcome = RowOutcome.CREATED
            stocks[book.id] = row.stock
        else:
            earlier = written.get(known.id) or lines_of_books.get(known.id)
            if objection := _objection(known, row, earlier, editor) or ambiguity:
                errors = (FieldError("", objection), *row.warnings)
                results.append(Result(row.line, RowOutcome.REFUSED, errors=errors))
                continue
            details = row.applied_to(known.details)
            book = await revise_book(database, known, details, now=now)
            outcome = RowOutcome.UNCHANGED if book is known else RowOutcome.UPDATED
            if outcome is RowOutcome.UPDATED:
                new_events.append(events.book_updated(book))
            warnings += _stock_warnings(row, book, stocks.get(book.id, book.initial_stock))
        matcher.put(book)
        written.setdefault(book.id, row.line)
        results.append(Result(row.line, outcome, book.id, warnings=warnings))
    await outbox.add(database, *new_events)
    return results


def _objection(known: Book, row: ImportRow, earlier: int | None, editor: Editor) -> Text | None:
    """Why a row must not change the book that it matches; None where it may."""
    if not editor.may_change(known):
        return Text(
            f"su ISBN es el del libro {known.id}, que vende otra persona: no se cambia",
            f"its ISBN is that of book {known.id}, which somebody else sells: it is not changed",
        )
    if known.retired and not editor.is_staff and not is_retired_by_seller(known):
        return Text(
            f"es el libro {known.id}, que retiró el personal: pídale que lo reponga",
            f"is book {known.id}, which staff retired: ask them to bring it back",
        )
    if known.retired:
        return Text(
            f"es el libro {known.id}, que se retiró: repóngalo antes",
            f"is book {known.id}, which was retired: bring it back first",
        )
    if earlier is not None and row.applied_to(known.details) != known.details:
        return Text(
            f"es el mismo libro que la línea {earlier}, con otros datos",
            f"is the same book as line {earlier}, with other data",
        )
    return None


def _stock_warnings(row: ImportRow, book: Book, stock: int) -> tuple[FieldError, ...]:
    """A warning where the file has another stock: only purchase changes an existing book's."""
    if not row.stock_given or row.stock == stock:
        return ()
    message = Text(
        f"sigue en {stock}, no pasa a {row.stock}: un archivo no cambia las existencias de un libro"
        " que la tienda ya tiene",
        f"stays {stock}, and does not become {row.stock}: a file does not change the stock of a"
        " book that the shop has",
    )
    return (FieldError("stock", message),)


async def _stocks(database: Database, matcher: BookMatcher) -> dict[int, int]:
    """The stocks that purchase has reported, by book id."""
    ids = matcher.ids()
    if not ids:
        return {}
    outcome = await database.execute(
        QueryString("SELECT book_id, available FROM inventory WHERE {}", is_in("book_id", ids))
    )
    return {row["book_id"]: row["available"] for row in outcome.rows}


async def _acquire_import_lock(database: Database) -> None:
    """Serialize batches of concurrent imports, so that two do not both insert the same book."""
    await locked_or_inserted(
        database,
        ImportLockRow.select(ImportLockRow.name).where(ImportLockRow.name == LOCK),
        QueryString("INSERT INTO turns (name) VALUES ({}) ON CONFLICT (name) DO NOTHING", LOCK),
    )

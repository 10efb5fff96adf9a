"""A supplier's file of books: read as it comes, written in batches, safe to send again.

A row finds its book by ISBN, else by title and author (`shelf.py`), so a second run changes
nothing, and a run that was killed half way is finished by running it again. What the file says of
a known book takes the place of what was there; a default never does. Of what is not taken the
report says so: a stock is purchase's to change, a column may be one that nothing is read from.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from piccolo.querystring import QueryString

from functions.catalog import events
from functions.catalog.commands.book_matcher import BookMatcher, known_books
from functions.catalog.commands.books import NewBook, insert_book, revise_book
from functions.catalog.domain.books import Book
from functions.catalog.domain.csv_records import CsvReader, Record
from functions.catalog.domain.import_rows import (
    Columns,
    Defaults,
    ImportRow,
    RefusedRow,
    is_blank,
)
from functions.catalog.errors import IsbnTaken, MalformedCsv
from functions.catalog.schemas import ImportReport, LineReport
from functions.catalog.tables import ImportLockRow
from functions.kit.base.clock import Clock
from functions.kit.base.errors import DomainError, FieldError, Text, TooLarge
from functions.kit.base.language import in_language
from functions.kit.data.database import Database, is_in, transactional
from functions.kit.events.outbox import NewEvent, Outbox

BATCH = 200
"""Rows of a transaction: many enough to be quick, few enough to let others write between."""
MAX_LINES = 200_000
"""Of one file: which book each line was is remembered until its end."""
LISTED = 1000
"""Errors, and warnings, that a report lists."""
RACES = 3
"""Times that a batch is run again because somebody else took one of its ISBNs meanwhile."""
TURN = "import"


class RowOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class Result(NamedTuple):
    """What became of a line."""

    line: int
    became: RowOutcome
    book_id: int | None = None
    errors: Sequence[FieldError] = ()
    warnings: Sequence[FieldError] = ()


async def import_books(
    database: Database,
    chunks: AsyncIterator[bytes],
    defaults: Defaults,
    *,
    language: str,
    outbox: Outbox,
    clock: Clock,
) -> ImportReport:
    """Write the books of a CSV file; answers what became of its lines, in `es` or `en`.

    Raises `MalformedCsv` or `TooLarge` where it is not read on. Whatever is raised, the rows that
    were written before stay, and the error's extension `imported` counts them.
    """
    run = _Import(database, defaults, language, outbox, clock)
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
    """One run. Between its batches it keeps the report, and which book each line was."""

    def __init__(
        self, database: Database, defaults: Defaults, language: str, outbox: Outbox, clock: Clock
    ) -> None:
        self.database = database
        self.defaults = defaults
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
        """Write the rows that were read, and report them."""
        batch, self.batch = self.batch, []
        if not batch:
            return
        for result in await self._write(batch):
            self._report(result)

    async def _write(self, batch: Sequence[ImportRow | RefusedRow]) -> list[Result]:
        for race in range(RACES + 1):
            try:
                return await _write_batch(
                    self.database,
                    batch,
                    self.lines_of_books,
                    currency=self.defaults.currency,
                    outbox=self.outbox,
                    now=self.clock(),
                )
            except IsbnTaken:
                if race == RACES:
                    raise
        raise AssertionError("unreachable")

    def _report(self, result: Result) -> None:
        report = self.report
        report.lines += 1
        setattr(report, result.became, getattr(report, result.became) + 1)
        report.warned += bool(result.warnings)
        if result.book_id is not None:
            self.lines_of_books.setdefault(result.book_id, result.line)
        self._list(report.errors, result.line, result.errors)
        self._list(report.warnings, result.line, result.warnings)

    def _list(self, listed: list[LineReport], line: int, found: Sequence[FieldError]) -> None:
        room = LISTED - len(listed)
        listed.extend(
            LineReport(line=line, field=each.field, reason=in_language(self.language, each.message))
            for each in found[:room]
        )
        self.report.truncated |= len(found) > room

    def counts(self) -> dict[str, int]:
        everything = msgspec.structs.asdict(self.report)
        return {name: everything[name] for name in ("lines", *RowOutcome)}


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
    outbox: Outbox,
    now: datetime,
) -> list[Result]:
    await _acquire_import_lock(database)
    shelf = await known_books(database, (row for row in batch if isinstance(row, ImportRow)))
    stocks = await _stocks(database, shelf)
    results: list[Result] = []
    messages: list[NewEvent] = []
    written: dict[int, int] = {}
    for row in batch:
        if isinstance(row, RefusedRow):
            results.append(Result(row.line, RowOutcome.REFUSED, errors=row.errors))
            continue
        known, doubt = shelf.find(row)
        warnings = row.warnings
        if known is None:
            new = NewBook(row.details, currency, row.stock)
            book = await insert_book(database, new, now=now)
            messages.append(events.book_created(book))
            became = RowOutcome.CREATED
            stocks[book.id] = row.stock
        else:
            earlier = written.get(known.id) or lines_of_books.get(known.id)
            if objection := _objection(known, row, earlier) or doubt:
                errors = (FieldError("", objection), *row.warnings)
                results.append(Result(row.line, RowOutcome.REFUSED, errors=errors))
                continue
            details = row.applied_to(known.details)
            book = await revise_book(database, known, details, now=now)
            became = RowOutcome.UNCHANGED if book is known else RowOutcome.UPDATED
            if became is RowOutcome.UPDATED:
                messages.append(events.book_updated(book))
            warnings += _stock_warnings(row, book, stocks.get(book.id, book.initial_stock))
        shelf.put(book)
        written.setdefault(book.id, row.line)
        results.append(Result(row.line, became, book.id, warnings=warnings))
    await outbox.add(database, *messages)
    return results


def _objection(known: Book, row: ImportRow, earlier: int | None) -> Text | None:
    """Why a row must not touch the book that it means."""
    if known.retired:
        return Text(
            f"es el libro {known.id}, que se retiró: POST /books/{known.id}/restore lo repone",
            f"is book {known.id}, which was retired: POST /books/{known.id}/restore brings it back",
        )
    if earlier is not None and row.applied_to(known.details) != known.details:
        return Text(
            f"es el mismo libro que la línea {earlier}, con otros datos",
            f"is the same book as line {earlier}, with other data",
        )
    return None


def _stock_warnings(row: ImportRow, book: Book, stock: int) -> tuple[FieldError, ...]:
    """The stock of a known book is purchase's to change."""
    if not row.stock_given or row.stock == stock:
        return ()
    way = f"POST /inventory/{book.id}/adjustments"
    message = Text(
        f"sigue en {stock}, no pasa a {row.stock}: lo cambia {way}, en purchase",
        f"stays {stock}, and does not become {row.stock}: {way} changes it, in purchase",
    )
    return (FieldError("stock", message),)


async def _stocks(database: Database, shelf: BookMatcher) -> dict[int, int]:
    """What purchase has said of the stock of the books, by their ids."""
    ids = shelf.ids()
    if not ids:
        return {}
    outcome = await database.execute(
        QueryString("SELECT book_id, available FROM inventory WHERE {}", is_in("book_id", ids))
    )
    return {row["book_id"]: row["available"] for row in outcome.rows}


async def _acquire_import_lock(database: Database) -> None:
    """Wait for other imports' batches: two must not both find that a book is not there yet."""
    select = ImportLockRow.select(ImportLockRow.name).where(ImportLockRow.name == TURN)
    if not await database.locked(select):
        await database.execute(
            QueryString("INSERT INTO turns (name) VALUES ({}) ON CONFLICT (name) DO NOTHING", TURN)
        )
        await database.locked(select)

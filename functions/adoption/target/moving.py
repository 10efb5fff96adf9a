"""The steps of a move. Each writes one kind of rows in batches, in the order of their ids.

purchase goes first: the stock of a book is then there before catalog publishes the book, whose
first event would open it with nothing reserved. Books reach purchase, and stock reaches catalog, by
the streams of the services, as every other change does. Of purchases no events are published: a
consumer would take a purchase of years ago for a new one. The stream of orders begins after them,
so that its readers take its snapshot (`rows.begin_orders`).
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from functions.adoption.domain.deliveries import ADDED_NAME, NO_CONTACT, Provider
from functions.adoption.mapping import Mapping
from functions.adoption.original import schema
from functions.adoption.survey import Survey
from functions.adoption.target import journal, rows
from functions.adoption.target.databases import Databases, raise_next_id, refusals
from functions.adoption.target.journal import DONE, Move
from functions.kit.base.clock import Clock, utc_now
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox

T = TypeVar("T")

BATCH = 500
BOOKS_BATCH = 100
"""A book with its event may have ten thousand characters."""

_NEXT_IDS = (
    ("auth", "users", schema.USER),
    ("catalog", "books", schema.BOOK),
    ("purchase", "purchases", schema.PURCHASE),
    ("purchase", "payments", schema.PAYMENT),
    ("purchase", "providers", schema.PROVIDER),
    ("purchase", "assignments", schema.ASSIGNMENT),
)

Progress = Callable[[str, int], None]
"""Gets the name of a step, and how many rows of it have been written by this run."""


@dataclass(kw_only=True)
class Moving:
    databases: Databases
    mapping: Mapping
    survey: Survey
    move: Move
    progress: Progress
    clock: Clock = utc_now

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.clock)
        self.currency = self.mapping.decisions.currency
        grace = timedelta(hours=self.mapping.decisions.pending_grace_hours)
        self.expires_at: datetime = self.move.moved_at + grace

    async def run(self) -> None:
        """Write what is missing. Raises `TargetRefused`."""
        auth, catalog, purchase = (self.databases[name] for name in ("auth", "catalog", "purchase"))
        for service, table, source in _NEXT_IDS:
            with refusals(service):
                next_id = self.mapping.original.staging.next_id(source)
                await raise_next_id(self.databases[service], table, next_id)
        with refusals("auth"):
            await self._step(
                auth, "users", lambda after: _ids(self.mapping.users(after)), self._write_users
            )
            await self._step(
                auth,
                "unknown users",
                lambda after: _ids(self.mapping.unknown_users(after)),
                self._write_users,
            )
        with refusals("purchase"):
            await self._step(purchase, "stock", self._stock, self._write_stock)
            await self._step(purchase, "providers", self._providers, self._write_providers)
            await self._step(
                purchase,
                "purchases",
                lambda after: _ids(self.mapping.purchases(after)),
                self._write_purchases,
            )
            if self.survey.purchases:
                await self._step(purchase, "orders", _once, self._begin_orders)
        with refusals("catalog"):
            await self._step(
                catalog,
                "books",
                lambda after: _ids(self.mapping.books(after)),
                self._write_books,
                size=BOOKS_BATCH,
            )
        for service, database in self.databases.items():
            with refusals(service):
                await self._step(database, journal.WHOLE, lambda _: iter(()), _nothing)

    async def _step(
        self,
        database: Database,
        step: str,
        source: Callable[[int | None], Iterator[tuple[int, T]]],
        write: Callable[[Database, list[T]], Awaitable[None]],
        *,
        size: int = BATCH,
    ) -> None:
        before = await journal.position(database, step)
        if before == DONE:
            return
        written = 0
        for batch in journal.batches(source(None if before is None else int(before)), size):
            after = str(batch[-1][0])
            await _write(database, step, before, after, write, [each for _, each in batch])
            before = after
            written += len(batch)
            self.progress(step, written)
        await _write(database, step, before, DONE, write, [])

    async def _write_users(self, database: Database, batch: list[rows.MappedUser]) -> None:
        users = [each.user for each in batch if each.user is not None]
        await rows.insert_users(database, users, self.move.moved_at)

    def _stock(self, after: int | None) -> Iterator[tuple[int, rows.MappedBook]]:
        return _ids(self.mapping.books(after))

    async def _write_stock(self, database: Database, batch: list[rows.MappedBook]) -> None:
        stocks = [
            rows.stock_of(each.book, self.survey.copies[each.book.id], self.move.moved_at)
            for each in batch
            if each.book is not None
        ]
        await rows.insert_stock(database, stocks, self.outbox)

    def _providers(self, after: int | None) -> Iterator[tuple[int, Provider]]:
        providers = list(self.mapping.providers.rows)
        if self.survey.needs_provider and self.mapping.providers.added_id is None:
            added = Provider(self._added_provider(), ADDED_NAME, NO_CONTACT, retired=True)
            providers.append(added)
        for each in providers:
            if after is None or each.id > after:
                yield each.id, each

    async def _write_providers(self, database: Database, batch: list[Provider]) -> None:
        await rows.insert_providers(database, batch)

    async def _write_purchases(self, database: Database, batch: list[rows.MappedPurchase]) -> None:
        await rows.insert_purchases(
            database,
            [each for each in batch if each.purchase is not None],
            currency=self.currency,
            moved_at=self.move.moved_at,
            expires_at=self.expires_at,
            added_provider=self._added_provider(),
        )

    async def _begin_orders(self, database: Database, _: list[None]) -> None:
        await rows.begin_orders(database)

    def _added_provider(self) -> int:
        """The next id of the original, unless that has a provider of this name."""
        known = self.mapping.providers.added_id
        return self.mapping.original.staging.next_id(schema.PROVIDER) if known is None else known

    async def _write_books(self, database: Database, batch: list[rows.MappedBook]) -> None:
        books = [
            (each.book, self.survey.copies[each.book.id]) for each in batch if each.book is not None
        ]
        await rows.insert_books(
            database, books, currency=self.currency, moved_at=self.move.moved_at, outbox=self.outbox
        )


def _once(after: int | None) -> Iterator[tuple[int, None]]:
    """The source of a step that writes only one thing."""
    return iter([(1, None)] if after is None else [])


async def _nothing(_: Database, __: list[object]) -> None:
    pass


@transactional
async def _write(
    database: Database,
    step: str,
    before: str | None,
    after: str,
    write: Callable[[Database, list[T]], Awaitable[None]],
    batch: list[T],
) -> None:
    await journal.advance(database, step, before, after)
    if batch:
        await write(database, batch)


Mapped = TypeVar("Mapped", rows.MappedUser, rows.MappedBook, rows.MappedPurchase)


def _ids(mapped: Iterator[Mapped]) -> Iterator[tuple[int, Mapped]]:
    for each in mapped:
        yield each.position, each

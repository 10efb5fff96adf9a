"""Piccolo's SQLite engine, made safe for concurrent tasks, several processes and kills.

Piccolo opens a connection for every query, begins transactions DEFERRED (a read followed by a write
then fails with "database is locked"), and leaks its context variable and its connection if COMMIT
fails. This engine keeps one writing and one reading connection. Transactions are BEGIN IMMEDIATE,
one at a time in a process, and a failed COMMIT is rolled back. It implements `database.Database`,
as `kit/mysql/` does; transactions are in `sqlite_transaction.py`.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

import aiosqlite
from piccolo.engine.sqlite import SQLiteEngine as PiccoloSQLiteEngine
from piccolo.query.base import DDL, Query
from piccolo.querystring import QueryString

from functions.kit.base.urls import SYNCHRONOUS, parse_sqlite
from functions.kit.data.database import Outcome, Row, write_deadline
from functions.kit.data.sqlite_transaction import Transaction
from functions.kit.data.sqlite_write_lock import WriteLock, retry_while_busy

BUSY_TIMEOUT = 5.0
"""Seconds that SQLite waits when a connection is opened or read. Writers wait for their turn
instead (`sqlite_write_lock.py`)."""


_READS = ("SELECT", "WITH", "EXPLAIN")


class TransactionEnded(Exception):
    """A task ran a query after the transaction that it was started in had ended."""


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


class SQLiteEngine(PiccoloSQLiteEngine):
    """One file, one writing and one reading connection, both opened at the first query."""

    backend: ClassVar[str] = "sqlite"
    current_transaction: ContextVar[Transaction | None]  # type: ignore[assignment]

    def __init__(self, path: str, *, synchronous: str = "full") -> None:
        if synchronous not in SYNCHRONOUS:
            raise ValueError(f"synchronous must be one of {', '.join(SYNCHRONOUS)}")
        super().__init__(path=path)
        self.synchronous = synchronous
        self.write_lock = WriteLock()
        self._opening = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
        self._finishing: set[asyncio.Task[None]] = set()

    def finish(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run the end of a transaction in a task, so that it completes even after a
        cancellation of the caller. `close` waits for it."""
        task = asyncio.ensure_future(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`sqlite:///relative.db` or `sqlite:////absolute.db`; `?synchronous=normal` is faster.

        Raises `ValueError` for any other form.
        """
        parsed = parse_sqlite(url)
        return cls(parsed.path, synchronous=parsed.synchronous)

    # Connections

    async def get_connection(self, *pragmas: str) -> aiosqlite.Connection:
        """Open a connection with this engine's PRAGMAs, and these after them."""
        with contextlib.suppress(OSError):  # SQLite then reports the error
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = aiosqlite.connect(**self.connection_kwargs, timeout=BUSY_TIMEOUT)
        try:
            await connection
            connection.row_factory = _as_dict  # type: ignore[assignment]
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute("PRAGMA foreign_keys = ON")
            await connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            for pragma in pragmas:
                await connection.execute(pragma)
        except BaseException:
            # Otherwise its thread would keep the process from exiting.
            await asyncio.shield(connection.close())
            connection._thread.join(1.0)  # noqa: SLF001 - close() ends it, without waiting
            raise
        return connection

    async def writer(self) -> aiosqlite.Connection:
        if self._writer is None:
            async with self._opening:
                if self._writer is None:
                    self._writer = await self.get_connection("PRAGMA busy_timeout = 0")
        return self._writer

    async def reader(self) -> aiosqlite.Connection:
        if self._reader is None:
            async with self._opening:
                if self._reader is None:
                    self._reader = await self.get_connection()
        return self._reader

    async def ping(self) -> None:
        await (await self.reader()).execute_fetchall("SELECT 1")

    async def close(self) -> None:
        await asyncio.gather(*self._finishing, return_exceptions=True)
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()
        self._reader = self._writer = None

    # Statements

    def active_transaction(self) -> Transaction | None:
        """This task's transaction; None outside of one.

        Raises `TransactionEnded` if the task was started inside a transaction that has ended.
        """
        transaction = self.current_transaction.get()
        if transaction is not None and transaction.finished:
            raise TransactionEnded(
                "This task was started inside a transaction that has ended; await it there,"
                " or start it with a context of its own"
            )
        return transaction

    async def execute(self, query: Query[Any, Any] | QueryString, /) -> Outcome:
        if isinstance(query, Query):
            (query,) = query.querystrings
        sql, args = query.compile_string(engine_type="sqlite")
        return await self._run(sql, args)

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> list[Row]:
        del in_pool
        return (await self.execute(querystring)).rows

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> list[Row]:
        del in_pool
        return (await self._run(ddl, [])).rows

    async def _run(self, sql: str, args: Sequence[Any]) -> Outcome:
        transaction = self.active_transaction()
        if transaction is not None:
            return await self._run_on(transaction.connection, sql, args)
        if sql.lstrip()[:7].upper().startswith(_READS):
            # All rows at once: an open cursor would keep its snapshot for the other readers of
            # this connection.
            rows = await (await self.reader()).execute_fetchall(sql, args)
            return Outcome(list(rows), -1, None)  # type: ignore[arg-type]
        deadline = write_deadline()
        await self.write_lock.acquire(deadline)
        try:
            connection = await self.writer()
            return await retry_while_busy(
                lambda: self._run_on(connection, sql, args), deadline, is_busy=self.is_retryable
            )
        finally:
            self.write_lock.release()

    async def _run_on(
        self, connection: aiosqlite.Connection, sql: str, args: Sequence[Any]
    ) -> Outcome:
        async with connection.execute(sql, args) as cursor:
            rows = list(await cursor.fetchall()) if cursor.description else []
            return Outcome(rows, cursor.rowcount, cursor.lastrowid)  # type: ignore[arg-type]

    def locked(
        self, select: Query[Any, Any] | QueryString, *, skip_locked: bool = False
    ) -> "_LockedRows":
        """The rows of a select. BEGIN IMMEDIATE has already locked the whole file."""
        del skip_locked
        if self.active_transaction() is None:
            raise ValueError("Rows can be locked inside a transaction only")
        return _LockedRows(self, select)

    # Transactions

    def transaction(  # type: ignore[override]
        self, *, isolation: str | None = None, allow_nested: bool = True
    ) -> Transaction:
        del isolation  # always serializable: there is one writer at a time
        return Transaction(self, allow_nested=allow_nested)

    def transaction_exists(self) -> bool:
        return self.active_transaction() is not None

    @contextlib.asynccontextmanager
    async def advisory_lock(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109
        """Does nothing: on SQLite a transaction already excludes every other writer."""
        del name, timeout
        yield

    def atomic(self, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError("Use `async with database.transaction():`")

    async def batch(self, *args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError("Piccolo's batch is broken on SQLite: page by key instead")

    # Errors

    def is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.IntegrityError) and _code(error) in {
            sqlite3.SQLITE_CONSTRAINT_UNIQUE,
            sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        }

    def is_retryable(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and (
            _code(error) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
        )

    def is_unavailable(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and (
            _code(error) & 0xFF
            in {
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_CANTOPEN,
                sqlite3.SQLITE_FULL,
                sqlite3.SQLITE_IOERR,
                sqlite3.SQLITE_READONLY,
            }
        )


def _code(error: sqlite3.Error) -> int:
    """SQLite's extended error code. Errors of Python's module itself have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


class _LockedRows:
    def __init__(self, engine: SQLiteEngine, select: Query[Any, Any] | QueryString) -> None:
        self._engine = engine
        self._select = select

    def __await__(self) -> Any:
        return self._rows().__await__()

    async def _rows(self) -> list[Row]:
        return (await self._engine.execute(self._select)).rows


__all__ = ["DDL", "SQLiteEngine", "Transaction", "TransactionEnded"]

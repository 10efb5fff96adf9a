"""Piccolo's SQLite engine, corrected for a service that is shared and gets killed.

Piccolo opens a connection for every query, begins transactions DEFERRED (read-then-write then
fails with "database is locked"), and leaks its context variable and its connection when COMMIT
fails. Here one connection writes and one reads for as long as the engine lives, transactions are
BEGIN IMMEDIATE behind one lock of the process, and a failed COMMIT leaves nothing behind. The
interface is that of `database.py`; `mysql/` is the twin. Next file: `sqlite_transaction`.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self
from urllib.parse import parse_qsl

import aiosqlite
from piccolo.engine.sqlite import SQLiteEngine as PiccoloSQLiteEngine
from piccolo.query.base import DDL, Query
from piccolo.querystring import QueryString

from functions.kit.data.database import Outcome, Row, write_deadline
from functions.kit.data.sqlite_transaction import Transaction
from functions.kit.data.sqlite_write_lock import WriteLock, retry_while_busy

BUSY_TIMEOUT = 5.0
"""Seconds that SQLite itself waits where a connection is opened or read; who writes waits for its
turn (`sqlite_turns.py`)."""

SYNCHRONOUS = ("full", "normal", "off")

_READS = ("SELECT", "WITH", "EXPLAIN")


class TransactionEnded(Exception):
    """A task outlived the transaction that it was started in; its query was not run."""


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
        """Run the end of a transaction, whoever still waits for it."""
        task = asyncio.ensure_future(work)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task

    @classmethod
    def from_url(cls, url: str) -> Self:
        """`sqlite:///relative.db` or `sqlite:////absolute.db`; `?synchronous=normal` is faster."""
        _, _, rest = url.partition("sqlite://")
        path, _, query = rest.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        synchronous = options.pop("synchronous", "full")
        if not path.startswith("/") or path == "/":
            raise ValueError(
                "A SQLite URL is sqlite:///relative.db or sqlite:////absolute.db"
                " (a database in memory would be lost with the process)"
            )
        if options:
            raise ValueError(f"Unknown option in the SQLite URL: {', '.join(sorted(options))}")
        return cls(path[1:], synchronous=synchronous)

    # Connections

    async def get_connection(self) -> aiosqlite.Connection:
        """Open a connection as this engine wants it."""
        with contextlib.suppress(OSError):  # what the file system refuses, SQLite says too
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        connection = aiosqlite.connect(**self.connection_kwargs, timeout=BUSY_TIMEOUT)
        try:
            await connection
            connection.row_factory = _as_dict  # type: ignore[assignment]
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute("PRAGMA foreign_keys = ON")
            await connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        except BaseException:
            # Its thread would live on and keep the process from ending, or outlive the loop.
            await asyncio.shield(connection.close())
            connection._thread.join(1.0)  # noqa: SLF001 - it has been told to end
            raise
        return connection

    async def writer(self) -> aiosqlite.Connection:
        if self._writer is None:
            async with self._opening:
                if self._writer is None:
                    connection = await self.get_connection()
                    await connection.execute("PRAGMA busy_timeout = 0")
                    self._writer = connection
        return self._writer

    async def _read(self) -> aiosqlite.Connection:
        if self._reader is None:
            async with self._opening:
                if self._reader is None:
                    self._reader = await self.get_connection()
        return self._reader

    async def ping(self) -> None:
        await (await self._read()).execute_fetchall("SELECT 1")

    async def close(self) -> None:
        await asyncio.gather(*self._finishing, return_exceptions=True)
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()
        self._reader = self._writer = None

    # Statements

    def active_transaction(self) -> Transaction | None:
        """This task's transaction.

        Raises `TransactionEnded` when the task was started in one that has ended.
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
            # Fetched in one go: a cursor left open between two turns of the loop would show every
            # other reader the database as it was when that cursor began.
            rows = await (await self._read()).execute_fetchall(sql, args)
            return Outcome(list(rows), -1, None)  # type: ignore[arg-type]
        deadline = write_deadline()
        await self.write_lock.take(deadline)
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
    ) -> "_Locked":
        """The rows of a select; IMMEDIATE has locked the whole file already."""
        del skip_locked
        if self.active_transaction() is None:
            raise ValueError("Rows are locked inside a transaction only")
        return _Locked(self, select)

    # Transactions

    def transaction(  # type: ignore[override]
        self, *, isolation: str | None = None, allow_nested: bool = True
    ) -> Transaction:
        del isolation  # one writer at a time is serializable whatever was asked
        return Transaction(self, allow_nested=allow_nested)

    def transaction_exists(self) -> bool:
        return self.active_transaction() is not None

    @contextlib.asynccontextmanager
    async def advisory_lock(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109
        """Nothing to take: on SQLite the transaction itself shuts every other writer out."""
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
    """SQLite's extended code; what the module itself complains of has none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


class _Locked:
    def __init__(self, engine: SQLiteEngine, select: Query[Any, Any] | QueryString) -> None:
        self._engine = engine
        self._select = select

    def __await__(self) -> Any:
        return self._rows().__await__()

    async def _rows(self) -> list[Row]:
        return (await self._engine.execute(self._select)).rows


__all__ = ["DDL", "SQLiteEngine", "Transaction", "TransactionEnded"]

"""A transaction of the SQLite engine. It always ends, even after a cancellation or failed COMMIT.

All transactions of a process share the engine's one writing connection, one after the other.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Coroutine
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Protocol

import aiosqlite
from piccolo.engine.base import BaseTransaction, validate_savepoint_name

from functions.kit.data.database import write_deadline
from functions.kit.data.sqlite_write_lock import WriteLock, retry_while_busy


class Engine(Protocol):
    """What a transaction needs of the engine (`sqlite.SQLiteEngine`)."""

    write_lock: WriteLock
    current_transaction: "ContextVar[Transaction | None]"

    def active_transaction(self) -> "Transaction | None": ...

    async def writer(self) -> aiosqlite.Connection:
        """The writing connection."""

    def finish(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run the end of a transaction in a task."""

    def is_retryable(self, error: BaseException) -> bool: ...


class Savepoint:
    """A savepoint of a transaction."""

    def __init__(self, name: str, transaction: "Transaction") -> None:
        self.name = name
        self.transaction = transaction

    async def rollback_to(self) -> None:
        await self.transaction.connection.execute(f"ROLLBACK TO SAVEPOINT {self.name}")

    async def release(self) -> None:
        await self.transaction.connection.execute(f"RELEASE SAVEPOINT {self.name}")


class Transaction(BaseTransaction):
    """BEGIN IMMEDIATE ... COMMIT, one at a time in a process.

    Inside another transaction of the same task it joins that one.
    """

    __slots__ = (
        *("_abandoned", "_context", "_parent", "_savepoints"),
        *("connection", "engine", "finished"),
    )

    def __init__(self, engine: Engine, *, allow_nested: bool = True) -> None:
        self.engine = engine
        self._parent = engine.active_transaction()
        self._savepoints = 0
        self._abandoned = False
        self.finished = False
        if self._parent is not None and not allow_nested:
            raise ValueError("This task is in a transaction already")

    async def __aenter__(self) -> "Transaction":  # noqa: PYI034 - the outer one, where it joins
        if self._parent is not None:
            return self._parent
        deadline = write_deadline()
        await self.engine.write_lock.acquire(deadline)
        # In a task: the worker thread executes BEGIN even if this coroutine is cancelled, and the
        # transaction must then be ended before the lock is released.
        begin = asyncio.ensure_future(self._begin(deadline))
        try:
            await asyncio.shield(begin)
        except asyncio.CancelledError:
            self._abandoned = True
            self.engine.finish(self._abandon(begin))
            raise
        except BaseException:
            self.engine.write_lock.release()
            raise
        self._context: Token[Transaction | None] = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent is not None:
            return False
        self.engine.current_transaction.reset(self._context)
        # Shielded: COMMIT or ROLLBACK completes even if this coroutine is cancelled.
        await asyncio.shield(self.engine.finish(self._end(commit=exception is None)))
        return False

    async def _begin(self, deadline: float) -> None:
        self.connection = await self.engine.writer()
        await retry_while_busy(
            lambda: self.connection.execute("BEGIN IMMEDIATE"),
            deadline,
            is_busy=self.engine.is_retryable,
            is_wanted=lambda: not self._abandoned,
        )

    async def _abandon(self, begin: "asyncio.Future[None]") -> None:
        try:
            await begin
        except Exception:  # noqa: BLE001 - its caller was cancelled; only the lock matters
            self.engine.write_lock.release()
        else:
            await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        try:
            if commit and not self.finished:
                await self.connection.execute("COMMIT")
        finally:
            self.finished = True
            if self.connection.in_transaction:
                # Fails if SQLite has already rolled back, as it does when the disk is full.
                with contextlib.suppress(sqlite3.Error):
                    await self.connection.execute("ROLLBACK")
            self.engine.write_lock.release()

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")
        self.finished = True

    async def rollback(self) -> None:
        await self.connection.execute("ROLLBACK")
        self.finished = True

    async def rollback_to(self, savepoint_name: str) -> None:
        validate_savepoint_name(savepoint_name)
        await Savepoint(savepoint_name, self).rollback_to()

    async def savepoint(self, name: str | None = None) -> Savepoint:
        self._savepoints += 1
        name = name or f"savepoint_{self._savepoints}"
        validate_savepoint_name(name)
        await self.connection.execute(f"SAVEPOINT {name}")
        return Savepoint(name, self)

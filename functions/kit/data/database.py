"""The one interface that SQLite and MySQL are used through, and the transaction around a command.

SQL is written once, in the dialect that Piccolo prints for SQLite; the MySQL engine translates
it or refuses it by name. The engines are in `sqlite.py` and `mysql/`; the schema is made by
`migrations.py`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ClassVar, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

from piccolo.query.base import Query
from piccolo.querystring import QueryString
from piccolo.table import Table

from functions.kit.base.errors import Unavailable

Row = dict[str, Any]

P = ParamSpec("P")
T = TypeVar("T")


class Outcome(NamedTuple):
    """What a statement did: rows read, rows matched by a write, the id of the last insert."""

    rows: list[Row]
    rowcount: int
    lastrowid: int | None


class Database(Protocol):
    """What both engines offer. Either is also a Piccolo engine, so tables can be bound to it."""

    backend: ClassVar[str]
    """`sqlite` or `mysql`: what it talks to, whatever dialect it prints."""

    async def execute(self, query: "Query[Any, Any] | QueryString", /) -> Any:
        """Run one statement; answers an `Outcome`."""

    async def run_ddl(self, ddl: str, in_pool: bool = ...) -> Any:
        """Run one statement of a migration, as it stands."""

    def transaction(
        self, *, isolation: str | None = None, allow_nested: bool = True
    ) -> AbstractAsyncContextManager[Any]:
        """A transaction; inside another it joins it."""

    def transaction_exists(self) -> bool:
        """Whether this task is inside a transaction."""

    def locked(
        self, select: "Query[Any, Any] | QueryString", *, skip_locked: bool = False
    ) -> Awaitable[list[Row]]:
        """Rows that stay locked until the transaction ends."""

    def advisory_lock(self, name: str, timeout: float) -> AbstractAsyncContextManager[None]:
        """A lock by name that one process in all holds."""

    def is_duplicate(self, error: BaseException) -> bool:
        """A unique key refused the row."""

    def is_retryable(self, error: BaseException) -> bool:
        """The same transaction, run again, may well succeed: deadlock, lock timeout, busy."""

    def is_unavailable(self, error: BaseException) -> bool:
        """The database cannot be reached just now."""

    async def ping(self) -> None:
        """Ask the database something; raises when it does not answer."""

    async def close(self) -> None:
        """Give every connection back."""


def bind(database: Database, tables: Iterable[type[Table]]) -> None:
    """Give the tables their engine by hand.

    Piccolo's engine finder would do it through `piccolo.conf.apps`, which imports black. A table
    class has one engine, so of one service one app at a time can be alive in a process.
    """
    for table in tables:
        table._meta.db = database  # type: ignore[assignment]  # noqa: SLF001 - Piccolo's way in


def is_in(column: str, values: Sequence[object]) -> QueryString:
    """A condition that the column has one of the values, of which there is at least one."""
    return QueryString(f"{column} IN ({', '.join(['{}'] * len(values))})", *values)


_after_commit: ContextVar[list[Callable[[], None]] | None] = ContextVar(
    "after_commit", default=None
)


def after_commit(callback: Callable[[], None]) -> None:
    """Run a callback once the surrounding command has committed; at once where there is none."""
    callbacks = _after_commit.get()
    if callbacks is None:
        callback()
    elif callback not in callbacks:
        callbacks.append(callback)


RETRIES = 8
PATIENCE = 10.0
"""Seconds after which a command is not tried again. Until then a transaction on SQLite waits for
its turn; on MySQL a try may itself wait for a row's lock (`innodb_lock_wait_timeout`)."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def write_deadline() -> float:
    """Until when a transaction that is about to begin may wait; on the clock `time.monotonic`."""
    deadline = _deadline.get()
    return time.monotonic() + PATIENCE if deadline is None else deadline


def transactional(
    command: Callable[Concatenate[Database, P], Awaitable[T]],
) -> Callable[Concatenate[Database, P], Awaitable[T]]:
    """One command, one transaction: committed whole or not at all.

    A deadlock or a busy database runs the whole command again, from a state in which nothing of
    it has happened; so a command keeps no state but the database's. Inside another transaction
    the command joins it. Raises `Unavailable` when the database stays busy or out of reach.
    """

    @wraps(command)
    async def run(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if database.transaction_exists():
            return await command(database, *args, **kwargs)
        deadline = time.monotonic() + PATIENCE
        for attempt in range(RETRIES + 1):
            callbacks: list[Callable[[], None]] = []
            token = _after_commit.set(callbacks)
            limit = _deadline.set(deadline)
            try:
                async with database.transaction():
                    _deadline.set(None)  # for whatever is started in there
                    result = await command(database, *args, **kwargs)
            except Exception as error:
                if not database.is_retryable(error):
                    raise
                if attempt == RETRIES or time.monotonic() >= deadline:
                    raise Unavailable("The database is busy. Try again.", retry_after=1) from error
            else:
                for callback in callbacks:
                    callback()
                return result
            finally:
                _deadline.reset(limit)
                _after_commit.reset(token)
            await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    return run

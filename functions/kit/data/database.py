"""The interface of both database engines, and the transaction around a command.

SQL is written once, in the dialect that Piccolo prints for SQLite. The MySQL engine translates it,
and raises `Unsupported` for a construct that it cannot translate. The engines are in `sqlite.py`
and `kit/mysql/`.
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
from functions.kit.base.tracing import RecordedSpan, span

Row = dict[str, Any]

P = ParamSpec("P")
T = TypeVar("T")


class Outcome(NamedTuple):
    """The result of a statement: rows read, rows matched by a write, the id of the last insert."""

    rows: list[Row]
    rowcount: int
    lastrowid: int | None


class Database(Protocol):
    """What both engines implement. Each is also a Piccolo engine, so tables can be bound to it."""

    backend: ClassVar[str]
    """`sqlite` or `mysql`: the kind of server, independent of the SQL dialect."""

    async def execute(self, query: "Query[Any, Any] | QueryString", /) -> Any:
        """Run one statement; returns an `Outcome`."""

    async def run_ddl(self, ddl: str, in_pool: bool = ...) -> Any:
        """Run one statement of a migration, untranslated."""

    def transaction(
        self, *, isolation: str | None = None, allow_nested: bool = True
    ) -> AbstractAsyncContextManager[Any]:
        """A transaction. Inside another transaction of the same task it joins that one."""

    def transaction_exists(self) -> bool:
        """Whether this task is inside a transaction."""

    def locked(
        self, select: "Query[Any, Any] | QueryString", *, skip_locked: bool = False
    ) -> Awaitable[list[Row]]:
        """The rows of a select, locked until the transaction ends."""

    def advisory_lock(self, name: str, timeout: float) -> AbstractAsyncContextManager[None]:
        """A named lock that one connection holds among all processes. `timeout` is in seconds."""

    def is_duplicate(self, error: BaseException) -> bool:
        """Whether a unique key or a primary key rejected the row."""

    def is_retryable(self, error: BaseException) -> bool:
        """Whether the same transaction may succeed if run again: deadlock, lock timeout, busy."""

    def is_unavailable(self, error: BaseException) -> bool:
        """Whether the database cannot be reached at the moment."""

    async def ping(self) -> None:
        """Run a trivial query; raises if the database does not answer."""

    async def close(self) -> None:
        """Close every connection. The next query opens new ones."""


def bind(database: Database, tables: Iterable[type[Table]]) -> None:
    """Set the engine of the table classes.

    Piccolo's engine finder would import black, through `piccolo.conf.apps`. A table class has one
    engine, so a process can run only one app of each service at a time.
    """
    for table in tables:
        table._meta.db = database  # type: ignore[assignment]  # noqa: SLF001 - as Piccolo does


async def locked_or_inserted(
    database: Database, select: "Query[Any, Any] | QueryString", insert: QueryString
) -> Row:
    """The row of a select, locked until the transaction ends; where it is missing it is inserted.

    `insert` does nothing where a concurrent transaction has inserted the row (`ON CONFLICT`).
    """
    rows = await database.locked(select)
    if not rows:
        await database.execute(insert)
        rows = await database.locked(select)
    return rows[0]


def is_in(column: str, values: Sequence[object]) -> QueryString:
    """A condition that the column has one of the values; there must be at least one value."""
    return QueryString(f"{column} IN ({', '.join(['{}'] * len(values))})", *values)


_after_commit: ContextVar[list[Callable[[], None]] | None] = ContextVar(
    "after_commit", default=None
)


def after_commit(callback: Callable[[], None]) -> None:
    """Run a callback after the enclosing command commits; immediately outside of a command.

    A callback that is registered twice runs once.
    """
    callbacks = _after_commit.get()
    if callbacks is None:
        callback()
    elif callback not in callbacks:
        callbacks.append(callback)


RETRIES = 8
RETRY_TIMEOUT = 10.0
"""Seconds after which a command is not retried. On SQLite a transaction waits for its turn until
then; on MySQL a try may also wait for a row lock (`innodb_lock_wait_timeout`)."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def write_deadline() -> float:
    """The `time.monotonic` until which a transaction that begins now may wait for its turn."""
    deadline = _deadline.get()
    return time.monotonic() + RETRY_TIMEOUT if deadline is None else deadline


def transactional(
    command: Callable[Concatenate[Database, P], Awaitable[T]],
) -> Callable[Concatenate[Database, P], Awaitable[T]]:
    """Run a command in one transaction, which is committed whole or not at all.

    After a deadlock, or if the database is busy, the rolled-back command is run again from the
    beginning, so it must keep no state outside the database. Inside another transaction the
    command joins it. Raises `Unavailable` if the database stays busy.
    """

    name = command.__name__.lstrip("_")

    @wraps(command)
    async def run(database: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if database.transaction_exists():
            return await command(database, *args, **kwargs)
        with span(name) as recorded:
            return await _run_alone(database, lambda: command(database, *args, **kwargs), recorded)

    return run


async def _run_alone(
    database: Database, command: Callable[[], Awaitable[T]], recorded: RecordedSpan
) -> T:
    """Run a command in a transaction of its own, and again after a deadlock."""
    deadline = time.monotonic() + RETRY_TIMEOUT
    for attempt in range(RETRIES + 1):
        callbacks: list[Callable[[], None]] = []
        token = _after_commit.set(callbacks)
        limit = _deadline.set(deadline)
        try:
            async with database.transaction():
                _deadline.set(None)  # tasks that the command starts have their own deadline
                result = await command()
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
        recorded.set("retries", attempt + 1)
        await asyncio.sleep(random.uniform(0, 0.005 * 2**attempt))  # noqa: S311 - jitter
    raise AssertionError("unreachable")

"""Transactions: each uses one connection of the pool from BEGIN to COMMIT.

Inside the block a context variable passes the transaction to every statement of the task and of
tasks that it starts. At the end of the block the variable is always reset, and the connection is
returned to the pool (`pool.py`).
"""

import asyncio
import logging
from collections.abc import Generator, Sequence
from contextvars import Token
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from piccolo.engine.base import BaseAtomic, BaseTransaction, validate_savepoint_name
from piccolo.query.base import DDL
from piccolo.utils.sync import run_sync

from functions.kit.mysql.errors import (
    CommitUnknown,
    ConnectionLost,
    DatabaseError,
    TransactionError,
)
from functions.kit.mysql.plans import Outcome, Plan
from functions.kit.mysql.tokens import quote

if TYPE_CHECKING:
    from functions.kit.mysql.connection import Connection
    from functions.kit.mysql.engine import MySQLEngine

logger = logging.getLogger(__name__)

ISOLATION_LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


class State(Enum):
    NEW = "has not begun"
    ACTIVE = "is active"
    LOST = "was ended by the server; nothing was kept"
    ENDED = "has ended"


class Savepoint:
    """A savepoint of a transaction."""

    def __init__(self, name: str, transaction: "Transaction") -> None:
        self.name = name
        self.transaction = transaction

    async def rollback_to(self) -> None:
        await self.transaction.command(f"ROLLBACK TO SAVEPOINT {quote(self.name)}")

    async def release(self) -> None:
        await self.transaction.command(f"RELEASE SAVEPOINT {quote(self.name)}")


class Transaction(BaseTransaction):
    """`async with engine.transaction():`; inside another transaction it joins that one."""

    def __init__(
        self,
        engine: "MySQLEngine",
        *,
        isolation: str | None = None,
        allow_nested: bool = True,
        in_pool: bool = True,
    ) -> None:
        if isolation is not None:
            isolation = isolation.upper().replace("_", " ")
            if isolation not in ISOLATION_LEVELS:
                raise TransactionError(f"isolation must be one of {', '.join(ISOLATION_LEVELS)}")
        self._engine = engine
        self.isolation = isolation
        self._allow_nested = allow_nested
        self._in_pool = in_pool
        self._state = State.NEW
        self._joined = False
        self._lock = asyncio.Lock()
        self._savepoints = 0
        self._connection: Connection
        self._token: Token[Transaction | None]

    @property
    def ended(self) -> bool:
        return self._state is State.ENDED

    async def __aenter__(self) -> "Transaction":  # noqa: PYI034 - or the outer one
        outer = self._engine.active_transaction()
        if outer is not None:
            if not self._allow_nested:
                raise TransactionError("this task is in a transaction already")
            if self.isolation is not None and self.isolation != outer.isolation:
                raise TransactionError("a nested transaction cannot change the isolation level")
            self._joined = True
            return outer
        if self._state is not State.NEW:
            raise TransactionError("a transaction cannot be entered twice")
        pool = self._engine.pool
        self._connection = await (pool.acquire() if self._in_pool else pool.connect())
        try:
            if self.isolation is not None:
                await self._connection.run(f"SET TRANSACTION ISOLATION LEVEL {self.isolation}")
            await self._connection.run("START TRANSACTION")
        except BaseException:
            pool.release(self._connection)
            raise
        self._state = State.ACTIVE
        self._token = self._engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._joined:
            return False
        try:
            if exception is not None:
                await self._roll_back_quietly()
            elif self._state is State.LOST:
                raise TransactionError("the server rolled this transaction back; nothing was kept")
            elif self._state is State.ACTIVE:
                await self.commit()
        finally:
            self._state = State.ENDED
            self._forget()
            self._engine.pool.release(self._connection)
        return False

    def _forget(self) -> None:
        variable = self._engine.current_transaction
        try:
            variable.reset(self._token)
        except ValueError:
            # The block was left in another context, as fixtures and generators may do.
            variable.set(None)

    async def run(self, plan: Plan, args: Sequence[Any], key: str | None) -> Outcome:
        """Run a plan. Tasks that share the transaction run their plans one after the other."""
        async with self._lock:
            self._check()
            try:
                if plan.needs_transaction:
                    return await self._run_whole(plan, args, key)
                return await plan.run(self._connection, args, key)
            except DatabaseError:
                await self._look_after_an_error()
                raise

    async def _run_whole(self, plan: Plan, args: Sequence[Any], key: str | None) -> Outcome:
        """Run a plan of several statements atomically, in a savepoint."""
        connection = self._connection
        await connection.run("SAVEPOINT `__plan`")
        try:
            outcome = await plan.run(connection, args, key)
        except DatabaseError:
            await self._look_after_an_error()
            if not connection.busy and self._state is State.ACTIVE:
                await connection.run("ROLLBACK TO SAVEPOINT `__plan`")
            raise
        await connection.run("RELEASE SAVEPOINT `__plan`")
        return outcome

    async def command(self, sql: str) -> None:
        """Run a statement of this package itself, such as COMMIT."""
        async with self._lock:
            self._check()
            try:
                await self._connection.run(sql)
            except DatabaseError:
                await self._look_after_an_error()
                raise

    async def _look_after_an_error(self) -> None:
        """Query whether the server has ended the transaction.

        A deadlock ends it, and with `innodb_rollback_on_timeout` a lock timeout does too. Each
        later statement of the block would then commit separately.
        """
        if self._connection.busy or self._state is not State.ACTIVE:
            return
        try:
            await self._connection.run_within(self._engine.options.connect_timeout, "DO 0")
        except DatabaseError:
            self._connection.busy = True  # unknown state: the pool discards the connection
            return
        if not self._connection.in_transaction:
            self._state = State.LOST

    def _check(self) -> None:
        if self._state is not State.ACTIVE:
            raise TransactionError(f"this transaction {self._state.value}")
        if self._connection.busy:
            raise ConnectionLost("the transaction's connection was lost; nothing was kept")

    async def commit(self) -> None:
        """Commit now. The rest of the block can run no statements."""
        async with self._lock:
            self._check()
            try:
                await self._connection.run("COMMIT")
            except ConnectionLost as error:
                raise CommitUnknown(
                    "the connection was lost during COMMIT; it may have been applied"
                ) from error
            except DatabaseError:
                await self._roll_back_quietly()
                raise
            self._state = State.ENDED

    async def rollback(self) -> None:
        """Roll back now. The rest of the block can run no statements."""
        await self.command("ROLLBACK")
        self._state = State.ENDED

    async def _roll_back_quietly(self) -> None:
        """Roll back, without replacing the exception that is being raised."""
        if self._connection.busy or self._state is State.ENDED:
            return
        try:
            await self._connection.run_within(self._engine.options.connect_timeout, "ROLLBACK")
        except DatabaseError as error:
            # The pool discards the connection, which rolls back too.
            self._connection.busy = True
            logger.warning("ROLLBACK failed: %s", error)

    async def savepoint(self, name: str | None = None) -> Savepoint:
        self._savepoints += 1
        name = name or f"savepoint_{self._savepoints}"
        validate_savepoint_name(name)
        await self.command(f"SAVEPOINT {quote(name)}")
        return Savepoint(name, self)

    async def rollback_to(self, savepoint_name: str) -> None:
        validate_savepoint_name(savepoint_name)
        await Savepoint(savepoint_name, self).rollback_to()


class Atomic(BaseAtomic):
    """Piccolo's `engine.atomic()`: collects queries, then runs them in one transaction."""

    def __init__(self, engine: "MySQLEngine") -> None:
        self._engine = engine
        self._queries: list[Any] = []

    def add(self, *query: Any) -> None:
        self._queries.extend(query)

    async def run(self) -> None:
        """Run the queries in one transaction; if all are DDL, which commits, without one."""
        queries, self._queries = self._queries, []
        if all(isinstance(query, DDL) for query in queries):
            for query in queries:
                await query.run()
            return
        async with self._engine.transaction():
            for query in queries:
                await query.run()

    def run_sync(self) -> None:
        run_sync(self.run())

    def __await__(self) -> Generator[Any, None, None]:
        return self.run().__await__()

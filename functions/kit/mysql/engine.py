"""The Piccolo engine: it gets SQLite's dialect from Piccolo, and sends MySQL's to the server.

Piccolo has no MySQL dialect. It prints SQLite's for this engine (`engine_type`), and `translate.py`
translates it for the server (`backend`). Piccolo's query builder therefore takes the same branches
as for its SQLite engine. Connections are in `pool.py`, transactions in `transaction.py`.
"""

from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, ClassVar

from piccolo.engine.base import Engine
from piccolo.query.base import Query
from piccolo.querystring import QueryString

from functions.kit.mysql.batch import Batch
from functions.kit.mysql.errors import (
    Deadlock,
    DuplicateKey,
    LockTimeout,
    TransactionError,
    Unavailable,
    Unsupported,
)
from functions.kit.mysql.locks import advisory_lock
from functions.kit.mysql.options import Options
from functions.kit.mysql.piccolo_hooks import install
from functions.kit.mysql.plans import (
    ConvertedPlan,
    DDLPlan,
    Outcome,
    Plan,
    Row,
    Runner,
    TextPlan,
    exact,
)
from functions.kit.mysql.pool import Pool
from functions.kit.mysql.tokens import has_double_quotes
from functions.kit.mysql.transaction import Atomic, Transaction
from functions.kit.mysql.translate import CACHED_STATEMENTS, translate

install()


class MySQLEngine(Engine[Transaction]):
    """`MySQLEngine("mysql://user:password@host/database")`, or the fields of `Options` as keywords.

    The first statement opens the first connection.
    """

    backend: ClassVar[str] = "mysql"

    def __init__(
        self,
        url: str | None = None,
        *,
        log_queries: bool = False,
        log_responses: bool = False,
        **options: Any,
    ) -> None:
        self.options = Options.build(url, options)
        self.pool = Pool(self.options)
        self.current_transaction: ContextVar[Transaction | None] = ContextVar(
            "mysql_transaction", default=None
        )
        super().__init__(
            engine_type="sqlite",
            min_version_number=0,
            log_queries=log_queries,
            log_responses=log_responses,
        )

    # Piccolo's interface of an engine

    def get_version_sync(self) -> float:
        """The version of SQLite's dialect; for one below 3.35 Piccolo would omit RETURNING."""
        return 3.45

    async def get_version(self) -> float:
        return self.get_version_sync()

    async def check_version(self) -> None:
        """Does nothing: there is no connection yet, and Piccolo would log SQLite's version."""

    async def prep_database(self) -> None:
        """Does nothing: there is nothing to prepare."""

    async def start_connection_pool(self) -> None:
        """Raise early if the server is unreachable. The pool opens connections on demand."""
        await self.ping()

    async def close_connection_pool(self) -> None:
        await self.close()

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> list[Row]:
        return (await self._execute(querystring, in_pool=in_pool)).rows

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> list[Row]:
        """Run one DDL statement, without a time limit.

        MySQL's own DDL is sent unchanged, for migrations. DDL with names in double quotes is
        Piccolo's, and is translated. Raises `TransactionError` inside a transaction: DDL commits.
        """
        if self.active_transaction() is not None:
            raise TransactionError("DDL commits, so it cannot run inside a transaction")
        query_id = self.get_query_id()
        if self.log_queries:
            self.print_query(query_id, ddl)
        plan: Plan = DDLPlan(lambda run: _rows(run, ddl))
        if has_double_quotes(ddl):
            plan = translate(ddl)
        if not isinstance(plan, DDLPlan):
            raise Unsupported("run_ddl of what is no DDL (use engine.execute)")
        rows = await self._run_ddl(plan, in_pool=in_pool)
        if self.log_responses:
            self.print_response(query_id, rows)
        return rows

    async def _run_ddl(self, plan: DDLPlan, *, in_pool: bool) -> list[Row]:
        connection = await (self.pool.acquire() if in_pool else self.pool.connect())
        try:
            return await plan.execute(lambda sql: connection.run_within(None, sql))
        finally:
            self._forget_tables()
            self.pool.release(connection)

    def _forget_tables(self) -> None:
        from functions.kit.mysql.results import forget_shapes  # noqa: PLC0415 - see connection.py

        self.pool.keys.clear()
        forget_shapes()

    async def batch(
        self, query: Query[Any, Any], batch_size: int = 100, node: str | None = None
    ) -> Batch:
        del node
        return Batch(self, query, batch_size)

    def atomic(self) -> Atomic:
        return Atomic(self)

    def transaction(
        self, *, isolation: str | None = None, allow_nested: bool = True
    ) -> Transaction:
        return Transaction(self, isolation=isolation, allow_nested=allow_nested)

    # Beyond Piccolo's interface

    def execute(self, query: Query[Any, Any] | QueryString, /) -> Coroutine[Any, Any, Outcome]:
        """Run one statement; the outcome has the number of rows that it matched."""
        return self._execute(_querystring(query))

    def locked(
        self, select: Query[Any, Any] | QueryString, *, skip_locked: bool = False
    ) -> Coroutine[Any, Any, list[Row]]:
        """The rows of a select, locked until the transaction ends.

        With `skip_locked`, rows that another transaction has locked are omitted.
        """
        if self.active_transaction() is None:
            raise TransactionError("rows are locked inside a transaction only")
        sql, args = _compiled(_querystring(select))
        return self._locked(sql, args, skip_locked=skip_locked)

    async def _locked(self, sql: str, args: Sequence[Any], *, skip_locked: bool) -> list[Row]:
        """`sql` is a select in SQLite's dialect, with placeholders for `args`."""
        transaction = self.active_transaction()
        if transaction is None:
            raise TransactionError("rows are locked inside a transaction only")
        translated = translate(sql)
        plan = translated.plan if isinstance(translated, ConvertedPlan) else translated
        if not isinstance(plan, TextPlan) or not plan.selects:
            raise Unsupported("locking the rows of anything but a select")
        suffix = " FOR UPDATE SKIP LOCKED" if skip_locked else " FOR UPDATE"
        plan = plan._replace(template=plan.template + suffix)
        if isinstance(translated, ConvertedPlan):
            return (await transaction.run(translated._replace(plan=plan), args, None)).rows
        return (await transaction.run(plan, args, None)).rows

    def advisory_lock(self, name: str, timeout: float) -> AbstractAsyncContextManager[None]:
        """A named lock: of all processes that use this database, one holds it during the block."""
        return advisory_lock(self.pool, name, timeout)

    async def ping(self) -> None:
        """Run a trivial query. Raises an `Unavailable` if the server does not answer."""
        connection = await self.pool.acquire()
        try:
            await connection.run_within(self.options.connect_timeout, "SELECT 1")
        finally:
            self.pool.release(connection)

    async def close(self) -> None:
        await self.pool.close()

    def active_transaction(self) -> Transaction | None:
        """This task's transaction; None outside of one.

        Raises `TransactionError` if the task was started inside a transaction that has ended.
        """
        transaction = self.current_transaction.get()
        if transaction is not None and transaction.ended:
            raise TransactionError(
                "this task was started inside a transaction that has ended; await it there, or"
                " start it with a context of its own"
            )
        return transaction

    def transaction_exists(self) -> bool:
        return self.active_transaction() is not None

    def is_duplicate(self, error: BaseException) -> bool:
        return isinstance(error, DuplicateKey)

    def is_retryable(self, error: BaseException) -> bool:
        """Whether the transaction may succeed if it is run again from its beginning."""
        return isinstance(error, (Deadlock, LockTimeout))

    def is_unavailable(self, error: BaseException) -> bool:
        return isinstance(error, Unavailable)

    async def _execute(self, querystring: QueryString, *, in_pool: bool = True) -> Outcome:
        sql, args = _compiled(querystring)
        query_id = self.get_query_id()
        if self.log_queries:
            self.print_query(query_id, str(querystring))
        table = querystring.table
        key = table._meta.primary_key._meta.db_column_name if table is not None else None  # noqa: SLF001
        outcome = await self._run(sql, args, key, in_pool=in_pool)
        if self.log_responses:
            self.print_response(query_id, outcome.rows)
        return outcome

    async def _run(
        self, sql: str, args: Sequence[Any], key: str | None, *, in_pool: bool
    ) -> Outcome:
        """`sql` is in SQLite's dialect, with placeholders for `args`; `key` is the name of the
        primary key's column, if it is known."""
        plan = exact(translate(sql), args)
        transaction = self.active_transaction()
        if transaction is not None:
            return await transaction.run(plan, args, key)
        if plan.needs_transaction:
            async with Transaction(self, in_pool=in_pool) as transaction:
                return await transaction.run(plan, args, key)
        if isinstance(plan, DDLPlan):
            return Outcome(await self._run_ddl(plan, in_pool=in_pool), 0, None)
        connection = await (self.pool.acquire() if in_pool else self.pool.connect())
        try:
            return await plan.run(connection, args, key)
        finally:
            self.pool.release(connection)


async def _rows(run: Runner, ddl: str) -> list[Row]:
    return (await run(ddl)).rows


def _querystring(query: Query[Any, Any] | QueryString) -> QueryString:
    if isinstance(query, QueryString):
        return query
    # Piccolo's guard against a forgotten where.
    query._validate()  # type: ignore[no-untyped-call]  # noqa: SLF001
    querystrings = query.querystrings
    if len(querystrings) != 1:
        raise Unsupported("a query of several statements")
    return querystrings[0]


def _compiled(querystring: QueryString) -> tuple[str, Sequence[Any]]:
    """Piccolo's SQL and values. The SQL of a template without nested parts is cached."""
    args = querystring.args
    if type(querystring) is QueryString:
        for value in args:
            if isinstance(value, QueryString):
                break
        else:
            sql, placeholders = _text(querystring.template, len(args))
            if placeholders == len(args):
                return sql, args
    return querystring.compile_string(engine_type="sqlite")


@lru_cache(maxsize=CACHED_STATEMENTS)
def _text(template: str, values: int) -> tuple[str, int]:
    sql, args = QueryString(template, *[None] * values).compile_string(engine_type="sqlite")
    return sql, len(args)

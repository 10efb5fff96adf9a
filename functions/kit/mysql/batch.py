"""Piccolo's `batch()`: reads a large result in parts, without holding all of it in memory.

Rows are read from the socket when they are requested, so a batch has a connection to itself. A
transaction has one connection, which its other statements need, so there the whole result is read
first and then returned in parts.
"""

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from piccolo.engine.base import BaseBatch
from piccolo.query.base import Query

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.plans import ConvertedPlan, Row, TextPlan
from functions.kit.mysql.translate import translate

if TYPE_CHECKING:
    from functions.kit.mysql.connection import Connection
    from functions.kit.mysql.engine import MySQLEngine


class Batch(BaseBatch):
    """`async with await query.batch(100) as batch: async for rows in batch: ...`"""

    def __init__(self, engine: "MySQLEngine", query: Query[Any, Any], batch_size: int) -> None:
        if batch_size < 1:
            raise Unsupported("a batch of less than one row")
        (querystring,) = query.querystrings
        sql, self._args = querystring.compile_string(engine_type=engine.engine_type)
        self._whole = translate(sql)
        plan = self._whole.plan if isinstance(self._whole, ConvertedPlan) else self._whole
        if not isinstance(plan, TextPlan) or not plan.selects:
            raise Unsupported("a batch of anything but a select")
        self._plan = plan
        self._engine = engine
        self._query = query
        self._size = batch_size
        self._connection: Connection | None = None
        self._next: Callable[[], Coroutine[Any, Any, list[Row]]]

    async def __aenter__(self) -> Self:
        transaction = self._engine.active_transaction()
        if transaction is not None:
            rows = (await transaction.run(self._whole, self._args, None)).rows

            async def take() -> list[Row]:
                taken = rows[: self._size]
                del rows[: self._size]
                return taken

            self._next = take
            return self
        connection = self._connection = await self._engine.pool.acquire()
        try:
            args = self._args
            if isinstance(self._whole, ConvertedPlan):
                args = self._whole.converted(args, connection.is_mariadb)
            await connection.start(self._plan.render(args))
        except BaseException:
            self._engine.pool.release(connection)
            raise
        self._next = lambda: connection.fetch(self._size)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._connection is not None:
            # Unless the batch was read to its end, the connection is busy: the pool discards it.
            self._engine.pool.release(self._connection)
        return False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        rows = await self._next()
        if not rows:
            raise StopAsyncIteration
        return await self._query._process_results(rows)  # noqa: SLF001 - Piccolo's own way

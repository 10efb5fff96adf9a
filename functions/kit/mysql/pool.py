"""The connection pool.

aiomysql's pool does not wake waiters when a connection is returned closed, and holds its lock while
it connects. This pool waits on one semaphore, holds no lock during I/O, and releases the semaphore
in every case. Connections are in `connection.py`; `engine.py` and `transaction.py` use the pool.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from functions.kit.mysql.errors import DatabaseError, PoolTimeout
from functions.kit.mysql.failures import no_answer
from functions.kit.mysql.options import Options
from functions.kit.mysql.plans import Key
from functions.kit.mysql.staggered import first_of
from functions.kit.mysql.tls import tls_context

if TYPE_CHECKING:
    import ssl

    from functions.kit.mysql.connection import Connection

logger = logging.getLogger(__name__)


class PoolStatistics(NamedTuple):
    """The connections of one pool, and how often one was waited for since the process started."""

    size: int
    in_use: int
    idle: int
    waits: int
    """Statements that had to wait, because all connections were in use."""
    timeouts: int
    """Those that got no connection within `pool_timeout`."""
    longest_wait: float
    """Seconds."""
    pending: int
    """Statements that wait at the moment."""


class Pool:
    """Belongs to the event loop of its first use. If that loop is closed, it starts again empty."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(options.pool_size)
        self._idle: deque[Connection] = deque()
        self._lent: set[Connection] = set()
        self._kills: set[asyncio.Task[None]] = set()
        self.keys: dict[str, Key] = {}
        self._tls: ssl.SSLContext | None = None
        self._connected_before = False
        self._waits = self._timeouts = self._pending = 0
        self._longest_wait = 0.0
        self.on_acquired: Callable[[float], None] | None = None
        """Called with the seconds that each `acquire` has taken, connecting included."""

    def statistics(self) -> PoolStatistics:
        return PoolStatistics(
            size=self.options.pool_size,
            in_use=len(self._lent),
            idle=len(self._idle),
            waits=self._waits,
            timeouts=self._timeouts,
            longest_wait=self._longest_wait,
            pending=self._pending,
        )

    async def acquire(self) -> "Connection":
        """An idle connection that is still open, or a new one.

        Raises `PoolTimeout` if all stay in use, or a `CannotConnect`.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop and not self._adopt(loop):
            # Another loop is using the pool: Piccolo's run_sync in a thread of its own.
            return await self.connect()
        places, began = self._places, loop.time()
        if places.locked():
            self._waits += 1
            self._pending += 1
            try:
                async with asyncio.timeout(self.options.pool_timeout):
                    await places.acquire()
            except TimeoutError as error:
                self._timeouts += 1
                raise PoolTimeout(
                    f"all {self.options.pool_size} connections stayed in use for"
                    f" {self.options.pool_timeout:g} s"
                ) from error
            finally:
                self._pending -= 1
                self._longest_wait = max(self._longest_wait, loop.time() - began)
        else:
            await places.acquire()
        try:
            connection = await self._reuse(loop.time()) or await self._new()
        except BaseException:
            places.release()
            raise
        self._lent.add(connection)
        if self.on_acquired is not None:
            self.on_acquired(loop.time() - began)
        return connection

    async def _reuse(self, now: float) -> "Connection | None":
        """The usable connection that was returned last; None if there is none."""
        options = self.options
        while self._idle:
            connection = self._idle.pop()
            idle_for = now - connection.released_at
            if connection.hung_up():
                connection.abort()
            elif now - connection.opened_at > options.max_age or idle_for > options.max_idle:
                connection.quit()
            elif idle_for < options.ping_after or await self._answers(connection):
                return connection
        return None

    async def _answers(self, connection: "Connection") -> bool:
        try:
            if await connection.ping_within(self.options.connect_timeout):
                return True
        except BaseException:
            connection.abort()
            raise
        connection.abort()
        return False

    async def _new(self) -> "Connection":
        """A new connection, which uses the caller's place.

        The first one of a process is attempted several times in parallel while the server does not
        answer, see `staggered.py`. Each further attempt needs a free place.
        """
        if self._connected_before:
            return await self.connect()
        places, options = self._places, self.options
        attempts = itertools.count()

        async def attempt(answered: asyncio.Event) -> "Connection":
            first = next(attempts) == 0
            async with contextlib.nullcontext() if first else places:
                return await self.connect(answered)

        try:
            async with asyncio.timeout(options.connect_timeout):
                return await first_of(
                    attempt, lambda unused: unused.quit(), may_start=lambda: not places.locked()
                )
        except TimeoutError as error:
            raise no_answer(options) from error

    async def connect(self, answered: asyncio.Event | None = None) -> "Connection":
        """A new connection. It does not take one of the pool's places.

        `answered` is set when the server's greeting arrives.
        """
        from functions.kit.mysql.connection import Connection  # noqa: PLC0415 - see connection.py

        if self._tls is None:
            self._tls = tls_context(self.options)
        connection = Connection(self.options, self._tls, self.keys)
        if answered is not None:
            connection.answered = answered
        await connection.open()
        self._connected_before = True
        return connection

    def release(self, connection: "Connection") -> None:
        """Return a connection to the pool. One with an unfinished statement is killed."""
        if connection not in self._lent:
            # It belongs to another loop, is not pooled, or was acquired before close().
            self.discard(connection)
            return
        self._lent.discard(connection)
        if connection.busy:
            self._give_up(connection)
            return
        now = connection.loop.time()
        if connection.closed or now - connection.opened_at > self.options.max_age:
            connection.quit()
        else:
            connection.released_at = now
            self._idle.append(connection)
        self._places.release()
        while self._idle and now - self._idle[0].released_at > self.options.max_idle:
            self._idle.popleft().quit()

    def discard(self, connection: "Connection") -> None:
        """Close a connection that is not pooled, and kill its unfinished statement."""
        if not connection.busy:
            connection.quit()
            return
        connection.abort()
        # After close() no KILL is sent, because its task could outlive the event loop.
        closed = self._loop is None
        if self.options.kill_cancelled and not closed and not connection.loop.is_closed():
            self._start_kill(connection, None)

    def _give_up(self, connection: "Connection") -> None:
        """Close a busy connection, and kill its statement, which releases its locks.

        The server would notice the closed socket only when it writes to it. The connection that
        sends KILL counts instead of the closed one, so that the pool does not exceed its size.
        """
        connection.abort()
        if not self.options.kill_cancelled or connection.loop.is_closed():
            self._places.release()
            return
        self._start_kill(connection, self._places)

    def _start_kill(self, connection: "Connection", places: asyncio.Semaphore | None) -> None:
        task = connection.loop.create_task(self._kill(connection, places))
        self._kills.add(task)
        task.add_done_callback(self._kills.discard)

    async def _kill(self, connection: "Connection", places: asyncio.Semaphore | None) -> None:
        """KILL a connection, if the server that assigned its id still answers.

        After a failover or a restart another server may have this address, where the id belongs to
        another connection. Then nothing is sent: the locks ended with their server.
        """
        thread_id = connection.thread_id()
        try:
            killer = await self.connect()
            try:
                if connection.server is None or killer.server is None:
                    logger.warning("connection %d is not killed: its server is unknown", thread_id)
                    return
                if not connection.server.is_same(killer.server):
                    logger.info("connection %d is not killed: another server answers", thread_id)
                    return
                await killer.run_within(self.options.connect_timeout, f"KILL {thread_id}")
            finally:
                if killer.busy:
                    killer.abort()
                else:
                    killer.quit()
        except DatabaseError as error:
            # 1094: the connection no longer exists.
            if error.code != 1094:
                logger.warning("connection %d could not be killed: %s", thread_id, error)
        finally:
            if places is not None:
                places.release()

    def _adopt(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Make this loop the pool's; False if the pool belongs to another open loop."""
        if self._loop is not None and not self._loop.is_closed():
            return False
        for connection in (*self._idle, *self._lent):
            connection.abort()
        self._reset()
        self._loop = loop
        return True

    def _reset(self) -> None:
        self._idle.clear()
        self._lent.clear()
        self._places = asyncio.Semaphore(self.options.pool_size)
        self._loop = None

    async def close(self) -> None:
        """Close idle connections now, and those in use when they are returned.

        The next statement opens new ones, so an engine can be closed twice, and used afterwards.
        """
        idle = list(self._idle)
        kills = [task for task in self._kills if task.get_loop() is asyncio.get_running_loop()]
        self._reset()
        for connection in idle:
            if connection.loop.is_closed():
                connection.abort()
            else:
                connection.quit()
        await asyncio.gather(*kills, return_exceptions=True)
        # asyncio closes sockets in the loop's next iteration; otherwise they would leak.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

"""Connections, lent out one at a time and never doubted twice.

aiomysql's own pool leaves waiters hanging when a connection comes back closed, and holds its lock
while it connects. Here waiting is one semaphore, no lock is held over I/O, and every way out
gives the place back. What a connection is, `connection.py` knows; who borrows, `engine.py`.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from typing import TYPE_CHECKING

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


class Pool:
    """Belongs to the event loop of its first use; begins anew when that loop has ended."""

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

    async def acquire(self) -> "Connection":
        """A connection that was alive a moment ago.

        Raises `PoolTimeout` when all stay in use, and a `CannotConnect`.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop and not self._adopt(loop):
            # Another loop is using the pool: Piccolo's run_sync in a thread of its own.
            return await self.connect()
        places = self._places
        if places.locked():
            try:
                async with asyncio.timeout(self.options.pool_timeout):
                    await places.acquire()
            except TimeoutError as error:
                raise PoolTimeout(
                    f"all {self.options.pool_size} connections stayed in use for"
                    f" {self.options.pool_timeout:g} s"
                ) from error
        else:
            await places.acquire()
        try:
            connection = await self._reuse(loop.time()) or await self._new()
        except BaseException:
            places.release()
            raise
        self._lent.add(connection)
        return connection

    async def _reuse(self, now: float) -> "Connection | None":
        """The connection that came back last, since it is the likeliest to live."""
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
        """A new connection, in the place of the caller.

        The first one of a process is attempted several times in parallel while the server is
        silent, see `staggered.py`. Each further attempt needs a free place.
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
        """A new connection that no place is counted for; `answered` is set with its greeting."""
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
        """Take a connection back; one that was given up in mid-statement is killed."""
        if connection not in self._lent:
            # Of another loop, not pooled, or from before close().
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
        """End a connection of `connect()`, and what it may still be doing."""
        if not connection.busy:
            connection.quit()
            return
        connection.abort()
        # After close() nobody waits for a KILL any more: its task would outlive the loop.
        closed = self._loop is None
        if self.options.kill_cancelled and not closed and not connection.loop.is_closed():
            self._start_kill(connection, None)

    def _give_up(self, connection: "Connection") -> None:
        """Close it, and have its statement and its locks ended, not just abandoned.

        The server notices a closed socket only when it wants to write to it. The KILL takes the
        place of the connection it ends, so that the pool never grows.
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
        """KILL a connection on the server that gave it its number, and on no other.

        Behind one address there may be another one by now, after a failover or a restart, where
        that number is somebody else's. Then there is nothing to end: locks go with their server.
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
            # 1094: it had ended by itself.
            if error.code != 1094:
                logger.warning("connection %d could not be killed: %s", thread_id, error)
        finally:
            if places is not None:
                places.release()

    def _adopt(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Take this loop for the pool's; False where another one is still using it."""
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
        """Close what is idle now, and what is lent out when it comes back.

        The next statement begins anew, so an engine can be closed twice and used after.
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
        # asyncio closes sockets in the loop's next round; a loop that ends before leaks them.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

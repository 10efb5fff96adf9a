"""Whose turn it is to write to a SQLite file: fairly, and no longer than a command has patience.

In a process the writers queue, first come first served. Between processes SQLite has no queue: who
waits asks again and again, and a process that is busy would leave the file free for microseconds
only. So it asks often here, and a process that has written for a while leaves it free for as long
as the others need to ask. Next file: `sqlite_transaction`.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

ASKS_EVERY = 0.005
"""Seconds between two tries, at most, while another process writes ..."""
LEAVES_FREE = 0.015
"""... and those for which a process leaves the file to the others ..."""
WRITES_FOR = 0.2
"""... after its writers have followed each other for so long. That costs it 7 % of its writes."""


class WriteLock:
    """The writers of one process."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._first = self._last = 0.0
        """When the present row of writers began, and when the last one ended."""

    async def take(self, deadline: float) -> None:
        """Wait for the other writers of this process.

        Raises `sqlite3.OperationalError` (SQLITE_BUSY) at the deadline.
        """
        if self._lock.locked():
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._lock.acquire()
            except TimeoutError:
                raise busy() from None
        else:
            await self._lock.acquire()
        now = time.monotonic()
        if now - self._last > LEAVES_FREE:
            self._first = now
        elif now - self._first > WRITES_FOR:
            try:
                await asyncio.sleep(LEAVES_FREE)
            except BaseException:
                self._lock.release()
                raise
            self._first = time.monotonic()

    def release(self) -> None:
        self._last = time.monotonic()
        self._lock.release()


async def retry_while_busy(
    statement: Callable[[], Awaitable[T]],
    deadline: float,
    *,
    is_busy: Callable[[BaseException], bool],
    is_wanted: Callable[[], bool] = lambda: True,
) -> T:
    """Run a statement as soon as no other process writes.

    Raises SQLite's error at the deadline, or when the answer is wanted no longer.
    """
    while True:
        try:
            return await statement()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline or not is_wanted():
                raise
        await asyncio.sleep(random.uniform(ASKS_EVERY / 2, ASKS_EVERY))  # noqa: S311 - jitter


def busy() -> sqlite3.OperationalError:
    """What SQLite raises when the file is locked."""
    error = sqlite3.OperationalError("database is locked: too many writers wait")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error

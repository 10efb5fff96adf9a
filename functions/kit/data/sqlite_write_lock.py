"""A fair lock for the writers of a SQLite file, with a deadline.

Inside a process, writers queue in FIFO order. Between processes SQLite has no queue: a waiting
process polls, and a busy process would release the file for microseconds only. So waiting writers
poll often, and a process that has written continuously for `YIELD_AFTER` pauses for
`YIELD_SECONDS`, longer than a poll interval, so that others get their turn.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_INTERVAL = 0.005
"""Seconds, at most, between two tries while another process writes."""
YIELD_SECONDS = 0.015
"""Seconds that a process leaves the file to other processes."""
YIELD_AFTER = 0.2
"""Seconds of uninterrupted writing before such a pause. The pauses take 7 % of its time."""


class WriteLock:
    """The lock of one process."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._first = self._last = 0.0
        """When the current uninterrupted run of writers began, and when its last one ended."""

    async def acquire(self, deadline: float) -> None:
        """Wait for the other writers of this process, until a `time.monotonic` deadline.

        Raises `sqlite3.OperationalError` (SQLITE_BUSY) at the deadline.
        """
        if self._lock.locked():
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._lock.acquire()
            except TimeoutError:
                raise busy_error() from None
        else:
            await self._lock.acquire()
        now = time.monotonic()
        if now - self._last > YIELD_SECONDS:
            self._first = now
        elif now - self._first > YIELD_AFTER:
            try:
                await asyncio.sleep(YIELD_SECONDS)
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
    """Run a statement, and retry it while another process writes.

    Raises SQLite's error at the deadline, and once `is_wanted` returns False.
    """
    while True:
        try:
            return await statement()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline or not is_wanted():
                raise
        await asyncio.sleep(random.uniform(POLL_INTERVAL / 2, POLL_INTERVAL))  # noqa: S311 - jitter


def busy_error() -> sqlite3.OperationalError:
    """The error that SQLite raises if the file is locked."""
    error = sqlite3.OperationalError("database is locked: too many writers wait")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    error.sqlite_errorname = "SQLITE_BUSY"
    return error

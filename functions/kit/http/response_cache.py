"""A cache of responses, bounded in number and age; an age of 0 switches it off.

The age counts from before a response was read, so its content is never older than that. Concurrent
requests for a key that is not cached wait for one reading.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 256
"""A page of books takes some 20 KiB."""


class _Entry(NamedTuple, Generic[T]):
    begun: float
    reading: "asyncio.Task[T]"


class ResponseCache(Generic[T]):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._entries: dict[bytes, _Entry[T]] = {}

    async def get(self, key: bytes, read: Callable[[], Awaitable[T]]) -> T:
        """The cached response for a key, else a new reading. A failed reading is not cached."""
        if not self.seconds:
            return await read()
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is None or now - entry.begun > self.seconds:
            self._entries.pop(key, None)
            if len(self._entries) >= MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]
            entry = self._entries[key] = _Entry(now, asyncio.ensure_future(_of(read)))
            entry.reading.add_done_callback(lambda task: self._remove_failed(key, task))
        # Shielded: the reading is shared, so that one caller's cancellation must not end it.
        return await asyncio.shield(entry.reading)

    def _remove_failed(self, key: bytes, task: "asyncio.Task[T]") -> None:
        if task.cancelled() or task.exception() is not None:
            entry = self._entries.get(key)
            if entry is not None and entry.reading is task:
                del self._entries[key]

    def clear(self) -> None:
        """Remove every entry, so that a caller reads what it has written through this process."""
        self._entries.clear()


async def _of(read: Callable[[], Awaitable[T]]) -> T:
    return await read()

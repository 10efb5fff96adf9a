"""A cache of responses, limited in number and age. A maximum age of 0 disables it.

The age is measured from before the response is read, so the content is never older. Concurrent
requests for a key that is not cached share one read.
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
        """The cached response for a key, or the result of `read`. Failures are not cached."""
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
        # Shielded: other callers share the read, so a cancellation must not end it.
        return await asyncio.shield(entry.reading)

    def _remove_failed(self, key: bytes, task: "asyncio.Task[T]") -> None:
        if task.cancelled() or task.exception() is not None:
            entry = self._entries.get(key)
            if entry is not None and entry.reading is task:
                del self._entries[key]

    def clear(self) -> None:
        """Remove every entry, after a write of this process."""
        self._entries.clear()


async def _of(read: Callable[[], Awaitable[T]]) -> T:
    return await read()

"""Answers that may be some moments old: bounded in number and in age, and off with an age of 0.

The age counts from before the answer was read, so what it says is never older than that. Many who
ask at once for what is not kept wait for one reading.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

KEPT = 256
"""Answers; a page of books takes some 20 KiB."""


class _Kept(NamedTuple, Generic[T]):
    begun: float
    answer: "asyncio.Task[T]"


class AnswerCache(Generic[T]):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._kept: dict[bytes, _Kept[T]] = {}

    async def get(self, key: bytes, read: Callable[[], Awaitable[T]]) -> T:
        """What was read for this key a moment ago, or now. A failure is nobody else's answer."""
        if not self.seconds:
            return await read()
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or now - kept.begun > self.seconds:
            self._kept.pop(key, None)
            if len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[key] = _Kept(now, asyncio.ensure_future(_of(read)))
            kept.answer.add_done_callback(lambda task: self._forget_failed(key, task))
        # Shielded: others wait for the same reading when the one who began it goes away.
        return await asyncio.shield(kept.answer)

    def _forget_failed(self, key: bytes, task: "asyncio.Task[T]") -> None:
        if task.cancelled() or task.exception() is not None:
            kept = self._kept.get(key)
            if kept is not None and kept.answer is task:
                del self._kept[key]

    def clear(self) -> None:
        """Something was written by this process: who wrote reads it."""
        self._kept.clear()


async def _of(read: Callable[[], Awaitable[T]]) -> T:
    return await read()

"""Tasks that run until they are stopped.

A cancellation can be lost. `asyncio.wait_for` of Python 3.11 drops one that arrives together with
what it waits for, and libraries use it; a `TaskGroup` raises the errors of its tasks instead of the
cancellation if both come at once. A task that went on then would keep its process from stopping,
until the platform kills it. So a stop is also recorded, and a loop asks for it in each round.

`Task.cancelling` cannot be asked: a `TaskGroup` of Python 3.11 and 3.12 leaves it raised when one
of its tasks fails while the group waits for them. A loop that asked it would end with that error.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import Any


class _Stop:
    """Whether it was requested; one for a `StoppableTask` and all tasks that it starts."""

    requested = False


_stop: ContextVar[_Stop | None] = ContextVar("stop", default=None)


class StoppableTask:
    """Runs a coroutine until `stop`."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], *, name: str) -> None:
        self._stop = _Stop()
        context = copy_context()
        context.run(_stop.set, self._stop)
        self._task = asyncio.create_task(coroutine, name=name, context=context)

    def stop(self) -> asyncio.Task[None]:
        """Request the end. Returns the task to wait for, which may be cancelled or have failed."""
        self._stop.requested = True
        self._task.cancel()
        return self._task


def stop_requested() -> bool:
    """Whether the `StoppableTask` that this code runs in is to end.

    A loop that runs until it is stopped asks this in each round.
    """
    stop = _stop.get()
    return stop is not None and stop.requested


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether `event` is set within `seconds`; None is without a limit."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

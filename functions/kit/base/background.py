"""Waiting and ending in tasks that run until they are cancelled.

A cancellation can be lost. `asyncio.wait_for` of Python 3.11 drops one that arrives together with
what it waits for, and libraries use it; a `TaskGroup` raises the errors of its tasks instead of the
cancellation if both come at once. A task that went on then would keep its process from stopping,
until the platform kills it.
"""

import asyncio
import contextlib


def was_cancelled() -> bool:
    """Whether the cancellation of the current task was requested, even if it was lost since.

    A loop that runs until it is cancelled asks this in each round.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether `event` is set within `seconds`; None is without a limit."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

"""Connection attempts in staggered parallel, for the first connection of a process.

A new pod's first packets can be lost: the agent that enforces network policies needs up to a
second to admit the pod, and the kernel repeats a lost SYN only after one second, then two. A second
attempt after 50 ms does not wait for that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

DELAYS = (0.05, 0.15, 0.4)
"""Seconds after the first attempt at which further ones start while the peer is silent."""


async def first_of(
    attempt: Callable[[asyncio.Event], Awaitable[T]],
    close: Callable[[T], None],
    *,
    may_start: Callable[[], bool] = lambda: True,
    delays: Sequence[float] = DELAYS,
) -> T:
    """The result of the attempt that succeeds first.

    The others are cancelled. A connection that one of them makes in spite of that is closed, also
    after a cancellation of the caller.

    An attempt sets its event as soon as the peer has answered. No further attempt starts after
    that, or after one has failed; one is skipped if `may_start` returns False at its time. If all
    attempts fail, the error of the first failure is raised.
    """
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    answer = loop.create_task(answered.wait())
    begun = loop.time()
    attempts: list[asyncio.Future[T]] = [asyncio.ensure_future(attempt(answered))]
    first: asyncio.Future[T] | None = None
    try:
        for delay in delays:
            remaining = max(0.0, begun + delay - loop.time())
            events: list[asyncio.Future[Any]] = [answer, *attempts]
            done, _ = await asyncio.wait(
                events, timeout=remaining, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                break
            if may_start():
                attempts.append(asyncio.ensure_future(attempt(answered)))
        first = await _first_success(attempts)
    finally:
        answer.cancel()
        for each in attempts:
            if each is not first:
                _discard(each, close)
        if first is None:
            await asyncio.wait(attempts)
    # Nothing is awaited after a success: a cancellation would lose the connection.
    return first.result()


_ending: set[asyncio.Future[Any]] = set()
"""Cancelled attempts that have not ended. The event loop itself keeps no task alive."""


def _discard(attempt: asyncio.Future[T], close: Callable[[T], None]) -> None:
    def ended(attempt: asyncio.Future[T]) -> None:
        _ending.discard(attempt)
        if not attempt.cancelled() and attempt.exception() is None:
            close(attempt.result())

    if attempt.done():
        ended(attempt)
        return
    _ending.add(attempt)
    attempt.cancel()
    attempt.add_done_callback(ended)


async def _first_success(attempts: Sequence[asyncio.Future[T]]) -> asyncio.Future[T]:
    pending = set(attempts)
    failures: list[BaseException] = []
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for each in [each for each in attempts if each in done]:
            error = each.exception()
            if error is None:
                return each
            failures.append(error)
    raise failures[0]

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
    """The result of the attempt that succeeds first; the others are cancelled, or closed.

    An attempt sets its event as soon as the peer has answered. No further attempt starts after
    that, or after one has failed; one is skipped if `may_start` returns False at its time. If all
    attempts fail, the error of the first failure is raised.
    """
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    answer = loop.create_task(answered.wait())
    begun = loop.time()
    attempts: list[asyncio.Future[T]] = [asyncio.ensure_future(attempt(answered))]
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
        return await _first_success(attempts)
    finally:
        answer.cancel()
        for each in attempts:
            each.cancel()
        for result in await asyncio.gather(*attempts, return_exceptions=True):
            if not isinstance(result, BaseException):
                close(result)


async def _first_success(attempts: list[asyncio.Future[T]]) -> T:
    """Removes the successful attempt from the list, so that the caller does not close it."""
    pending = set(attempts)
    failures: list[BaseException] = []
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for each in [each for each in attempts if each in done]:
            error = each.exception()
            if error is None:
                attempts.remove(each)
                return each.result()
            failures.append(error)
    raise failures[0]

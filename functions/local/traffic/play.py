"""Visits begin at random moments, at a rate that does not depend on how fast the shop answers.

A shop that slows down therefore gets no fewer visitors (an open-loop load). Only when `MOST_VISITS`
are under way are further ones turned away, so that the load stays bounded.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from functions.local.traffic.figures import Figures
from functions.local.traffic.sending import Unanswered

MOST_VISITS = 300

Visit = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Kind:
    name: str
    share: float
    """How many of the visits are of this kind, in relation to the others."""
    visit: Visit


async def play(
    kinds: Sequence[Kind],
    *,
    rate: float,
    seconds: float,
    choose: random.Random,
    figures: Figures,
    stopping: asyncio.Event,
) -> None:
    """Let visits begin for some seconds, or until `stopping`, and wait until all have ended."""
    loop = asyncio.get_running_loop()
    shares = [kind.share for kind in kinds]
    under_way: set[asyncio.Task[None]] = set()
    begin = loop.time()
    next_at = begin + choose.expovariate(rate)
    try:
        while next_at < begin + seconds and not stopping.is_set():
            await _until(next_at, stopping)
            next_at += choose.expovariate(rate)
            if stopping.is_set():
                break
            if len(under_way) >= MOST_VISITS:
                figures.turned_away += 1
                continue
            (kind,) = choose.choices(kinds, shares)
            task = asyncio.create_task(_visit(kind, figures))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)
    finally:
        for task in under_way:
            task.cancel()


async def _until(moment: float, stopping: asyncio.Event) -> None:
    try:
        async with asyncio.timeout_at(moment):
            await stopping.wait()
    except TimeoutError:
        pass


async def _visit(kind: Kind, figures: Figures) -> None:
    try:
        await kind.visit()
    except Unanswered:
        pass  # counted with its request
    except Exception as error:  # noqa: BLE001 - an answer that no visit expects is a finding
        figures.failures[f"visit of a {kind.name}: {error!r}"[:200]] += 1

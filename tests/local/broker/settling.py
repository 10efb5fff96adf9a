"""Waiting for a broker to have written down what it did: an answer is seen before that."""

import asyncio

from functions.local.broker.core import Broker
from tests.local.subscribers import DEADLINE_SECONDS


async def settled(broker: Broker, trigger: str = "purchase-books", **counts: int) -> dict[str, int]:
    """Waits until the Trigger's line of the status says so; answers all of the line."""
    line: dict[str, int] = {}
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not counts.items() <= line.items():
                await asyncio.sleep(0.01)
                line = (await broker.status())[trigger]
    except TimeoutError:
        raise AssertionError(f"{counts} never came to be; it is {line}") from None
    return line

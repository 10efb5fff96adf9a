"""Waits until a broker has stored the result of a delivery, after the subscriber's response."""

import asyncio

from functions.local.broker.core import Broker
from tests.local.subscribers import DEADLINE_SECONDS


async def settled(broker: Broker, trigger: str = "purchase-books", **counts: int) -> dict[str, int]:
    """Waits until the Trigger's status has these counts; returns all of its counts."""
    status: dict[str, int] = {}
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not counts.items() <= status.items():
                await asyncio.sleep(0.01)
                status = (await broker.status())[trigger]
    except TimeoutError:
        raise AssertionError(f"expected {counts}, but the status stayed {status}") from None
    return status

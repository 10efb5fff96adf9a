"""Waiting for a broker to have written down what it did."""

import asyncio

from functions.local.broker.core import Broker
from tests.local.subscribers import DEADLINE_SECONDS


async def settled(broker: Broker) -> None:
    """Waits until nothing is on its way: an answer is seen before it is written down."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while any(  # noqa: ASYNC110 - a store tells nobody that it is empty
            counts["queued"] + counts["retrying"] + counts["dead_letters_waiting"]
            for counts in (await broker.status()).values()
        ):
            await asyncio.sleep(0.01)

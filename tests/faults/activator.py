"""Scale to zero on one machine: who is not called is stopped, who is called is started.

What stands before a service (`wire.py`) holds a connection until the process behind it is ready,
as Knative's activator does; after a while without a byte it gets SIGTERM.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.harness import LONGEST, SERVICES, Shop
from tests.faults.processes import Process
from tests.faults.wire import Cable

IDLE = 1.0
"""Seconds without a byte after which a process is stopped."""


class Activator:
    """Before one process."""

    def __init__(self, process: Process, line: Cable) -> None:
        self.process = process
        self.line = line
        self.turn = asyncio.Lock()

    async def wake(self) -> None:
        async with self.turn:
            if not self.process.alive:
                await self.process.start()
            self.line.used = time.monotonic()

    async def watch(self) -> None:
        """Put it to sleep whenever nobody calls."""
        while True:
            await asyncio.sleep(0.1)
            async with self.turn:
                if self.process.alive and time.monotonic() - self.line.used > IDLE:
                    await self.process.stop()


@asynccontextmanager
async def scaled_to_zero(shop: Shop) -> AsyncIterator[None]:
    """One process of each service, behind an activator, for callers and for the broker."""
    await shop.processes["purchase/2"].kill()
    sleeping = {name: shop.processes.pop(name) for name in list(shop.processes) if "/" in name}
    activators = [Activator(shop.processes[name], shop.cables[name]) for name in SERVICES]
    for each in activators:
        each.line.wake, each.process.door = each.wake, each.line.port
    watching = [asyncio.create_task(each.watch()) for each in activators]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        for task in watching:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for each in activators:
            each.line.wake, each.process.door = None, each.process.port
        shop.processes.update(sleeping)
        await shop.heal()


async def all_asleep(shop: Shop) -> None:
    """Wait until no service runs, with nobody there to poke one meanwhile: the broker is away."""
    await shop.processes["broker"].kill()
    async with asyncio.timeout(LONGEST):
        while any(shop.processes[name].alive for name in SERVICES):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

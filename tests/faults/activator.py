"""Scale to zero on one machine: idle processes are stopped, and requests start them.

The proxy in front of a service (`tcp_proxy.py`) holds a connection until the process behind it is
ready, as Knative's activator does. After `IDLE` seconds without a byte the process gets SIGTERM.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.harness import LONGEST, SERVICES, Shop
from tests.faults.processes import Process
from tests.faults.tcp_proxy import TcpProxy

IDLE = 1.0
"""Seconds without a byte after which a process is stopped."""


class Activator:
    """Starts and stops one process by the connections of its proxy."""

    def __init__(self, process: Process, proxy: TcpProxy) -> None:
        self.process = process
        self.proxy = proxy
        self.turn = asyncio.Lock()

    async def wake(self) -> None:
        async with self.turn:
            if not self.process.alive:
                await self.process.start()
            self.proxy.used = time.monotonic()

    async def watch(self) -> None:
        """Stop the process whenever it is idle."""
        while True:
            await asyncio.sleep(0.1)
            async with self.turn:
                if self.process.alive and time.monotonic() - self.proxy.used > IDLE:
                    await self.process.stop()


@asynccontextmanager
async def scaled_to_zero(shop: Shop) -> AsyncIterator[None]:
    """One process of each service, behind an activator, for callers and for the broker."""
    await shop.processes["purchase/2"].kill()
    sleeping = {name: shop.processes.pop(name) for name in list(shop.processes) if "/" in name}
    activators = [Activator(shop.processes[name], shop.proxies[name]) for name in SERVICES]
    for each in activators:
        each.proxy.wake, each.process.public_port = each.wake, each.proxy.port
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
            each.proxy.wake, each.process.public_port = None, each.process.port
        shop.processes.update(sleeping)
        await shop.heal()


async def all_asleep(shop: Shop) -> None:
    """Wait until no service runs. The broker is stopped first, so that it cannot wake one."""
    await shop.processes["broker"].kill()
    async with asyncio.timeout(LONGEST):
        while any(shop.processes[name].alive for name in SERVICES):  # noqa: ASYNC110
            await asyncio.sleep(0.02)

"""What can be seen of the shop from outside while it works: outboxes, queues, counts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import httpx
from piccolo.querystring import QueryString

from tests.faults.harness import LONGEST, Shop

INVENTORY = "catalog-inventory"
"""The Trigger that the most events go through."""


class Killable(Protocol):
    """A database server, or RabbitMQ."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


@asynccontextmanager
async def gone(server: Killable) -> AsyncIterator[None]:
    """Killed, and there again afterwards, whatever happened meanwhile."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def seen(happened: Callable[[], Awaitable[object]]) -> None:
    """Wait until it has; what other processes do is only seen from outside, by looking again."""
    async with asyncio.timeout(LONGEST):
        while not await happened():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _count(shop: Shop, sql: str) -> int:
    async with shop.database("purchase") as database:
        outcome = await database.execute(QueryString(sql))
    count: int = outcome.rows[0]["n"]
    return count


async def unsent(shop: Shop) -> int:
    """Events that purchase has not brought to the broker yet."""
    return await _count(shop, "SELECT COUNT(*) AS n FROM outbox WHERE sent_at IS NULL")


async def sent(shop: Shop) -> int:
    """Events of purchase that the broker has confirmed."""
    return await _count(shop, "SELECT COUNT(*) AS n FROM outbox WHERE sent_at IS NOT NULL")


async def sent_more(shop: Shop, by: int = 1) -> None:
    """Wait until the broker has confirmed so many more."""
    target = await sent(shop) + by

    async def are_sent() -> bool:
        return await sent(shop) >= target

    await seen(are_sent)


async def queue(shop: Shop, trigger: str = INVENTORY) -> dict[str, int]:
    """What the broker says of a Trigger's events; on RabbitMQ, since the broker's start."""
    counts: dict[str, int] = {}

    async def told() -> bool:
        status = await shop.http.get(f"{shop.processes['broker'].url}/status")
        if status.status_code == httpx.codes.OK:  # 503: RabbitMQ is being connected to
            counts.update(status.json()["triggers"][trigger])
        return bool(counts)

    await seen(told)
    return counts


async def delivered(shop: Shop) -> dict[str, int]:
    """Wait until no event is on its way to catalog; what became of them."""
    counts: dict[str, int] = {}

    async def none_waits() -> bool:
        counts.update(await queue(shop))
        return not counts["queued"] + counts["retrying"]

    await seen(none_waits)
    return counts


def said(shop: Shop, words: str) -> int:
    """How often the broker has said this."""
    return shop.processes["broker"].log.read_text("utf-8", "replace").count(words)


async def applied(shop: Shop) -> int:
    """Events of stock that had their effect on catalog, by its own count since its start."""
    metrics = (await shop.call("catalog", "GET", "/metrics")).text
    return sum(
        int(float(line.split()[-1]))
        for line in metrics.splitlines()
        if "events_received" in line and '"applied"' in line and "purchase/inventory" in line
    )

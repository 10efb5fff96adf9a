"""Buyers who send a purchase until it is answered, under one key, wherever somebody listens."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx

from tests.faults.harness import Shop
from tests.faults.processes import Process

TRIES = 2000
PAUSE = 0.05
"""Seconds before the next try, where nobody listened: a killed process is started again."""


async def buy(
    shop: Shop, wanted: int | Sequence[int], key: str, choose: random.Random
) -> httpx.Response:
    """A copy of one book or of several, to the answer; a 201 goes into the ledger, and stays so."""
    books = [wanted] if isinstance(wanted, int) else wanted
    body = {"items": [{"book_id": book_id, "quantity": 1} for book_id in books]}
    for _ in range(TRIES):
        seller = choose.choice(shop.sellers)
        headers = {"authorization": f"Bearer {shop.tokens['buyer']}", "idempotency-key": key}
        try:
            response = await shop.http.post(f"{seller.url}/purchase", json=body, headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(PAUSE)
            continue
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            assert "retry-after" in response.headers
            await asyncio.sleep(PAUSE)
            continue
        if response.status_code == httpx.codes.CREATED:
            first = shop.acknowledged.setdefault(key, response.content)

            assert first == response.content
        return response
    raise AssertionError(f"nobody answered {key}")


async def side_by_side(*work: Coroutine[Any, Any, object]) -> None:
    """All of it; where one part fails, no other goes on beneath the tests that follow."""
    async with asyncio.TaskGroup() as parts:
        for each in work:
            parts.create_task(each)


async def crowd(
    shop: Shop, book_id: int, keys: Sequence[str], *, clients: int, seed: int
) -> Counter[int]:
    """Many buyers at once, each with the next key; how often each status was answered."""
    choose = random.Random(seed)
    waiting = iter(keys)
    statuses: Counter[int] = Counter()

    async def buyer() -> None:
        for key in waiting:
            statuses[(await buy(shop, book_id, key, choose)).status_code] += 1

    await side_by_side(*[buyer() for _ in range(clients)])
    return statuses


async def while_killing(
    work: Coroutine[Any, Any, Counter[int]],
    victims: Sequence[Process],
    *,
    seed: int,
    kills: int,
    pause: Callable[[random.Random], float] = lambda choose: choose.uniform(0.05, 0.6),
) -> Counter[int]:
    """Do the work while processes are killed at random moments, and started again."""
    choose = random.Random(seed)

    async def killer() -> None:
        for _ in range(kills):
            await asyncio.sleep(pause(choose))
            victim = choose.choice(victims)
            await victim.kill()
            await victim.start()

    async with asyncio.TaskGroup() as both:
        both.create_task(killer())
        working = both.create_task(work)
    return working.result()


async def until(
    happens: Coroutine[Any, Any, object],
    shop: Shop,
    book_id: int,
    name: str,
    *,
    clients: int,
    seed: int,
) -> int:
    """Buy one copy after the other until something has happened; how many were bought."""
    choose = random.Random(seed)
    bought = 0

    async def buyer(number: int) -> None:
        nonlocal bought
        turn = 0
        while not waiting.done():
            turn += 1
            response = await buy(shop, book_id, f"{name}-{book_id}-{number}-{turn}", choose)

            assert response.status_code == httpx.codes.CREATED, response.text
            bought += 1

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(happens)
        for number in range(clients):
            group.create_task(buyer(number))
    return bought

"""Clocks that are wrong: tokens and purchases go by them, stock and events do not get lost."""

import asyncio
import random

import httpx
import pytest

from tests.faults import audit
from tests.faults.buyers import buy
from tests.faults.fault_injection import KILL, Point
from tests.faults.harness import LONGEST, Shop, steer

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = 3600


async def test_a_jump_forward_expires_what_waits_for_its_money(shop: Shop) -> None:
    """Its copies are free again, and a token of before is refused."""
    book_id = await shop.book(3)
    await buy(shop, book_id, f"clock-{book_id}", random.Random(1))
    old = dict(shop.tokens)
    steer(shop.clock, str(HOUR))
    refused = await shop.call("purchase", "GET", "/purchases", user="buyer")
    await shop.let_in()
    await shop.restart("purchase")  # so that its background tasks run now
    async with asyncio.timeout(LONGEST):
        while (await shop.stock(book_id) or {})["available"] != 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await audit.sound(shop)

    assert old["buyer"] != shop.tokens["buyer"]
    assert refused.status_code == httpx.codes.UNAUTHORIZED


async def test_a_jump_back_does_not_leave_events_waiting(shop: Shop) -> None:
    """The relay's lease is a moment in time, and its holder died when the clock was ahead."""
    book_id = await shop.book(3)
    await shop.processes["purchase/2"].kill()
    steer(shop.clock, str(HOUR))
    await shop.let_in()
    await shop.restart("purchase", **{KILL: f"{Point.AFTER_202}:1"})
    sale = asyncio.create_task(buy(shop, book_id, f"back-{book_id}", random.Random(2)))
    await shop.processes["purchase"].died()
    steer(shop.clock, "0")
    await shop.let_in()
    await shop.processes["purchase"].start()
    answer = await sale
    await audit.sound(shop)

    assert answer.status_code == httpx.codes.CREATED

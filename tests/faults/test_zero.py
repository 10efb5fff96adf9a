"""Services that sleep when nobody calls: nothing waits for ever in an outbox, no start for another.

The PingSources fire more often than in the cluster; what they repair, they repair within one of
their periods.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio

from tests.faults import audit
from tests.faults.activator import all_asleep, scaled_to_zero
from tests.faults.buyers import buy
from tests.faults.conftest import Sizes
from tests.faults.harness import LONGEST, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

PERIOD = 3.0
"""Seconds of the PingSources."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sleepy(whole_shop: Shop, sizes: Sizes) -> AsyncIterator[Shop]:
    """The shop at zero, with an activator before each service."""
    if whole_shop.server is not None and not sizes.full:
        pytest.skip("what is shown here has nothing to do with the database: --full")
    await whole_shop.let_in()
    broker = whole_shop.processes["broker"]
    broker.arguments = [*broker.arguments, "--ping-every", str(PERIOD)]
    await whole_shop.restart("broker")
    async with scaled_to_zero(whole_shop):
        yield whole_shop


async def test_a_shop_at_zero_sells_and_tells(
    sleepy: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """A purchase wakes purchase, its event wakes catalog; then all sleep again."""
    rounds = sizes.of(1, 20)
    book_id = await sleepy.book(rounds * 3)
    answered: list[float] = []
    for turn in range(rounds):
        await all_asleep(sleepy)
        await sleepy.processes["broker"].start()
        start = time.monotonic()
        choose = random.Random(turn)
        for number in range(3):
            response = await buy(sleepy, book_id, f"zero-{book_id}-{turn}-{number}", choose)

            assert response.status_code == 201, response.text
            answered.append(time.monotonic() - start)
    agreed = await audit.sound(sleepy)
    await all_asleep(sleepy)
    await sleepy.processes["broker"].start()
    shown = (await sleepy.call("catalog", "GET", f"/books/{book_id}")).json()
    tell(cold_start_s=round(max(answered), 2), agreed_after_s=round(agreed, 2))

    assert shown["stock"] == 0


async def test_an_outbox_at_zero_is_published_after_the_next_ping(
    sleepy: Shop, tell: Callable[..., None]
) -> None:
    """Its service was stopped while the broker was away."""
    book_id = await sleepy.book(5)
    await audit.agrees(sleepy)
    await sleepy.processes["broker"].kill()
    await buy(sleepy, book_id, f"outbox-{book_id}", random.Random(1))
    await all_asleep(sleepy)
    await sleepy.processes["broker"].start()
    start = time.monotonic()
    await audit.sound(sleepy)
    tell(period_s=PERIOD, told_after_s=round(time.monotonic() - start, 2))


async def test_a_token_that_was_revoked_while_all_slept_is_refused(
    sleepy: Shop, tell: Callable[..., None]
) -> None:
    """As soon as its event has been consumed, from the broker or from the feed after a ping."""
    await sleepy.let_in()
    await sleepy.call("purchase", "GET", "/purchases", user="buyer")
    await audit.agrees(sleepy)
    await all_asleep(sleepy)
    left = await sleepy.call("auth", "POST", "/logout", user="buyer")
    await all_asleep(sleepy)
    await sleepy.processes["broker"].start()
    start = time.monotonic()
    statuses = set()
    async with asyncio.timeout(LONGEST):
        while httpx.codes.UNAUTHORIZED not in statuses:
            answer = await sleepy.call("purchase", "GET", "/purchases", user="buyer")
            statuses.add(answer.status_code)
            await asyncio.sleep(0.1)
    tell(refused_after_s=round(time.monotonic() - start, 2))

    assert left.status_code == httpx.codes.OK
    assert statuses <= {200, 401}

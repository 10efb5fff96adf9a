"""kill -9 at every point where half of something could be left: nothing is lost, nothing is twice.

A writer dies around its commit, its relay around the broker's 202, a reader around the commit of
an event's effect.
"""

import random
import time
from collections.abc import Callable

import pytest

from tests.faults import audit
from tests.faults.buyers import until
from tests.faults.conftest import Sizes
from tests.faults.fault_injection import KILL, OWNERS_POINTS, READERS_POINTS, Point
from tests.faults.harness import Shop
from tests.faults.processes import Process

pytestmark = pytest.mark.asyncio(loop_scope="session")

COPIES = 100_000


async def die_at(process: Process, point: Point, *, kills: int, seed: int) -> None:
    """Let a process run into a point again and again; each time it is started once more."""
    choose = random.Random(seed)
    await process.kill()
    for _ in range(kills):
        # It may reach the point before it is ready: what the life before left is sent first.
        await process.launch(**{KILL: f"{point}:{choose.randint(1, 6)}"})
        await process.died()

        assert process.process is not None
        assert process.process.returncode == -9, process.tail()
    await process.start()


@pytest.mark.parametrize("point", OWNERS_POINTS)
async def test_a_seller_that_dies_loses_no_event(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], point: Point
) -> None:
    """Whatever it had acknowledged is told, and whatever it tells has happened."""
    seed = 11
    book_id = await shop.book(COPIES)
    clients = 4
    if point in {Point.AFTER_202, Point.BEFORE_MARK}:
        # Under load the lease stays where it is, and the other relay would never come to send.
        await shop.processes["purchase/2"].kill()
        clients = 1
    dying = die_at(shop.processes["purchase"], point, kills=sizes.of(3, 50), seed=seed)
    bought = await until(dying, shop, book_id, point, clients=clients, seed=seed)
    converged = await audit.sound(shop)
    stock = await shop.stock(book_id)
    tell(seed=seed, bought=bought, agreed_after_s=round(converged, 2))

    assert stock is not None
    assert stock["reserved"] == bought


@pytest.mark.parametrize("point", READERS_POINTS)
@pytest.mark.parametrize("reader", ["catalog"])
async def test_a_reader_that_dies_loses_no_event(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], point: Point, reader: str
) -> None:
    """The event comes again, and has its effect once."""
    seed = 12
    book_id = await shop.book(COPIES)
    dying = die_at(shop.processes[reader], point, kills=sizes.of(3, 50), seed=seed)
    bought = await until(dying, shop, book_id, point, clients=1, seed=seed)
    converged = await audit.sound(shop)
    shown = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()
    tell(seed=seed, bought=bought, agreed_after_s=round(converged, 2))

    assert shown["stock"] == COPIES - bought


@pytest.mark.parametrize("point", READERS_POINTS)
async def test_a_seller_that_dies_as_a_reader_knows_every_book(
    shop: Shop, sizes: Sizes, tell: Callable[..., None], point: Point
) -> None:
    """The effect of a book's event is a stock that is opened, with an event of its own: once."""
    start = time.monotonic()
    for turn in range(sizes.of(1, 20)):
        process = shop.processes["purchase"]
        await shop.restart("purchase", **{KILL: f"{point}:1"})
        body = {"title": f"{point} {turn}", "author": "Autora", "price": 5, "stock": 3}
        made = await shop.call("catalog", "POST", "/books", body, user="admin")

        assert made.status_code == 201
        await process.died()
        await process.start()
    await audit.sound(shop)
    tell(seconds=round(time.monotonic() - start, 1))

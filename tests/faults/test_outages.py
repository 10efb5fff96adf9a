"""What surrounds the services is away, slow or full: sales go on, nothing is lost."""

import asyncio
import random
import time
from collections.abc import Callable

import httpx
import pytest
from piccolo.querystring import QueryString

from tests.faults import audit, disk
from tests.faults.buyers import buy, crowd, until
from tests.faults.conftest import Sizes
from tests.faults.harness import LONGEST, SERVICES, Shop
from tests.faults.watching import gone, queue, unsent

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_sales_go_on_without_the_broker(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """All are accepted; once it is back, all that waited is told."""
    purchases = sizes.of(100, 5000)
    book_id = await shop.book(purchases)
    await audit.agrees(shop)
    await shop.processes["broker"].kill()
    start = time.monotonic()
    keys = [f"outage-{book_id}-{number}" for number in range(purchases)]
    statuses = await crowd(shop, book_id, keys, clients=8, seed=1)
    rate = purchases / (time.monotonic() - start)
    waiting = await unsent(shop)
    await shop.processes["broker"].start()
    taken = sum((await queue(shop)).values())
    back = time.monotonic()
    async with asyncio.timeout(LONGEST if not sizes.full else None):
        while await unsent(shop):
            if sum((await queue(shop)).values()) == taken:  # the relay has not tried again yet
                back = time.monotonic()
            await asyncio.sleep(0.02)
    drained = waiting / (time.monotonic() - back)
    await audit.sound(shop)
    tell(purchases_per_second=round(rate), waiting=waiting, drained_per_second=round(drained))

    assert statuses == {201: purchases}
    assert waiting == purchases * 2


async def test_a_frozen_broker_holds_up_no_sale(shop: Shop, sizes: Sizes) -> None:
    """It takes connections and answers nothing, as one under a memory alarm does."""
    purchases = sizes.of(40, 400)
    book_id = await shop.book(purchases)
    keys = [f"frozen-{book_id}-{number}" for number in range(purchases)]
    with shop.processes["broker"].frozen():
        statuses = await crowd(shop, book_id, keys, clients=8, seed=2)
    await audit.sound(shop)

    assert statuses == {201: purchases}


async def test_a_frozen_seller_holds_up_no_other(shop: Shop, sizes: Sizes) -> None:
    """Stopped at a random moment, with whatever it holds; it goes on as if nothing had been."""
    seed = 3
    choose = random.Random(seed)
    book_id = await shop.book(100_000)

    async def freeze() -> None:
        for _ in range(sizes.of(3, 30)):
            await asyncio.sleep(choose.uniform(0.05, 0.2))
            with shop.processes["purchase/2"].frozen():
                await asyncio.sleep(choose.uniform(0.2, 0.6))

    bought = await until(freeze(), shop, book_id, "seller", clients=6, seed=seed)
    await audit.sound(shop)
    stock = await shop.stock(book_id)

    assert stock is not None
    assert stock["reserved"] == bought


async def test_cut_and_slow_connections_lose_nothing(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Every connection between two processes is reset now and then; all of them are slow."""
    seed = 4
    choose = random.Random(seed)
    book_id = await shop.book(100_000)
    dropped = 0

    async def meddle() -> None:
        nonlocal dropped
        for proxy in shop.proxies.values():
            proxy.delay = 0.002
        for _ in range(sizes.of(20, 300)):
            await asyncio.sleep(choose.uniform(0.02, 0.15))
            dropped += choose.choice(list(shop.proxies.values())).drop()

    bought = await until(meddle(), shop, book_id, "proxy", clients=6, seed=seed)
    await shop.heal()
    await audit.sound(shop)
    stock = await shop.stock(book_id)
    tell(seed=seed, dropped_connections=dropped, bought=bought)

    assert stock is not None
    assert stock["reserved"] == bought


async def test_a_killed_database_loses_nothing_acknowledged(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Meanwhile there are only 503 with Retry-After; sales go on when it is back."""
    server = shop.server
    if server is None:
        pytest.skip("SQLite lives in the service; what is killed then is the service")
    seed = 5
    choose = random.Random(seed)
    book_id = await shop.book(100_000)
    away: list[float] = []

    async def kill() -> None:
        for turn in range(sizes.of(3, 20)):
            await asyncio.sleep(choose.uniform(0.2, 0.5))
            async with gone(server):
                refused = await shop.http.get(f"{shop.sellers[0].url}/inventory/{book_id}")

            assert refused.status_code in {401, 503}
            back = time.monotonic()
            await buy(shop, book_id, f"back-{book_id}-{turn}", choose)
            away.append(time.monotonic() - back)

    bought = await until(kill(), shop, book_id, "database", clients=6, seed=seed)
    await audit.sound(shop)
    stock = await shop.stock(book_id)
    tell(seed=seed, bought=bought, serving_after_s=[round(each, 2) for each in away])

    assert stock is not None
    assert stock["reserved"] == bought + len(away)


async def test_a_full_disk_refuses_and_breaks_nothing(shop: Shop) -> None:
    """503 with Retry-After, as long as nothing can be written; then it sells as before."""
    if shop.server is not None:
        pytest.skip("the disk is the server's")
    book_id = await shop.book(1000)
    body = {"book_id": book_id, "quantity": 1}
    headers = {"idempotency-key": f"disk-{book_id}"}
    with disk.full(shop.folder / "data", shop.services):
        refused: list[httpx.Response] = []
        async with asyncio.timeout(LONGEST):
            while len(refused) < 5:  # what SQLite's log has room for is still taken
                headers["idempotency-key"] += "+"
                answer = await shop.call(
                    "purchase", "POST", "/purchase", body, user="buyer", headers=headers
                )
                if answer.status_code == httpx.codes.CREATED:
                    shop.acknowledged[headers["idempotency-key"]] = answer.content
                else:
                    refused.append(answer)
        read = await shop.call("catalog", "GET", f"/books/{book_id}")
        alive = await shop.call("purchase", "GET", "/livez")
    answer = await buy(shop, book_id, f"disk-after-{book_id}", random.Random(0))
    await audit.sound(shop)

    assert {each.status_code for each in refused} == {503}
    assert all("retry-after" in each.headers for each in refused)
    assert (read.status_code, alive.status_code, answer.status_code) == (200, 200, 201)


async def test_no_start_waits_for_another_service(shop: Shop) -> None:
    """Each becomes ready, and answers, with everything else gone."""
    await asyncio.gather(*[process.stop() for process in shop.processes.values()])
    ready = []
    for name in SERVICES:
        await shop.processes[name].start()
        ready.append((await shop.http.get(f"{shop.processes[name].url}/readyz")).status_code)
        await shop.processes[name].stop()

    assert ready == [200, 200, 200]


async def test_the_audit_sees_a_sale_that_is_missing(shop: Shop) -> None:
    """So that none of the audits above is green for nothing."""
    book_id = await shop.book(1)
    await audit.agrees(shop)
    shop.acknowledged[f"never-{book_id}"] = b"{}"
    async with shop.database("catalog") as database:
        await database.execute(
            QueryString("UPDATE inventory SET available = 7 WHERE book_id = {}", book_id)
        )
    differs = await audit.disagreements(shop)
    missing = await audit.breaches(shop)
    del shop.acknowledged[f"never-{book_id}"]
    async with shop.database("catalog") as database:
        await database.execute(
            QueryString("UPDATE inventory SET available = 1 WHERE book_id = {}", book_id)
        )

    assert "catalog shows another stock than purchase has" in differs
    assert missing == [f"acknowledged, and not there as acknowledged: ['never-{book_id}']"]

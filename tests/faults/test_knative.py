"""A broker as bad as Knative's, its RabbitMQ killed and frozen: the shop sells, and loses nothing.

What the broker can be told to do badly is in `functions/local/broker/flaws.py`.
"""

import asyncio
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import aio_pika
import httpx
import pytest

from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.topology import Topology
from tests.faults import audit, watching
from tests.faults.buyers import buy, crowd, until
from tests.faults.conftest import Sizes
from tests.faults.fault_injection import REFUSE
from tests.faults.harness import BUYER, SERVICES, Shop
from tests.servers.rabbitmq import RabbitMQ

pytestmark = pytest.mark.asyncio(loop_scope="session")


def rabbitmq_of(shop: Shop) -> RabbitMQ:
    if shop.rabbitmq is None:
        pytest.skip("this shop's events wait in the broker's own store")
    return shop.rabbitmq


async def test_a_killed_rabbitmq_loses_nothing(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """Killed while events go through it; sales go on around each kill, their events wait in the
    outbox, and all is told afterwards."""
    rabbitmq, seed = rabbitmq_of(shop), 31
    kills, purchases = sizes.of(2, 20), sizes.of(40, 100)
    choose = random.Random(seed)
    book_id = await shop.book(kills * (purchases + 1))
    await audit.agrees(shop)
    waited: list[int] = []
    for turn in range(kills):
        keys = [f"rabbitmq-{book_id}-{turn}-{number}" for number in range(purchases)]
        async with asyncio.TaskGroup() as group:
            selling = group.create_task(crowd(shop, book_id, keys, clients=4, seed=seed + turn))
            await watching.sent_more(shop, choose.randint(1, purchases // 2))
            async with watching.gone(rabbitmq):
                await selling
                away = await buy(shop, book_id, f"rabbitmq-{book_id}-{turn}", choose)
                waited.append(await watching.unsent(shop))

        assert selling.result() == {201: purchases}
        assert (away.status_code, waited[-1] > 0) == (201, True)
    converged = await audit.sound(shop)
    tell(seed=seed, purchases=kills * purchases, waited=waited, agreed_after_s=round(converged, 2))


async def test_a_frozen_rabbitmq_holds_up_no_sale(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """The broker takes an event and gets no confirm, so the relay hangs, gives up, and tries again;
    what the broker had taken all the same comes more than once, and has its effect once."""
    rabbitmq, purchases = rabbitmq_of(shop), sizes.of(20, 400)
    book_id = await shop.book(purchases)
    await audit.agrees(shop)
    applied, unconfirmed = await watching.applied(shop), "has not confirmed"
    before = watching.said(shop, unconfirmed)
    keys = [f"unconfirmed-{book_id}-{number}" for number in range(purchases)]

    async def gave_up() -> bool:
        return watching.said(shop, unconfirmed) > before

    rabbitmq.freeze()
    try:
        statuses = await crowd(shop, book_id, keys, clients=8, seed=32)
        waiting = await watching.unsent(shop)
        await watching.seen(gave_up)
    finally:
        rabbitmq.thaw()
    converged = await audit.sound(shop)
    await watching.delivered(shop)
    tell(waiting=waiting, agreed_after_s=round(converged, 2))

    assert statuses == {201: purchases}
    assert waiting == purchases * 2
    assert await watching.applied(shop) - applied == purchases


def impatient(shop: Shop) -> Path:
    """The shop's Triggers with one retry after a moment, in place of eight within 36 seconds."""
    folder = shop.folder / "impatient"
    shutil.copytree(shop.manifests, folder)
    for file in (folder / "triggers").glob("*.yaml"):
        text = file.read_text("utf-8")
        changed = text.replace("retry: 8", "retry: 1").replace("PT1S", "PT0.1S")

        assert changed.count("retry: 1") == changed.count("PT0.1S") == 1
        file.write_text(changed, "utf-8")
    return folder


async def unbind(shop: Shop, rabbitmq: RabbitMQ) -> None:
    """An operator's slip; the broker binds the queue again when it is started again."""
    addresses = {f"{name}-internal": "http://127.0.0.1:1" for name in SERVICES}
    topology = Topology.of(load_manifests(shop.manifests, addresses).triggers)
    queue = topology.queues[watching.INVENTORY]
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        bound = await channel.get_queue(queue.name)
        await bound.unbind(queue.exchange, "", dict(queue.binding))


async def test_a_broker_as_bad_as_knatives_loses_nothing_for_good(
    shop: Shop, sizes: Sizes, tell: Callable[..., None]
) -> None:
    """With all of its flaws: SIGTERM and kill -9 of the broker with an event under way, a reader
    that refuses and fails at half of its events and dead letters, every process killed, and on
    RabbitMQ a queue that is not bound. What it loses of it all is read from the feeds."""
    seed = 33
    choose = random.Random(seed)
    broker, catalog = shop.processes["broker"], shop.processes["catalog"]
    broker.arguments = [*shop.broker_arguments(impatient(shop)), "--behave-like-knative=all"]
    losses = (" ANSWERED 4", "IS LOST")
    before = [watching.said(shop, words) for words in losses]

    def lost() -> list[int]:
        return [watching.said(shop, words) - n for words, n in zip(losses, before, strict=True)]

    async def queued() -> int:
        return (await watching.queue(shop))["queued"]

    async def some_are_lost() -> bool:
        return all(lost())

    refusals = {REFUSE: f"400,404,500,503:0.5:{seed}"}
    await asyncio.gather(shop.restart("broker"), shop.restart("catalog", **refusals))
    book_id = await shop.book(100_000)
    revoked: list[str] = []

    async def misfortunes() -> None:
        victims = [process for process in shop.services if process is not catalog]
        for _ in range(sizes.of(2, 20)):
            with catalog.frozen():
                await watching.seen(queued)
                await broker.stop()
            await broker.start()
            await shop.log_in("visitor", *BUYER)
            await shop.call("auth", "POST", "/logout", user="visitor")
            revoked.append(shop.tokens.pop("visitor"))
            if shop.rabbitmq is not None:
                await unbind(shop, shop.rabbitmq)
                await watching.sent_more(shop)
            victim = choose.choice(victims)
            await asyncio.gather(broker.kill(), catalog.kill(), victim.kill())
            await asyncio.gather(broker.start(), catalog.start(**refusals), victim.start())
        await watching.seen(some_are_lost)

    start = time.monotonic()
    bought = await until(misfortunes(), shop, book_id, "flaws", clients=1, seed=seed)
    seconds = time.monotonic() - start
    converged = await audit.sound(shop)
    shown = (await shop.call("catalog", "GET", f"/books/{book_id}")).json()
    tell(
        seed=seed, bought=bought, in_seconds=round(seconds), refused_by_4xx=lost()[0],
        lost_otherwise=lost()[1], agreed_after_s=round(converged, 2),
    )  # fmt: skip
    for token in revoked:
        headers = {"authorization": f"Bearer {token}"}
        answer = await shop.call("purchase", "GET", "/purchases", headers=headers)

        assert answer.status_code == httpx.codes.UNAUTHORIZED

    assert shown["stock"] == 100_000 - bought

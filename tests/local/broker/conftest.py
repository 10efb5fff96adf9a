"""A broker in this process, over a real store and real HTTP; one suite for both stores.

A test with `running_broker` runs on SQLite and on RabbitMQ. On RabbitMQ, each test has its own
exchanges and queues, by the namespace of its Triggers; they are deleted at its end.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aio_pika
import httpx
import pytest

from functions.local.broker.core import Broker
from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.manifests import Trigger
from functions.local.broker.rabbitmq.store import RabbitMQStore
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.broker.sqlite_store import SqliteStore
from functions.local.broker.store import Store
from tests.local.broker.events import BrokerFactory, StoreFactory
from tests.local.subscribers import Subscriber, subscribing
from tests.servers.rabbitmq import RabbitMQ

_numbers = itertools.count(1)


@pytest.fixture
def namespace() -> str:
    """Unique on the server."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
async def subscriber() -> AsyncIterator[Subscriber]:
    async with subscribing() as running:
        yield running


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "broker.db"


@pytest.fixture
async def rabbitmq_stores(rabbitmq: RabbitMQ, namespace: str) -> AsyncIterator[StoreFactory]:
    created: list[Topology] = []

    async def open_store(
        triggers: Sequence[Trigger], flaws: Collection[Flaw] = NO_FLAWS, url: str = rabbitmq.url
    ) -> Store:
        owned = [replace(trigger, namespace=namespace) for trigger in triggers]
        created.append(Topology.of(owned))
        return await RabbitMQStore.open(url, created[-1], flaws)

    yield open_store
    if created:
        await delete(rabbitmq.url, *created)


@pytest.fixture(params=["sqlite", "rabbitmq"])
def stores(request: pytest.FixtureRequest, store_file: Path) -> StoreFactory:
    """Opens the store of the test, again after each close."""
    if request.param == "rabbitmq":
        factory: StoreFactory = request.getfixturevalue("rabbitmq_stores")
        return factory

    async def open_store(triggers: Sequence[Trigger], flaws: Collection[Flaw] = NO_FLAWS) -> Store:
        return await SqliteStore.open(store_file)

    return open_store


@pytest.fixture
def running_broker(stores: StoreFactory) -> BrokerFactory:
    return broker_over(stores)


def broker_over(stores: StoreFactory) -> BrokerFactory:
    @asynccontextmanager
    async def run(
        *triggers: Trigger, parallelism: int = 1, flaws: Collection[Flaw] = NO_FLAWS
    ) -> AsyncIterator[Broker]:
        store = await stores(triggers, flaws)
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            broker = Broker(triggers, store, client, parallelism=parallelism, flaws=flaws)
            broker.start()
            try:
                yield broker
            finally:
                await broker.stop()

    return run


async def delete(url: str, *topologies: Topology) -> None:
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        for topology in topologies:
            for queue in topology.queues.values():
                await channel.queue_delete(queue.name)
            for exchange in topology.exchanges:
                await channel.exchange_delete(exchange)
    # One of aio-pika's tasks ends only after the connection has closed.
    await asyncio.sleep(0)

"""A broker in this process, over a real SQLite file and real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from functions.local.broker.core import Broker
from functions.local.broker.manifests import Trigger
from functions.local.broker.sqlite_store import SqliteStore
from tests.local.broker.events import BrokerFactory
from tests.local.subscribers import Subscriber, subscribing


@pytest.fixture
async def subscriber() -> AsyncIterator[Subscriber]:
    async with subscribing() as running:
        yield running


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    return tmp_path / "broker.db"


@pytest.fixture
def running_broker(store_file: Path) -> BrokerFactory:
    @asynccontextmanager
    async def run(*triggers: Trigger, parallelism: int = 1) -> AsyncIterator[Broker]:
        store = await SqliteStore.open(store_file)
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            broker = Broker(triggers, store, client, parallelism=parallelism)
            broker.start()
            try:
                yield broker
            finally:
                await broker.stop()

    return run

"""A database with the sample's schema, a clock, an issuer of tokens, and the sample running."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from functions.kit.data.database import Database, bind
from functions.kit.data.engines import connect
from functions.kit.events.outbox import Outbox
from tests.kit import migrations as sample_migrations
from tests.kit import sample
from tests.support.apps import serving
from tests.support.clock import FakeClock
from tests.support.schemas import with_schema
from tests.support.tokens import Issuer


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
async def empty_database(database_url: str) -> AsyncIterator[Database]:
    database = connect(database_url)
    yield database
    await database.close()


@pytest.fixture
async def database(database_url: str, empty_database: Database) -> Database:
    """A database with the sample's schema, bound to its tables."""
    await with_schema(database_url, sample_migrations)
    bind(empty_database, (sample.Note,))
    return empty_database


@pytest.fixture
def outbox(clock: FakeClock) -> Outbox:
    return Outbox(clock)


@pytest.fixture
async def app(database_url: str, clock: FakeClock, issuer: Issuer) -> Litestar:
    """The sample, with both APIs; on its wire only auth's keys can be read."""
    await with_schema(database_url, sample_migrations)
    return sample.create_app(database_url, clock=clock, http=issuer.wire())


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as client:
        yield client

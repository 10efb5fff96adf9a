"""A server of each kind for all tests of the engine, one fresh database for each test."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from piccolo.engine.base import Engine
from piccolo.engine.sqlite import SQLiteEngine

from functions.kit.mysql import MySQLEngine
from tests.servers.mysql import FLAVOURS, Flavour, Server, Servers

_numbers = itertools.count()

MakeEngine = Callable[..., MySQLEngine]


@pytest.fixture(scope="session")
def engine_servers() -> Iterator[Servers]:
    """Used by nothing else: these tests count its connections, and kill some."""
    with Servers() as servers:
        yield servers


@pytest.fixture(scope="module", params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Which of the two; every test of the engine runs on both."""
    flavour: Flavour = request.param
    return flavour


@pytest.fixture
def server(engine_servers: Servers, flavour: Flavour) -> Server:
    return engine_servers.get(flavour)


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"engine_{next(_numbers)}"
    yield server.create_database(name)
    server.run(f"DROP DATABASE `{name}`")


@pytest.fixture
async def make_engine(url: str) -> AsyncIterator[MakeEngine]:
    """Engines that are closed with the test."""
    async with AsyncExitStack() as stack:

        def make(url: str = url, **options: Any) -> MySQLEngine:
            engine = MySQLEngine(url, **options)
            stack.push_async_callback(engine.close)
            return engine

        yield make


@pytest.fixture
def engine(make_engine: MakeEngine) -> MySQLEngine:
    return make_engine()


@pytest.fixture(params=["sqlite", *FLAVOURS])
async def each_engine(
    request: pytest.FixtureRequest, engine_servers: Servers, tmp_path: Path
) -> AsyncIterator[Engine[Any]]:
    """Piccolo's own engine for SQLite, which says what is right, and ours on each server."""
    if request.param == "sqlite":
        yield SQLiteEngine(path=str(tmp_path / "piccolo.sqlite"))
        return
    server = engine_servers.get(request.param)
    name = f"engine_{next(_numbers)}"
    engine = MySQLEngine(server.create_database(name))
    yield engine
    await engine.close()
    server.run(f"DROP DATABASE `{name}`")

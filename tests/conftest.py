"""One suite, both databases: whoever takes `database_url` runs on SQLite and on MySQL."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.mysql import Server, private_server
from tests.servers.rabbitmq import RabbitMQ, private_rabbitmq
from tests.support.independence import leave_the_shop_alone

leave_the_shop_alone()

_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By file, as asked for, but tests/faults by the shop that they run on."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.faults.scheduling import ByShop

    return ByShop(config, log)


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """A server of this run's own, or the one that TEST_MYSQL_URL names."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A node of this run's own, or the one that TEST_RABBITMQ_URL names."""
    with private_rabbitmq() as node:
        yield node


@pytest.fixture(params=["sqlite", "mysql"])
def make_database_url(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes the URL of another empty database each time; all are gone with the test."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path}/shop{next(_numbers)}.db?synchronous=off"
        return
    server: Server = request.getfixturevalue("mysql_server")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    made: list[str] = []

    def make() -> str:
        made.append(f"bookstore_{worker}_{next(_numbers)}")
        return server.create_database(made[-1])

    yield make
    for name in made:
        server.run(f"DROP DATABASE IF EXISTS `{name}`")


@pytest.fixture
def database_url(make_database_url: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return make_database_url()

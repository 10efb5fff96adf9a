"""Three shops for all of these tests, of which each leaves its shop whole behind.

`sqlite` has files and nothing else, as `nox -s dev`; `mariadb` and `mysql` are as in the cluster,
on a server of that kind and with their events in RabbitMQ, both of their own, since both get
killed. `scheduling.py` keeps them apart in a run of several processes. `--full` takes the sizes of
the promises instead of those for every change.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.faults.harness import Shop, open_shop
from tests.servers.mysql import FLAVOURS, Flavour, Server, private_server
from tests.servers.rabbitmq import RabbitMQ, private_rabbitmq

FIGURES = "figures of tests/faults"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="tests/faults: the sizes of the promises")


@dataclass(frozen=True)
class Sizes:
    """How much of each; `--full` is what the promise says."""

    full: bool

    def of(self, short: int, full: int) -> int:
        return full if self.full else short

    def seeds(self) -> range:
        return range(1, 4)


@pytest.fixture(scope="session")
def sizes(request: pytest.FixtureRequest) -> Sizes:
    return Sizes(bool(request.config.getoption("full", False)))


@contextmanager
def durable_server(flavour: Flavour) -> Iterator[Server]:
    """A server that keeps what it has acknowledged when it is killed, and may be killed."""
    options = "--innodb-flush-log-at-trx-commit=2", "--max-connections=400"
    with private_server(*options, flavour=flavour, must_be_private=True) as server:
        yield server


@pytest.fixture(scope="session")
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A node that may be killed, and that no other test declares anything on."""
    with private_rabbitmq(must_be_private=True) as node:
        yield node


ON_MYSQL_TOO = ("test_failpoints", "test_outages", "test_sales")
"""What depends on how the database dies, or comes back. `--full` runs everything on all three."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "whole_shop" in metafunc.fixturenames:
        everywhere = metafunc.config.getoption("full", default=False)
        everywhere = everywhere or metafunc.definition.path.stem in ON_MYSQL_TOO
        kinds = ("sqlite", *(FLAVOURS if everywhere else FLAVOURS[:1]))
        metafunc.parametrize("whole_shop", kinds, indirect=True, scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole_shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    if request.param == "sqlite":
        async with open_shop() as shop:
            yield shop
        return
    with durable_server(request.param) as server:
        async with open_shop(server, request.getfixturevalue("own_rabbitmq")) as shop:
            yield shop


@pytest_asyncio.fixture(loop_scope="session")
async def shop(whole_shop: Shop) -> AsyncIterator[Shop]:
    """The shop, with fresh tokens; healed afterwards."""
    await whole_shop.let_in()
    yield whole_shop
    await whole_shop.heal()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keeps the figures of a test, for the end of the run."""

    def say(**figures: object) -> None:
        shown = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in figures.items())
        request.node.user_properties.append((FIGURES, shown))

    return say


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of all tests, also of those that ran in other processes."""
    lines = [
        f"{report.nodeid.partition('::')[2]}: {shown}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, shown in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section("figures of tests/faults")
        terminalreporter.write_line("\n".join(lines))

"""Two shops for all of these tests, of which each leaves its shop whole behind.

`sqlite` has files and nothing else, as `nox -s dev`; `mysql` is as in the cluster, on a MySQL
server and with its events in RabbitMQ, both of its own, since both get killed. `scheduling.py`
keeps the two apart in a run of several processes. `--full` takes the sizes of the promises instead
of those for every change.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.faults.harness import Shop, open_shop
from tests.servers.mysql import Server, private_server
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


@pytest.fixture(scope="session")
def durable_server() -> Iterator[Server]:
    """A server that keeps what it has acknowledged when it is killed, and may be killed."""
    with private_server(
        "--innodb-flush-log-at-trx-commit=2", "--max-connections=400", must_be_private=True
    ) as server:
        yield server


@pytest.fixture(scope="session")
def own_rabbitmq() -> Iterator[RabbitMQ]:
    """A node that may be killed, and that no other test declares anything on."""
    with private_rabbitmq(must_be_private=True) as node:
        yield node


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", "mysql"])
async def whole_shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    servers = ("durable_server", "own_rabbitmq") if request.param == "mysql" else ()
    async with open_shop(*map(request.getfixturevalue, servers)) as shop:
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

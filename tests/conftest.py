"""One suite, every database: a test with `database_url` runs on SQLite, MariaDB and MySQL.

MariaDB is what every suite runs on beside SQLite. MySQL doubles what that takes, so only the suites
run on it that depend on what the server makes of a statement: `ON_MYSQL_TOO` names them.
`TEST_MYSQL_URL` asks for a server by name, and then every suite runs on all three.
"""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.debian_mysql import COMMAND
from tests.servers.mysql import FLAVOURS, NO_MYSQL, Server, Servers
from tests.servers.rabbitmq import RabbitMQ, private_rabbitmq
from tests.support.independence import leave_the_shop_alone
from tests.support.logging_state import logging_kept

leave_the_shop_alone()

# The same generated cases in every run, so that a commit passes or fails in all of them;
# `--hypothesis-profile explore` takes new ones. No deadlines, because a machine may be busy.
_UNTIMED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "print_blob": True,
}
settings.register_profile("repeatable", derandomize=True, **_UNTIMED)
settings.register_profile("explore", max_examples=2000, **_UNTIMED)
settings.load_profile("repeatable")

_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By file, as asked for, but tests/faults by the shop that they run on."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.faults.scheduling import ByShop

    return ByShop(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Around a test and the fixtures that it starts, of every scope."""
    with logging_kept():
        return (yield)


ON_MYSQL_TOO = (
    # The engine's own suite, tests/kit/mysql, says for itself that it runs on both servers.
    "tests/kit/data/test_database.py",
    "tests/kit/data/test_fulltext.py",
    "tests/kit/http/test_idempotency.py",
    "tests/kit/events/test_inbox.py",
    "tests/kit/data/test_migrations.py",
    "tests/kit/data/test_migrations_on_mysql.py",
    "tests/kit/events/test_outbox.py",
    "tests/kit/events/test_relay.py",
    "tests/kit/data/test_schema.py",
    "tests/support/test_copies.py",
    "tests/adoption/test_from_databases.py",
    "tests/catalog/test_facets.py",
    "tests/catalog/test_migrating.py",
    "tests/catalog/test_plans.py",
    "tests/catalog/test_reading.py",
    "tests/catalog/test_searching.py",
    "tests/purchase/test_addresses.py",
    "tests/purchase/test_audit.py",
    "tests/purchase/test_cart.py",
    "tests/purchase/test_checkout.py",
    "tests/purchase/test_closed_accounts.py",
    "tests/purchase/test_inventory.py",
    "tests/purchase/test_lifecycle.py",
    "tests/purchase/test_listing.py",
    "tests/purchase/test_payments.py",
    "tests/purchase/test_plans.py",
    "tests/purchase/test_processes.py",
    "tests/purchase/test_purchases.py",
    "tests/purchase/test_sales.py",
    "tests/purchase/test_sales_plans.py",
    "tests/purchase/test_statements.py",
)
"""Test files that also run on MySQL; tests/architecture/test_suites.py holds that each exists."""

MEASURED = ("auth", "catalog", "kit", "notifications", "purchase", "storefront")
"""Folders of tests whose coverage is measured: of each service, of the kit and of the pages."""

SERVERS = {"mysql_server", "mysql_servers", "rabbitmq"}
"""Fixtures of servers that a machine may lack. Their tests are not measured."""

NOT_MEASURED = (
    "tests/storefront/browser",  # a browser may be missing as well
    "tests/kit/mysql",  # and the engine is not measured
    "tests/kit/start/test_lazy_modules.py",  # which modules a start loads; coverage loads others
    # Of data that not every machine has; what they import is measured on a few books elsewhere.
    "tests/catalog/test_goodbooks.py",
    "tests/catalog/test_goodbooks_search.py",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    path = metafunc.definition.path.relative_to(metafunc.config.rootpath).as_posix()
    everywhere = bool(os.environ.get("TEST_MYSQL_URL")) or path.startswith(ON_MYSQL_TOO)
    servers = FLAVOURS if everywhere else FLAVOURS[:1]
    if "make_database_url" in metafunc.fixturenames:
        metafunc.parametrize("make_database_url", ["sqlite", *servers], indirect=True)
    elif "mysql_server" in metafunc.fixturenames:
        metafunc.parametrize("mysql_server", servers, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `nox -s coverage` runs: the same tests on every machine, so that a floor holds."""
    for item in items:
        if isinstance(item, pytest.Function) and _is_measured(item):
            item.add_marker("measured")


def _is_measured(item: pytest.Function) -> bool:
    path = item.path.relative_to(item.config.rootpath)
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return (
        path.parts[1] in MEASURED
        and not path.as_posix().startswith(NOT_MEASURED)
        and parameters.get("make_database_url", "sqlite") == "sqlite"
        and SERVERS.isdisjoint(item.fixturenames)
    )


@pytest.fixture(scope="session")
def mysql_servers() -> Iterator[Servers]:
    """One of each kind, started when it is first asked for."""
    with Servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def mysql_server(request: pytest.FixtureRequest, mysql_servers: Servers) -> Server:
    """A server for tests of what SQLite has nothing to do with."""
    return mysql_servers.get(getattr(request, "param", FLAVOURS[0]))


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A node of this run's own, or the one that TEST_RABBITMQ_URL names."""
    with private_rabbitmq() as node:
        yield node


@pytest.fixture
def make_database_url(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes the URL of another empty database each time; all are gone with the test."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path}/shop{next(_numbers)}.db?synchronous=off"
        return
    servers: Servers = request.getfixturevalue("mysql_servers")
    server = servers.get(request.param)
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


def pytest_sessionfinish() -> None:
    """Save what coverage has measured: pytest-xdist ends a worker that takes long to exit."""
    if coverage := sys.modules.get("coverage"):
        measured = coverage.Coverage.current()
        if measured is not None:
            measured.save()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A run without MySQL says so in its last lines."""
    skipped = sum(
        isinstance(report, pytest.TestReport) and NO_MYSQL in str(report.longrepr)
        for report in terminalreporter.stats.get("skipped", ())
    )
    if skipped:
        terminalreporter.section("not tested on MySQL")
        terminalreporter.write_line(
            f"{skipped} tests were skipped, since no MySQL server is here. On Debian,"
            f" `{COMMAND}` fetches one into this checkout; elsewhere install it, or name one by"
            " TEST_MYSQL_URL."
        )

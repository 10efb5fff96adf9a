"""The runner with its events in RabbitMQ, whose URL reaches only the broker."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.data_folder import DataFolder
from functions.local.ports import Ports
from functions.local.programs import MANIFESTS, Admin, Plan
from functions.local.rabbitmq import CREATED_FILE, RabbitMQServer
from tests.local.broker.conftest import delete
from tests.local.runners import running
from tests.servers.rabbitmq import RabbitMQ, private_rabbitmq


@pytest.fixture
async def empty(rabbitmq: RabbitMQ) -> AsyncIterator[RabbitMQ]:
    plan = Plan(DataFolder(Path("x")), Ports(), Admin("a", "b"))
    topology = Topology.of(load_manifests(MANIFESTS, plan.addresses).triggers)
    await delete(rabbitmq.url, topology)
    yield rabbitmq
    await delete(rabbitmq.url, topology)


async def test_the_shop_runs_and_records_what_it_created(empty: RabbitMQ, tmp_path: Path) -> None:
    """The data folder lists the created queues and has no SQLite file of events; the output does
    not contain the password."""
    async with running(tmp_path / "data", "--no-seed", "--rabbitmq", empty.url) as runner:
        await runner.until_printed("queues on the RabbitMQ server")
        await runner.until_printed("Ctrl-C")
        status = (await runner.get("broker", "/status")).json()
        code = await runner.stop()

    created = DataFolder(tmp_path / "data").read(CREATED_FILE) or {}
    assert code == 0
    assert set(status["triggers"]) >= {"catalog-inventory", "purchase-books"}
    assert "bookstore.purchase-books.local" in created["queues"]
    assert not (tmp_path / "data" / "broker.db").exists()
    assert (urlsplit(empty.url).password or "?") not in runner.output


async def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    """The runner exits with 1 and names the host, port and virtual host."""
    async with running(tmp_path / "data", "--rabbitmq", "amqp://a:b@127.0.0.1:1/x") as runner:
        code = await runner.until_exited()

    assert code == 1
    assert "RabbitMQ on 127.0.0.1:1/x cannot be reached" in runner.output


def test_the_password_is_not_an_argument_of_a_program(tmp_path: Path) -> None:
    """Every user of the machine can read arguments."""
    server = RabbitMQServer("amqp://ana:open-sesame@127.0.0.1/shop")
    plan = Plan(DataFolder(tmp_path), Ports(), Admin("a", "b"), rabbitmq=server)

    broker = plan.broker()

    assert broker.environment["BROKER_RABBITMQ_URL"] == server.url
    assert "open-sesame" not in " ".join(broker.command) + repr(broker)
    assert "--store" not in broker.arguments


def test_the_url_of_the_users_shell_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `--rabbitmq` gives the broker a server; BROKER_RABBITMQ_URL of the shell is not passed
    on, since it may name production's."""
    monkeypatch.setenv("BROKER_RABBITMQ_URL", "amqp://production")

    broker = Plan(DataFolder(tmp_path), Ports(), Admin("a", "b")).broker()

    assert "BROKER_RABBITMQ_URL" not in broker.environment


def test_without_a_server_tests_are_skipped_or_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are skipped by default, and fail with BOOKSTORE_REQUIRE_SERVICES=1."""
    monkeypatch.delenv("TEST_RABBITMQ_URL", raising=False)
    monkeypatch.setattr("tests.servers.rabbitmq._SCRIPTS", ())
    monkeypatch.delenv("BOOKSTORE_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed"), private_rabbitmq():
        pass

    monkeypatch.setenv("BOOKSTORE_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="not installed"), private_rabbitmq():
        pass

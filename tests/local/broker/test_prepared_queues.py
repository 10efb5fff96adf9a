"""The runner deletes from a RabbitMQ server only what its data folder created there."""

from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
import yaml
from aio_pika.exceptions import ChannelNotFoundEntity

from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.store import RabbitMQStore
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError
from functions.local.rabbitmq import RabbitMQServer
from tests.local.broker.conftest import delete
from tests.servers.rabbitmq import RabbitMQ

UNREACHABLE = {"purchase-internal": "http://127.0.0.1:1"}


def manifests(folder: Path, namespace: str, *names: str) -> Path:
    sink = {"ref": {"kind": "Service", "name": "purchase-internal"}}
    triggers = [
        {
            "apiVersion": "eventing.knative.dev/v1",
            "kind": "Trigger",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"broker": "b", "subscriber": sink, "delivery": {"deadLetterSink": sink}},
        }
        for name in names
    ]
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(yaml.safe_dump_all(triggers))
    return folder


@pytest.fixture
async def eventing(tmp_path: Path, namespace: str, rabbitmq: RabbitMQ) -> AsyncIterator[Path]:
    folder = manifests(tmp_path / "eventing", namespace, "kept", "dropped")
    topology = Topology.of(load_manifests(folder, UNREACHABLE).triggers)
    yield folder
    await delete(rabbitmq.url, topology)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    (tmp_path / "data").mkdir()
    return DataFolder(tmp_path / "data")


async def run_broker(rabbitmq: RabbitMQ, eventing: Path) -> None:
    """Creates the queues of the Triggers."""
    topology = Topology.of(load_manifests(eventing, UNREACHABLE).triggers)
    await (await RabbitMQStore.open(rabbitmq.url, topology)).close()


async def exists(rabbitmq: RabbitMQ, queue: str) -> bool:
    try:
        await rabbitmq.depth(queue)
    except ChannelNotFoundEntity:
        return False
    return True


async def send(rabbitmq: RabbitMQ, queue: str) -> None:
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(b""), queue)


@pytest.fixture
async def server(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> RabbitMQServer:
    """After a run of the shop, with an event in the queue of the Trigger `kept`."""
    server = RabbitMQServer(rabbitmq.url)
    await server.prepare(data, eventing, UNREACHABLE, fresh=False)
    await run_broker(rabbitmq, eventing)
    await send(rabbitmq, f"{namespace}.kept.local")
    return server


async def test_events_are_kept_between_runs(
    server: RabbitMQServer, rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    """Without `--fresh`, an event that waits in a Trigger's queue is still there after
    `prepare`."""
    await server.prepare(data, eventing, UNREACHABLE, fresh=False)

    assert await rabbitmq.depth(f"{namespace}.kept.local") == 1


async def test_fresh_deletes_all_queues(
    server: RabbitMQServer, rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    """The waiting event is deleted with its queue, and the next broker creates an empty one."""
    await server.prepare(data, eventing, UNREACHABLE, fresh=True)
    deleted = not await exists(rabbitmq, f"{namespace}.kept.local")
    await run_broker(rabbitmq, eventing)

    assert deleted
    assert await rabbitmq.depth(f"{namespace}.kept.local") == 0


async def test_the_queues_of_a_deleted_trigger_are_deleted(
    server: RabbitMQServer, rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    """Its queue and its dead-letter queue are deleted even without `--fresh`; the queue of the
    other Trigger stays."""
    manifests(eventing, namespace, "kept")
    await server.prepare(data, eventing, UNREACHABLE, fresh=False)

    assert await exists(rabbitmq, f"{namespace}.kept.local")
    assert not await exists(rabbitmq, f"{namespace}.dropped.local")
    assert not await exists(rabbitmq, f"t.{namespace}.dropped.dlq.local")


async def test_queues_of_another_shop_are_never_deleted(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    """If the data folder does not record the exchange, `--fresh` raises LocalError and deletes
    nothing."""
    await run_broker(rabbitmq, eventing)

    with pytest.raises(LocalError, match="was not created from this data folder"):
        await RabbitMQServer(rabbitmq.url).prepare(data, eventing, UNREACHABLE, fresh=True)

    assert await exists(rabbitmq, f"{namespace}.kept.local")


@pytest.mark.parametrize("url", ["http://h", "amqp://", "h:5672"], ids=str)
def test_an_invalid_url_is_refused_with_the_right_form(url: str) -> None:
    """Another scheme, a missing host and a missing scheme raise LocalError."""
    with pytest.raises(LocalError, match="amqp://user:password@host:port/vhost"):
        RabbitMQServer(url)


async def test_an_unreachable_server_is_named_without_the_password(
    data: DataFolder, tmp_path: Path
) -> None:
    """The error has the host, port and virtual host only, since it is printed on the terminal."""
    server = RabbitMQServer("amqp://ana:open-sesame@127.0.0.1:1/shop")
    folder = manifests(tmp_path / "eventing", "x", "kept")

    with pytest.raises(LocalError, match=r"127\.0\.0\.1:1/shop cannot be reached") as error:
        await server.prepare(data, folder, UNREACHABLE, fresh=False)

    assert "open-sesame" not in str(error.value)

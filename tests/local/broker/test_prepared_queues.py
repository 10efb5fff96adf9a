"""The runner deletes on a RabbitMQ server what its data folder made there, and nothing else."""

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

NOWHERE = {"purchase-internal": "http://127.0.0.1:1"}


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
    topology = Topology.of(load_manifests(folder, NOWHERE).triggers)
    yield folder
    await delete(rabbitmq.url, topology)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    (tmp_path / "data").mkdir()
    return DataFolder(tmp_path / "data")


async def run_broker(rabbitmq: RabbitMQ, eventing: Path) -> None:
    """Makes what the Triggers need."""
    topology = Topology.of(load_manifests(eventing, NOWHERE).triggers)
    await (await RabbitMQStore.open(rabbitmq.url, topology)).close()


async def is_there(rabbitmq: RabbitMQ, queue: str) -> bool:
    try:
        await rabbitmq.depth(queue)
    except ChannelNotFoundEntity:
        return False
    return True


async def send(rabbitmq: RabbitMQ, queue: str) -> None:
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        await channel.default_exchange.publish(aio_pika.Message(b""), queue)


async def test_events_stay_from_one_run_to_the_next(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    server = RabbitMQServer(rabbitmq.url)
    await server.prepare(data, eventing, NOWHERE, fresh=False)
    await run_broker(rabbitmq, eventing)
    await send(rabbitmq, f"{namespace}.kept.local")

    await server.prepare(data, eventing, NOWHERE, fresh=False)

    assert await rabbitmq.depth(f"{namespace}.kept.local") == 1


async def test_beginning_anew_leaves_nothing_of_before(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    server = RabbitMQServer(rabbitmq.url)
    await server.prepare(data, eventing, NOWHERE, fresh=False)
    await run_broker(rabbitmq, eventing)
    await send(rabbitmq, f"{namespace}.kept.local")

    await server.prepare(data, eventing, NOWHERE, fresh=True)
    gone = not await is_there(rabbitmq, f"{namespace}.kept.local")
    await run_broker(rabbitmq, eventing)

    assert gone
    assert await rabbitmq.depth(f"{namespace}.kept.local") == 0


async def test_the_queues_of_a_trigger_that_is_no_more_go_with_it(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    server = RabbitMQServer(rabbitmq.url)
    await server.prepare(data, eventing, NOWHERE, fresh=False)
    await run_broker(rabbitmq, eventing)

    manifests(eventing, namespace, "kept")
    await server.prepare(data, eventing, NOWHERE, fresh=False)

    assert await is_there(rabbitmq, f"{namespace}.kept.local")
    assert not await is_there(rabbitmq, f"{namespace}.dropped.local")
    assert not await is_there(rabbitmq, f"t.{namespace}.dropped.dlq.local")


async def test_what_another_shop_made_is_never_deleted(
    rabbitmq: RabbitMQ, eventing: Path, data: DataFolder, namespace: str
) -> None:
    await run_broker(rabbitmq, eventing)

    with pytest.raises(LocalError, match="was not made by this shop's runner"):
        await RabbitMQServer(rabbitmq.url).prepare(data, eventing, NOWHERE, fresh=True)

    assert await is_there(rabbitmq, f"{namespace}.kept.local")


@pytest.mark.parametrize("url", ["http://h", "amqp://", "h:5672"], ids=str)
def test_a_url_that_is_none_is_explained(url: str) -> None:
    with pytest.raises(LocalError, match="amqp://user:password@host:port/vhost"):
        RabbitMQServer(url)


async def test_a_server_that_cannot_be_reached_is_named_without_the_password(
    data: DataFolder, tmp_path: Path
) -> None:
    server = RabbitMQServer("amqp://ana:open-sesame@127.0.0.1:1/shop")
    folder = manifests(tmp_path / "eventing", "x", "kept")

    with pytest.raises(LocalError, match=r"127\.0\.0\.1:1/shop cannot be reached") as error:
        await server.prepare(data, folder, NOWHERE, fresh=False)

    assert "open-sesame" not in str(error.value)

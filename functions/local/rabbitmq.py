"""The queues in a RabbitMQ server instead of a file: `nox -s dev -- --rabbitmq amqp://...`.

The broker makes exchanges and queues itself. What is done here is what needs to know the data
folder: what this shop made is remembered in it, and only that is deleted, when all begins anew
(`--fresh`) or when a Trigger is no more.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from functions.local.broker.errors import BrokerError, StoreError
from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.link import FAILURES, connect, name_of
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError

MADE_FILE = "rabbitmq.json"
"""In the data folder: which exchanges and queues were made, and where."""


class RabbitMQServer:
    """A server, and the virtual host on it that the shop's queues are in."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
            raise LocalError("--rabbitmq takes amqp://user:password@host:port/vhost.")
        self.url = url

    @property
    def name(self) -> str:
        """The server and its virtual host, as they can be shown."""
        return name_of(self.url)

    async def prepare(
        self, folder: DataFolder, manifests: Path, addresses: Mapping[str, str], *, fresh: bool
    ) -> None:
        """Delete what this shop made and no longer wants.

        Raises `LocalError` when the server cannot be used, or when things would have to be deleted
        that this folder has not made.
        """
        try:
            topology = Topology.of(load_manifests(manifests, addresses).triggers)
            async with await connect(self.url, "preparing") as connection:
                await self._prepare(connection, topology, folder, fresh=fresh)
        except BrokerError as error:
            raise LocalError(f"The queues cannot be used. {error}") from error
        except FAILURES as error:
            raise LocalError(f"RabbitMQ on {self.name} cannot be used: {error}") from error

    async def _prepare(
        self,
        connection: AbstractConnection,
        topology: Topology,
        folder: DataFolder,
        *,
        fresh: bool,
    ) -> None:
        wanted = {
            "exchanges": topology.exchanges,
            "queues": sorted(queue.name for queue in topology.queues.values()),
        }
        made = folder.read(MADE_FILE) or {}
        if made.get("server") != self.name:
            made = {}
        if not made and await _exists(connection, topology.exchange):
            if fresh:
                raise StoreError(
                    f"The exchange {topology.exchange} on {self.name} was not made by this shop's"
                    " runner, so it does not delete it. Delete it yourself, or leave out --fresh."
                )
            return
        kept = {kind: [] if fresh else names for kind, names in wanted.items()}
        await _delete(
            connection,
            exchanges=sorted(set(made.get("exchanges", ())) - set(kept["exchanges"])),
            queues=sorted(set(made.get("queues", ())) - set(kept["queues"])),
        )
        folder.write(MADE_FILE, {"server": self.name, **wanted})


async def _exists(connection: AbstractConnection, exchange: str) -> bool:
    # Its channel is closed by the server when it does not.
    channel = await connection.channel()
    try:
        await channel.declare_exchange(exchange, passive=True)
    except ChannelNotFoundEntity:
        return False
    await channel.close()
    return True


async def _delete(
    connection: AbstractConnection, *, exchanges: Sequence[str], queues: Sequence[str]
) -> None:
    async with connection.channel() as channel:
        for queue in queues:
            await channel.queue_delete(queue)
        for exchange in exchanges:
            await channel.exchange_delete(exchange)

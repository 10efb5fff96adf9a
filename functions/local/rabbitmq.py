"""The shop with its queues on a RabbitMQ server: `nox -s dev -- --rabbitmq amqp://...`.

The broker creates exchanges and queues itself. The data folder records which ones this shop
created; only those are deleted, with `--fresh` or when their Trigger no longer exists.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from functions.local.broker.errors import BrokerError, StoreError
from functions.local.broker.manifests import load_manifests
from functions.local.broker.rabbitmq.connection import FAILURES, connect, name_of
from functions.local.broker.rabbitmq.topology import Topology
from functions.local.data_folder import DataFolder
from functions.local.errors import LocalError

CREATED_FILE = "rabbitmq.json"
"""In the data folder: the exchanges and queues that it created, and their server."""


class RabbitMQServer:
    """A server and the virtual host of the queues. Raises LocalError for a URL of another form."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            _ = parts.port
        except ValueError as error:
            raise LocalError(f"The URL of --rabbitmq is invalid: {error}.") from error
        if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
            raise LocalError("--rabbitmq needs amqp://user:password@host:port/vhost.")
        self.url = url

    @property
    def name(self) -> str:
        """Host, port and virtual host, without credentials."""
        return name_of(self.url)

    async def prepare(
        self,
        folder: DataFolder,
        manifests: Path,
        addresses: Mapping[str, str],
        *more: Path,
        fresh: bool,
    ) -> None:
        """Deletes what this shop created and no longer needs. `more` are further manifests.

        Raises LocalError when the server cannot be used, or when it would have to delete what this
        folder did not create.
        """
        try:
            topology = Topology.of(load_manifests(manifests, addresses, *more).triggers)
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
        needed = {
            "exchanges": topology.exchanges,
            "queues": sorted(queue.name for queue in topology.queues.values()),
        }
        created = folder.read(CREATED_FILE) or {}
        if created.get("server") != self.name:
            created = {}
        if not created and await _exists(connection, topology.exchange):
            if fresh:
                raise StoreError(
                    f"The exchange {topology.exchange} on {self.name} was not created from this"
                    " data folder, so --fresh does not delete it. Delete it yourself, or leave out"
                    " --fresh."
                )
            return
        kept = {kind: [] if fresh else names for kind, names in needed.items()}
        await _delete(
            connection,
            exchanges=sorted(set(created.get("exchanges", ())) - set(kept["exchanges"])),
            queues=sorted(set(created.get("queues", ())) - set(kept["queues"])),
        )
        folder.write(CREATED_FILE, {"server": self.name, **needed})


async def _exists(connection: AbstractConnection, exchange: str) -> bool:
    # The server closes the channel when the exchange does not exist.
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

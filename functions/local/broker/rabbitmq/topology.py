"""The exchanges, queues and bindings in RabbitMQ, which are those of eventing-rabbitmq.

One headers exchange for the broker; for each Trigger a queue that is bound with its filter; for
each Trigger with a dead-letter sink an exchange and a queue for dead letters. Names are
eventing-rabbitmq's, with `local` in place of the uid of a cluster's resource. Two differences:
headers have the prefix of CloudEvents' AMQP binding (`amqp_binding`), and the dead-letter exchange
is an argument of the queue, since AMQP cannot create policies. Next file: `amqp_binding`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

from functions.local.broker.errors import StoreError
from functions.local.broker.manifests import Trigger
from functions.local.broker.rabbitmq.amqp_binding import PREFIX
from functions.local.broker.store import dead_letters_of

_FIRST_WITH_QUORUM = (3, 8)
_FIRST_WITH_DELIVERY_LIMIT = (4, 0)

Arguments = dict[str, str | int]


@dataclass(frozen=True)
class Queue:
    name: str
    exchange: str
    """The exchange that it is bound to, to which its events are published."""
    filter: Mapping[str, str]
    dead_letter_exchange: str | None = None
    trigger: str | None = None

    @property
    def binding(self) -> Arguments:
        binding: Arguments = {PREFIX + name: value for name, value in self.filter.items()}
        if self.trigger is not None:
            # As in eventing-rabbitmq, for information; x-match ignores headers that begin with x-.
            binding["x-knative-trigger"] = self.trigger
        return {"x-match": "all", **binding}


@dataclass(frozen=True)
class Server:
    """The server's properties, from the connection."""

    product: str
    version: tuple[int, ...]

    @classmethod
    def of(cls, properties: Mapping[str, object]) -> "Server":
        numbers = str(properties.get("version", "")).split("-", 1)[0].split(".")
        return cls(
            str(properties.get("product", "")),
            tuple(int(number) for number in numbers if number.isdigit()),
        )

    def arguments(self, queue: Queue) -> Arguments:
        """Arguments of its declaration, which fails for an existing queue that has others."""
        arguments: Arguments = {}
        if self.product == "RabbitMQ" and self.version >= _FIRST_WITH_QUORUM:
            arguments["x-queue-type"] = "quorum"
            if self.version >= _FIRST_WITH_DELIVERY_LIMIT:
                # The default of 20 counts lost connections too, and then drops the event.
                arguments["x-delivery-limit"] = -1
        if queue.dead_letter_exchange is not None:
            arguments["x-dead-letter-exchange"] = queue.dead_letter_exchange
        return arguments


@dataclass(frozen=True)
class Topology:
    exchange: str
    queues: Mapping[str, Queue] = field(repr=False)
    """By the queue's name in the Store."""

    @classmethod
    def of(cls, triggers: Sequence[Trigger]) -> "Topology":
        """Raises StoreError for Triggers of more than one broker."""
        brokers = {(trigger.namespace, trigger.broker) for trigger in triggers}
        if len(brokers) != 1:
            raise StoreError(f"the Triggers must belong to one broker, not to {sorted(brokers)}")
        namespace, broker = brokers.pop()
        exchange = f"b.{namespace}.{broker}.local"
        queues = {}
        for trigger in triggers:
            name = f"{namespace}.{trigger.name}"
            dlx = f"t.{name}.dlx.local" if trigger.dead_letter_sink is not None else None
            queues[trigger.name] = Queue(
                f"{name}.local", exchange, trigger.filter, dlx, trigger.name
            )
            if dlx is not None:
                queues[dead_letters_of(trigger.name)] = Queue(f"t.{name}.dlq.local", dlx, {})
        return cls(exchange, queues)

    @property
    def exchanges(self) -> list[str]:
        return sorted({self.exchange, *(queue.exchange for queue in self.queues.values())})

    async def declare(self, channel: AbstractChannel, server: Server) -> None:
        """Creates what is missing. A dead-letter queue precedes the queue that leads to it."""
        for exchange in self.exchanges:
            await channel.declare_exchange(exchange, ExchangeType.HEADERS, durable=True)
        for queue in sorted(self.queues.values(), key=lambda queue: queue.trigger is not None):
            declared = await channel.declare_queue(
                queue.name, durable=True, arguments=dict(server.arguments(queue))
            )
            await declared.bind(queue.exchange, "", arguments=dict(queue.binding))

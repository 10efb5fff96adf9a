"""The exchanges, queues and bindings in RabbitMQ, as eventing-rabbitmq lays them out.

One headers exchange for the broker; for each Trigger a queue that is bound to it on the whole of
the filter; where the Trigger has a dead-letter sink, an exchange and a queue for those too. Names
are eventing-rabbitmq's, with `local` for the uid that things have in a cluster. Two differences:
headers carry the prefix of CloudEvents' AMQP binding (`messages`), and the dead-letter exchange is
an argument of the queue, since a policy cannot be made through AMQP. Next file: `messages`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

from functions.local.broker.errors import StoreError
from functions.local.broker.manifests import Trigger
from functions.local.broker.rabbitmq.messages import PREFIX
from functions.local.broker.store import dead_letters_of

_FIRST_WITH_QUORUM = (3, 8)
_FIRST_WITH_DELIVERY_LIMIT = (4, 0)

Arguments = dict[str, str | int]


@dataclass(frozen=True)
class Queue:
    name: str
    exchange: str
    """What it is bound to, and what an event for it is published to."""
    filter: Mapping[str, str]
    dead_letter_exchange: str | None = None
    trigger: str | None = None

    @property
    def binding(self) -> Arguments:
        binding: Arguments = {PREFIX + name: value for name, value in self.filter.items()}
        if self.trigger is not None:
            # As over there, for people who look; x-match passes over headers in x-.
            binding["x-knative-trigger"] = self.trigger
        return {"x-match": "all", **binding}


@dataclass(frozen=True)
class Server:
    """What a server says of itself when it is connected to."""

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
        """Of its declaration. A queue that is there with others cannot be declared."""
        arguments: Arguments = {}
        if self.product == "RabbitMQ" and self.version >= _FIRST_WITH_QUORUM:
            arguments["x-queue-type"] = "quorum"
            if self.version >= _FIRST_WITH_DELIVERY_LIMIT:
                # Its default of 20 counts lost connections, and then drops the event.
                arguments["x-delivery-limit"] = -1
        if queue.dead_letter_exchange is not None:
            arguments["x-dead-letter-exchange"] = queue.dead_letter_exchange
        return arguments


@dataclass(frozen=True)
class Topology:
    exchange: str
    queues: Mapping[str, Queue] = field(repr=False)
    """By the name that the store's users know."""

    @classmethod
    def of(cls, triggers: Sequence[Trigger]) -> "Topology":
        brokers = {(trigger.namespace, trigger.broker) for trigger in triggers}
        if len(brokers) != 1:
            raise StoreError(f"the Triggers must be of one broker, and are of {sorted(brokers)}")
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
        """Makes what is missing. Dead-letter queues come before the queues that lead to them."""
        for exchange in self.exchanges:
            await channel.declare_exchange(exchange, ExchangeType.HEADERS, durable=True)
        for queue in sorted(self.queues.values(), key=lambda queue: queue.trigger is not None):
            declared = await channel.declare_queue(
                queue.name, durable=True, arguments=dict(server.arguments(queue))
            )
            await declared.bind(queue.exchange, "", arguments=dict(queue.binding))

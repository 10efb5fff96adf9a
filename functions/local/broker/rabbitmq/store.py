"""The store in RabbitMQ: events are confirmed by the server, and settled by acknowledgements.

It uses two connections, since a server that is short of memory blocks those that publish. Messages
from the server are held here until they are settled, also while they wait for a retry; the prefetch
limits their number. When a connection or the process ends, the server puts them back into the
queue: their attempts are then no longer known, and an event that was delivered but not acknowledged
is delivered again.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError, PublishError

from functions.local.broker.errors import BrokerError, StoreError
from functions.local.broker.flaws import NO_FLAWS, Flaw
from functions.local.broker.rabbitmq.amqp_binding import from_amqp, to_amqp
from functions.local.broker.rabbitmq.connection import FAILURES, ReconnectingConnection
from functions.local.broker.rabbitmq.topology import Queue, Server, Topology
from functions.local.broker.store import BinaryMessage, Delivery, QueueCounts

logger = logging.getLogger(__name__)

PREFETCH = 100
"""Most unacknowledged events of a Trigger, as in Knative's dispatcher. If that many wait for
retries, all others wait too; in Knative, which retries in place, a single one is enough for
that."""

_CONFIRM_SECONDS = 5.0
"""Shorter than the timeout of senders, so that they get the 503."""


@dataclass
class _Held:
    incoming: AbstractIncomingMessage
    message: BinaryMessage
    attempts: int = 0
    due_at: float = 0.0
    claimed: bool = False


class RabbitMQStore:
    def __init__(self, url: str, topology: Topology, flaws: Collection[Flaw] = NO_FLAWS) -> None:
        self._topology = topology
        self._mandatory = Flaw.DROPS_UNROUTABLE not in flaws
        self._ids = itertools.count(1)
        self._held: dict[str, dict[int, _Held]] = {name: {} for name in topology.queues}
        self._outcomes: dict[str, dict[str, int]] = {name: {} for name in topology.queues}
        self._notify: Callable[[str], None] = lambda _: None
        self._publishing = ReconnectingConnection(url, "publishing", topology.declare, lambda: None)
        self._consuming = ReconnectingConnection(
            url, "consuming", self._consume, self._discard_held
        )

    @classmethod
    async def open(
        cls, url: str, topology: Topology, flaws: Collection[Flaw] = NO_FLAWS
    ) -> "RabbitMQStore":
        """Raises StoreError when the server refuses. One that cannot be reached is waited for."""
        store = cls(url, topology, flaws)
        try:
            await store._publishing.open()
            await store._consuming.open()
        except BaseException:
            await store.close()
            raise
        return store

    def on_available(self, listener: Callable[[str], None]) -> None:
        self._notify = listener

    async def put(self, queues: Sequence[str], message: BinaryMessage) -> None:
        """Publishes to one exchange, which routes to these queues and those of other clients."""
        exchanges = {self._topology.queues[queue].exchange for queue in queues}
        for exchange in exchanges or {self._topology.exchange}:
            await self._publish(exchange, message, has_queues=bool(queues))

    async def claim(self, queue: str, limit: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        deliveries: list[Delivery] = []
        for held_id, held in self._held[queue].items():
            if len(deliveries) == limit:
                break
            if not held.claimed and held.due_at <= now:
                held.claimed = True
                deliveries.append(Delivery(held_id, queue, held.attempts, held.message))
        return deliveries

    def release(self, delivery: Delivery) -> None:
        held = self._held[delivery.queue].get(delivery.id)
        if held is not None:
            held.claimed = False

    async def complete(self, delivery: Delivery) -> None:
        await self._acknowledge(delivery, "delivered")

    async def drop(self, delivery: Delivery) -> None:
        await self._acknowledge(delivery, "lost")

    async def retry(self, delivery: Delivery, after: float) -> None:
        held = self._held[delivery.queue].get(delivery.id)
        if held is not None:
            held.attempts += 1
            held.due_at = asyncio.get_running_loop().time() + after
            held.claimed = False

    async def move(self, delivery: Delivery, queue: str, message: BinaryMessage) -> None:
        # In this order a failure between the two leaves a second copy, and loses nothing.
        await self.put([queue], message)
        await self._acknowledge(delivery, "moved")

    async def seconds_to_next(self, queue: str) -> float | None:
        now = asyncio.get_running_loop().time()
        waiting = [
            max(0.0, held.due_at - now)
            for held in self._held[queue].values()
            if not held.claimed and held.due_at > 0
        ]
        return min(waiting, default=None)

    async def counts(self) -> Mapping[str, QueueCounts]:
        """`queued` is the server's; the other counts begin with this process."""
        try:
            # On a channel of its own: the server closes it if a queue does not exist.
            async with asyncio.timeout(_CONFIRM_SECONDS):
                async with self._publishing.connection.channel() as channel:
                    waiting = {
                        name: await _waiting(channel, queue)
                        for name, queue in self._topology.queues.items()
                    }
        except FAILURES as error:
            raise StoreError(f"RabbitMQ does not report its queues: {_reason(error)}") from error
        counts = {}
        for name, held in self._held.items():
            retrying = sum(one.attempts > 0 for one in held.values())
            counts[name] = QueueCounts(
                queued=waiting[name] + len(held) - retrying,
                retrying=retrying,
                **self._outcomes[name],
            )
        return counts

    async def close(self) -> None:
        await self._consuming.close()
        await self._publishing.close()

    async def _publish(self, exchange: str, message: BinaryMessage, *, has_queues: bool) -> None:
        channel = self._publishing.channel
        outgoing = to_amqp(message)
        # In a task: aio-pika cancels the waiting task when the connection is lost.
        publishing = asyncio.ensure_future(
            (await channel.get_exchange(exchange, ensure=False)).publish(
                outgoing, "", mandatory=has_queues and self._mandatory
            )
        )
        try:
            done, _ = await asyncio.wait({publishing}, timeout=_CONFIRM_SECONDS)
        finally:
            publishing.cancel()
        if not done:
            raise StoreError(f"RabbitMQ has not confirmed within {_CONFIRM_SECONDS:g} s")
        if publishing.cancelled():
            raise StoreError("the connection to RabbitMQ was lost before the confirm")
        try:
            publishing.result()
        except PublishError as error:
            # A queue or a binding was deleted; a new connection declares all of them. So does that
            # of the consumers, since RabbitMQ 3.10 does not always cancel those of a deleted queue.
            self._publishing.renew()
            self._consuming.renew()
            raise StoreError("RabbitMQ has no queue for an event that matches a Trigger") from error
        except DeliveryError as error:
            raise StoreError("RabbitMQ has not accepted the event") from error
        except FAILURES as error:
            raise StoreError(f"RabbitMQ has not confirmed: {_reason(error)}") from error

    async def _consume(self, channel: AbstractChannel, server: Server) -> None:
        await self._topology.declare(channel, server)
        await channel.set_qos(prefetch_count=PREFETCH)
        for name, queue in self._topology.queues.items():
            consumed = await channel.get_queue(queue.name, ensure=False)

            async def receive(
                incoming: AbstractIncomingMessage, name: str = name, queue: Queue = queue
            ) -> None:
                await self._receive(name, queue, incoming)

            await consumed.consume(receive)

    async def _receive(self, name: str, queue: Queue, incoming: AbstractIncomingMessage) -> None:
        try:
            event = from_amqp(incoming)
        except BrokerError as error:
            logger.warning("%s: a message is not an event: %s", queue.name, error)
            # To the dead-letter exchange, if there is one; its consumer rejects it as well.
            await incoming.reject(requeue=False)
            return
        if any(event.attributes.get(key) != value for key, value in queue.filter.items()):
            # AMQP cannot list bindings: one of an earlier filter may still exist.
            logger.info("%s: %s came by a binding of an earlier filter", queue.name, event)
            await incoming.ack()
            return
        self._held[name][next(self._ids)] = _Held(incoming, event.message)
        self._notify(name)

    async def _acknowledge(self, delivery: Delivery, outcome: str) -> None:
        held = self._held[delivery.queue].pop(delivery.id, None)
        if held is None:
            logger.info("%s: an event was delivered and will be delivered again", delivery.queue)
            return
        try:
            await held.incoming.ack()
        except FAILURES as error:
            logger.info("%s: an event will be delivered again: %s", delivery.queue, _reason(error))
            return
        outcomes = self._outcomes[delivery.queue]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def _discard_held(self) -> None:
        """The server delivers the messages of a closed channel again."""
        for held in self._held.values():
            held.clear()


async def _waiting(channel: AbstractChannel, queue: Queue) -> int:
    found = await channel.declare_queue(queue.name, passive=True)
    return found.declaration_result.message_count or 0


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

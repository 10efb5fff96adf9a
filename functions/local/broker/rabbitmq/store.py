"""The store in RabbitMQ: confirmed is what the server has confirmed, gone what we acknowledged.

Two connections, as a server that is short of memory stops reading from those that publish. What a
consumer was sent lies here until it is settled, also while it waits for its retry: the prefetch
bounds it. A lost connection, ours or the process's end, gives all of that back to the queue; the
attempts are then forgotten, and what was answered but not acknowledged comes a second time.
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
from functions.local.broker.rabbitmq.link import FAILURES, Link
from functions.local.broker.rabbitmq.messages import from_amqp, to_amqp
from functions.local.broker.rabbitmq.topology import Queue, Server, Topology
from functions.local.broker.store import Delivery, Message, Tally

logger = logging.getLogger(__name__)

PREFETCH = 100
"""As Knative's dispatcher: events that a Trigger may hold unacknowledged. As many that wait for
their retries hold up what is behind them; over there, where retries are made in place, one does."""

_CONFIRM_SECONDS = 5.0
"""Below the time that a sender waits for us: its 503 must not come too late to be read."""


@dataclass
class _Held:
    incoming: AbstractIncomingMessage
    message: Message
    attempts: int = 0
    due_at: float = 0.0
    taken: bool = False


class RabbitMQStore:
    def __init__(self, url: str, topology: Topology, flaws: Collection[Flaw] = NO_FLAWS) -> None:
        self._topology = topology
        self._mandatory = Flaw.DROPS_UNROUTABLE not in flaws
        self._ids = itertools.count(1)
        self._held: dict[str, dict[int, _Held]] = {name: {} for name in topology.queues}
        self._outcomes: dict[str, dict[str, int]] = {name: {} for name in topology.queues}
        self._on_due: Callable[[str], None] = lambda _: None
        self._publishing = Link(url, "publishing", topology.declare, lambda: None)
        self._consuming = Link(url, "consuming", self._consume, self._forget)

    @classmethod
    async def open(
        cls, url: str, topology: Topology, flaws: Collection[Flaw] = NO_FLAWS
    ) -> "RabbitMQStore":
        """Raises StoreError when the server refuses; one that is away is waited for."""
        store = cls(url, topology, flaws)
        try:
            await store._publishing.open()
            await store._consuming.open()
        except BaseException:
            await store.close()
            raise
        return store

    def watch(self, on_due: Callable[[str], None]) -> None:
        self._on_due = on_due

    async def put(self, queues: Sequence[str], message: Message) -> None:
        """To one exchange; the server finds the queues, these and perhaps others'."""
        exchanges = {self._topology.queues[queue].exchange for queue in queues}
        for exchange in exchanges or {self._topology.exchange}:
            await self._publish(exchange, message, wanted=bool(queues))

    async def take(self, queue: str, limit: int) -> list[Delivery]:
        now = asyncio.get_running_loop().time()
        deliveries: list[Delivery] = []
        for held_id, held in self._held[queue].items():
            if len(deliveries) == limit:
                break
            if not held.taken and held.due_at <= now:
                held.taken = True
                deliveries.append(Delivery(held_id, queue, held.attempts, held.message))
        return deliveries

    def give_back(self, delivery: Delivery) -> None:
        held = self._held[delivery.queue].get(delivery.id)
        if held is not None:
            held.taken = False

    async def done(self, delivery: Delivery) -> None:
        await self._acknowledge(delivery, "delivered")

    async def lose(self, delivery: Delivery) -> None:
        await self._acknowledge(delivery, "lost")

    async def retry(self, delivery: Delivery, after: float) -> None:
        held = self._held[delivery.queue].get(delivery.id)
        if held is not None:
            held.attempts += 1
            held.due_at = asyncio.get_running_loop().time() + after
            held.taken = False

    async def move(self, delivery: Delivery, queue: str, message: Message) -> None:
        # In this order: what happens between the two makes a second copy, and loses none.
        await self.put([queue], message)
        await self._acknowledge(delivery, "moved")

    async def seconds_to_next(self, queue: str) -> float | None:
        now = asyncio.get_running_loop().time()
        waiting = [
            max(0.0, held.due_at - now)
            for held in self._held[queue].values()
            if not held.taken and held.due_at > 0
        ]
        return min(waiting, default=None)

    async def tallies(self) -> Mapping[str, Tally]:
        """What waits, the server knows; what became of events is counted since the start."""
        try:
            # A channel of its own: a queue that is not there closes the one that asks.
            async with asyncio.timeout(_CONFIRM_SECONDS):
                async with self._publishing.connection.channel() as channel:
                    waiting = {
                        name: await _waiting(channel, queue)
                        for name, queue in self._topology.queues.items()
                    }
        except FAILURES as error:
            raise StoreError(f"RabbitMQ does not say what waits: {_reason(error)}") from error
        tallies = {}
        for name, held in self._held.items():
            retrying = sum(one.attempts > 0 for one in held.values())
            tallies[name] = Tally(
                queued=waiting[name] + len(held) - retrying,
                retrying=retrying,
                **self._outcomes[name],
            )
        return tallies

    async def close(self) -> None:
        await self._consuming.close()
        await self._publishing.close()

    async def _publish(self, exchange: str, message: Message, *, wanted: bool) -> None:
        channel = self._publishing.channel
        outgoing = to_amqp(message)
        # A task of its own: aio-pika cancels who waits for a confirm when the connection is lost.
        publishing = asyncio.ensure_future(
            (await channel.get_exchange(exchange, ensure=False)).publish(
                outgoing, "", mandatory=wanted and self._mandatory
            )
        )
        try:
            done, _ = await asyncio.wait({publishing}, timeout=_CONFIRM_SECONDS)
        finally:
            publishing.cancel()
        if not done:
            raise StoreError(f"RabbitMQ has not confirmed within {_CONFIRM_SECONDS:g} s")
        if publishing.cancelled():
            raise StoreError("RabbitMQ was lost before it confirmed")
        try:
            publishing.result()
        except PublishError as error:
            # Somebody deleted a queue or a binding. Connected anew, all are made anew; the
            # consumers too, as RabbitMQ 3.10 does not always tell them that theirs is gone.
            self._publishing.renew()
            self._consuming.renew()
            raise StoreError("RabbitMQ knows no queue for an event that a Trigger wants") from error
        except DeliveryError as error:
            raise StoreError("RabbitMQ has not taken the event") from error
        except FAILURES as error:
            raise StoreError(f"RabbitMQ has not confirmed: {_reason(error)}") from error

    async def _consume(self, channel: AbstractChannel, server: Server) -> None:
        await self._topology.declare(channel, server)
        await channel.set_qos(prefetch_count=PREFETCH)
        for name, queue in self._topology.queues.items():
            consumed = await channel.get_queue(queue.name, ensure=False)

            async def arrive(
                incoming: AbstractIncomingMessage, name: str = name, queue: Queue = queue
            ) -> None:
                await self._arrive(name, queue, incoming)

            await consumed.consume(arrive)

    async def _arrive(self, name: str, queue: Queue, incoming: AbstractIncomingMessage) -> None:
        try:
            event = from_amqp(incoming)
        except BrokerError as error:
            logger.warning("%s: what somebody put there is no event: %s", queue.name, error)
            # To the dead-letter exchange, if there is one; there, nobody can read it either.
            await incoming.reject(requeue=False)
            return
        if any(event.attributes.get(key) != value for key, value in queue.filter.items()):
            # AMQP cannot list bindings, so one from before the filter was changed may be left.
            logger.info("%s: %s came by a binding that is no more", queue.name, event)
            await incoming.ack()
            return
        self._held[name][next(self._ids)] = _Held(incoming, event.message)
        self._on_due(name)

    async def _acknowledge(self, delivery: Delivery, outcome: str) -> None:
        held = self._held[delivery.queue].pop(delivery.id, None)
        if held is None:
            logger.info("%s: an event was answered, and will come again", delivery.queue)
            return
        try:
            await held.incoming.ack()
        except FAILURES as error:
            logger.info("%s: an event will come again: %s", delivery.queue, _reason(error))
            return
        outcomes = self._outcomes[delivery.queue]
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def _forget(self) -> None:
        """The server gives out again what came on a channel that is no more."""
        for held in self._held.values():
            held.clear()


async def _waiting(channel: AbstractChannel, queue: Queue) -> int:
    found = await channel.declare_queue(queue.name, passive=True)
    return found.declaration_result.message_count or 0


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

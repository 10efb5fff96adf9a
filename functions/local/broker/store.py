"""The store of undelivered events: the interface between the broker and its two implementations.

Its queues are RabbitMQ's: one for each Trigger, one for the dead letters of each. `sqlite_store`
needs nothing but a file. `rabbitmq` uses a server and guarantees a little less, as documented
there. Next file: `policy`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class BinaryMessage:
    """An event in binary mode, as the headers and body of its delivery."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    id: int
    queue: str
    attempts: int
    """Failed attempts before this one, as far as the store has recorded them."""
    message: BinaryMessage


@dataclass(frozen=True)
class QueueCounts:
    queued: int = 0
    retrying: int = 0
    delivered: int = 0
    moved: int = 0
    lost: int = 0


def dead_letters_of(trigger: str) -> str:
    """The queue of the events that could not be delivered to the Trigger's subscriber."""
    return f"{trigger}.dead-letters"


class Store(Protocol):
    def on_available(self, listener: Callable[[str], None]) -> None:
        """`listener` is called with the name of a queue in which an event can be claimed."""

    async def put(self, queues: Sequence[str], message: BinaryMessage) -> None:
        """Stores a copy in each queue, durably. Raises StoreError; then it is in none of them
        (SQLite), or possibly in some (RabbitMQ)."""

    async def claim(self, queue: str, limit: int) -> list[Delivery]:
        """The oldest events that can be delivered now, claimed until they are settled or released.
        A restart releases all."""

    def release(self, delivery: Delivery) -> None:
        """Makes a claimed event available again, unchanged."""

    async def complete(self, delivery: Delivery) -> None:
        """Settles an event as delivered. This and the other three ways to settle raise StoreError
        when the result cannot be stored; the event then stays claimed."""

    async def retry(self, delivery: Delivery, after: float) -> None:
        """Settles a failed attempt; the event is available again after that many seconds."""

    async def move(self, delivery: Delivery, queue: str, message: BinaryMessage) -> None:
        """Settles an event by putting `message` into another queue, without attempts."""

    async def drop(self, delivery: Delivery) -> None:
        """Settles an event as lost."""

    async def seconds_to_next(self, queue: str) -> float | None:
        """Until the next retry; 0 if one became available since the last `claim`, None if no event
        waits for a retry."""

    async def counts(self) -> Mapping[str, QueueCounts]:
        """By queue. Raises StoreError."""

    async def close(self) -> None: ...

"""Where events wait: the interface between the broker and its memory.

Queues as in RabbitMQ, one per Trigger and one for its dead letters, so that either can
stand behind it. `sqlite_store` is the one that needs nothing but a file; `rabbitmq` keeps them in
a server, and promises a little less, which is said where it does. Next: `policy`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """An event in binary mode, ready to be posted."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Delivery:
    id: int
    queue: str
    attempts: int
    """Attempts that failed before this one, as far as the store remembers them."""
    message: Message


@dataclass(frozen=True)
class Tally:
    queued: int = 0
    retrying: int = 0
    delivered: int = 0
    moved: int = 0
    lost: int = 0


def dead_letters_of(trigger: str) -> str:
    """The queue for what the Trigger's own queue could not deliver."""
    return f"{trigger}.dead-letters"


class Store(Protocol):
    def watch(self, on_due: Callable[[str], None]) -> None:
        """Who is to be told of a queue in which something new may be taken."""

    async def put(self, queues: Sequence[str], message: Message) -> None:
        """One copy into each queue; durable when it returns. Raises StoreError when it is not:
        it is then in none of them (SQLite), or perhaps in some (RabbitMQ)."""

    async def take(self, queue: str, limit: int) -> list[Delivery]:
        """The oldest that are due. They are the caller's until settled; a restart forgets that."""

    def give_back(self, delivery: Delivery) -> None:
        """As if never taken."""

    async def done(self, delivery: Delivery) -> None:
        """Gone from its queue. Like the other three ways to settle, it raises StoreError when
        that cannot be written; the delivery is then still the caller's."""

    async def retry(self, delivery: Delivery, after: float) -> None:
        """Counts an attempt; due again in `after` seconds."""

    async def move(self, delivery: Delivery, queue: str, message: Message) -> None:
        """Into another queue, as new there."""

    async def lose(self, delivery: Delivery) -> None:
        """Gone without having been delivered, and counted as such."""

    async def seconds_to_next(self, queue: str) -> float | None:
        """Until the next retry is due, 0 when one has come due since the last `take`; None when
        nothing waits for its time."""

    async def tallies(self) -> Mapping[str, Tally]:
        """Raises StoreError when the store cannot be asked."""

    async def close(self) -> None: ...

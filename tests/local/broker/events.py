"""Triggers and events for tests, and the types of the fixtures that run them."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from functions.local.broker.core import Broker
from functions.local.broker.http_binding import BrokerEvent, read_event
from functions.local.broker.manifests import Trigger
from functions.local.broker.policy import Backoff, DeliveryPolicy
from functions.local.broker.store import Store

StoreFactory = Callable[..., Awaitable[Store]]
BrokerFactory = Callable[..., AbstractAsyncContextManager[Broker]]

SOURCE = "/bookstore/catalog/books"


def trigger(
    url: str,
    name: str = "purchase-books",
    *,
    source: str = SOURCE,
    retry: int = 2,
    delay: float = 0.01,
    timeout: float = 20.0,
    dead_letters: bool = True,
) -> Trigger:
    return Trigger(
        name=name,
        filter={"source": source},
        subscriber=f"{url}/events",
        policy=DeliveryPolicy(retry, Backoff.LINEAR, delay, timeout),
        dead_letter_sink=f"{url}/events/dead-letter" if dead_letters else None,
        parallelism=None,
    )


def binary(event_id: str, source: str = SOURCE, **headers: str) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-source": source,
        "ce-type": "bookstore.book.updated.v1",
        "content-type": "application/json",
        **headers,
    }


def event(event_id: str, source: str = SOURCE, body: bytes = b"{}", **headers: str) -> BrokerEvent:
    return read_event(binary(event_id, source, **headers), body)

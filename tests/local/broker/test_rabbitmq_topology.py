"""Exchanges, queues and bindings are as documented, and other clients can use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from cloudevents.core.bindings import amqp

from functions.local.broker.errors import StoreError
from functions.local.broker.rabbitmq.topology import Queue, Server, Topology
from tests.local.broker.conftest import broker_over
from tests.local.broker.events import SOURCE, StoreFactory, event, trigger
from tests.local.broker.settling import settled
from tests.local.subscribers import Subscriber
from tests.servers.rabbitmq import RabbitMQ

ELSEWHERE = "/bookstore/auth/security"


@asynccontextmanager
async def other_client(rabbitmq: RabbitMQ) -> AsyncIterator[AbstractChannel]:
    """Another client of the same server."""
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        yield channel


async def test_the_server_has_the_documented_exchanges_queues_and_bindings(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, namespace: str
) -> None:
    """Exchanges and quorum queues are durable; only a Trigger with a dead-letter sink has a
    dead-letter exchange and queue."""
    triggers = [trigger("http://x"), trigger("http://x", "bare", dead_letters=False)]
    await (await rabbitmq_stores(triggers)).close()

    held = rabbitmq.definitions()

    mine = f"{namespace}."
    assert {
        (each["name"], each["type"], each["durable"], each["auto_delete"])
        for each in held["exchanges"]
        if mine in each["name"]
    } == {
        (f"b.{namespace}.default.local", "headers", True, False),
        (f"t.{namespace}.purchase-books.dlx.local", "headers", True, False),
    }
    assert {
        each["name"]: (each["durable"], each["arguments"])
        for each in held["queues"]
        if mine in each["name"]
    } == {
        f"{namespace}.purchase-books.local": (
            True,
            {
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": f"t.{namespace}.purchase-books.dlx.local",
            },
        ),
        f"t.{namespace}.purchase-books.dlq.local": (True, {"x-queue-type": "quorum"}),
        f"{namespace}.bare.local": (True, {"x-queue-type": "quorum"}),
    }
    assert {
        (each["source"], each["destination"]): each["arguments"]
        for each in held["bindings"]
        if mine in each["source"]
    } == {
        (f"b.{namespace}.default.local", f"{namespace}.{name}.local"): {
            "x-match": "all",
            "x-knative-trigger": name,
            "cloudEvents:source": SOURCE,
        }
        for name in ("purchase-books", "bare")
    } | {
        (
            f"t.{namespace}.purchase-books.dlx.local",
            f"t.{namespace}.purchase-books.dlq.local",
        ): {"x-match": "all"}
    }


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.7.28", {}),
        ("3.10.8", {"x-queue-type": "quorum"}),
        ("3.13.0-rc.1", {"x-queue-type": "quorum"}),
        ("4.0.5", {"x-queue-type": "quorum", "x-delivery-limit": -1}),
    ],
)
def test_queues_are_quorum_queues_if_the_server_supports_them(
    version: str, expected: dict[str, object]
) -> None:
    """Since 4.0 without its limit of twenty deliveries."""
    server = Server.of({"product": "RabbitMQ", "version": version})

    assert server.arguments(Queue("q", "e", {})) == expected


def test_queues_of_another_product_have_no_arguments() -> None:
    """The queue type is RabbitMQ's own, so a version number alone does not suffice."""
    assert Server.of({"product": "x", "version": "9.9"}).arguments(Queue("q", "e", {})) == {}


def test_triggers_of_two_brokers_are_refused() -> None:
    """A topology has one exchange, so Triggers of another broker raise StoreError."""
    with pytest.raises(StoreError, match="must belong to one broker"):
        Topology.of([trigger("http://x"), replace(trigger("http://x", "b"), broker="other")])


async def test_other_clients_can_consume(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, namespace: str
) -> None:
    """Also events that match no Trigger; the SDK reads the message."""
    async with (
        broker_over(rabbitmq_stores)(trigger("http://127.0.0.1:1")) as broker,
        other_client(rabbitmq) as channel,
    ):
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(
            f"b.{namespace}.default.local",
            arguments={"x-match": "all", "cloudEvents:source": ELSEWHERE},
        )
        await broker.publish(event("matching"))
        await broker.publish(event("unmatched", ELSEWHERE, b'{"jti":"a"}'))
        got = await queue.get()
        nothing_more = await queue.get(fail=False)

    read = amqp.from_binary_event(
        amqp.AMQPMessage({"content-type": got.content_type}, dict(got.headers), got.body)
    )
    assert (read.get_id(), read.get_data()) == ("unmatched", {"jti": "a"})
    assert nothing_more is None


async def test_other_clients_can_publish(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, namespace: str, subscriber: Subscriber
) -> None:
    """A message with the headers of CloudEvents' AMQP binding, sent to the broker's exchange,
    reaches the subscriber over HTTP."""
    headers = {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": "foreign",
        "cloudEvents:source": SOURCE,
        "cloudEvents:type": "t",
    }

    async with (
        broker_over(rabbitmq_stores)(trigger(subscriber.url)),
        other_client(rabbitmq) as channel,
    ):
        exchange = await channel.get_exchange(f"b.{namespace}.default.local")
        await exchange.publish(aio_pika.Message(b"data", headers=dict(headers)), "")
        await subscriber.until_count(1)

    assert subscriber.received[0].headers["ce-type"] == "t"
    assert subscriber.received[0].body == b"data"


async def test_a_message_that_is_not_an_event_is_rejected_and_blocks_nothing(
    rabbitmq: RabbitMQ,
    rabbitmq_stores: StoreFactory,
    namespace: str,
    subscriber: Subscriber,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Three such messages at the head of the queue are logged and do not stay in a queue; the event
    behind them is delivered."""
    async with (
        broker_over(rabbitmq_stores)(trigger(subscriber.url)) as broker,
        other_client(rabbitmq) as channel,
    ):
        for _ in range(3):
            await channel.default_exchange.publish(
                aio_pika.Message(b"rubbish"), f"{namespace}.purchase-books.local"
            )
        await broker.publish(event("good"))
        await settled(broker, delivered=1, queued=0, dead_letters_waiting=0)

    assert subscriber.ids() == ["good"]
    assert "is not an event" in caplog.text


async def test_a_binding_of_an_earlier_filter_delivers_nothing(
    rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """AMQP cannot list bindings, so the old one remains."""
    running = broker_over(rabbitmq_stores)
    async with running(trigger(subscriber.url)):
        pass

    async with running(trigger(subscriber.url, source=ELSEWHERE)) as broker:
        await broker.publish(event("old"))
        await broker.publish(event("new", ELSEWHERE))
        await settled(broker, delivered=1, queued=0)

    assert subscriber.ids() == ["new"]

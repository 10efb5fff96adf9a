"""Confirmed events are delivered at least once while RabbitMQ is killed, unreachable or changed."""

import asyncio
from urllib.parse import quote

import aio_pika
import httpx
import pytest

from functions.local.broker.app import App
from functions.local.broker.core import Broker
from functions.local.broker.errors import StoreError
from functions.local.broker.flaws import Flaw
from functions.local.broker.rabbitmq import store as rabbitmq_store
from functions.local.broker.rabbitmq.connection import Refused
from tests.local.broker.conftest import broker_over
from tests.local.broker.events import BrokerFactory, StoreFactory, binary, event, trigger
from tests.local.broker.settling import settled
from tests.local.broker.tcp_proxy import tcp_proxy_to
from tests.local.subscribers import DEADLINE_SECONDS, CannedResponse, Received, Subscriber, serving
from tests.servers.rabbitmq import PASSWORD, VHOST, RabbitMQ


def through(url: str, stores: StoreFactory) -> BrokerFactory:
    return broker_over(lambda triggers, flaws: stores(triggers, flaws, url))


async def accepted(broker: Broker, event_id: str) -> None:
    """Publishes as an outbox does: repeatedly, until the confirmation."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await broker.publish(event(event_id))
            except StoreError:
                await asyncio.sleep(0.05)


async def test_confirmed_events_survive_a_killed_server(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """After a crash and a start of RabbitMQ every confirmed event is delivered; one that is
    published in between raises StoreError and is not."""
    confirmed: set[str] = set()
    dead = asyncio.Event()

    async def send(broker: Broker) -> None:
        for number in range(1000):
            try:
                await broker.publish(event(str(number)))
            except StoreError:
                return
            confirmed.add(str(number))

    async with broker_over(rabbitmq_stores)(trigger(subscriber.url)) as broker:
        # An orderly restart first: RabbitMQ 3.10 stores the name of a new quorum queue some seconds
        # late, and a crash before that leaves an unusable queue.
        await asyncio.to_thread(rabbitmq.restart)
        await accepted(broker, "before")
        # The deliveries in progress end after the server's death.
        subscriber.respond = lambda got: CannedResponse(
            hold=dead if len(subscriber.received) > 50 else None
        )
        sending = asyncio.create_task(send(broker))
        await subscriber.until_count(51)
        await asyncio.to_thread(rabbitmq.kill)
        await sending
        with pytest.raises(StoreError):
            await broker.publish(event("meanwhile"))
        dead.set()
        await asyncio.to_thread(rabbitmq.start)
        await accepted(broker, "after")
        await subscriber.until(
            lambda received: confirmed | {"after"} <= {got.event_id for got in received}
        )

    assert len(confirmed) >= 50
    assert "meanwhile" not in subscriber.ids()


async def test_an_aborted_connection_is_restored(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """After each of three aborts, the next event is confirmed and delivered without a restart."""
    async with (
        tcp_proxy_to(rabbitmq.url) as proxy,
        through(proxy.url, rabbitmq_stores)(trigger(subscriber.url)) as broker,
    ):
        for number in range(1, 5):
            await accepted(broker, str(number))
            await subscriber.until(lambda _: len(set(subscriber.ids())) == number)  # noqa: B023
            proxy.abort()

    assert {"1", "2", "3", "4"} == set(subscriber.ids())


async def test_a_crash_between_response_and_acknowledgement_delivers_twice(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """The server keeps an event without an acknowledgement, so delivery is at least once, not
    exactly once."""
    async with tcp_proxy_to(rabbitmq.url) as proxy:

        def response(got: Received) -> CannedResponse:
            if len(subscriber.received) == 1:
                proxy.abort()
            return CannedResponse()

        subscriber.respond = response
        async with through(proxy.url, rabbitmq_stores)(trigger(subscriber.url)) as broker:
            await broker.publish(event("1"))
            await subscriber.until_count(2)
            await settled(broker, queued=0)

    assert subscriber.ids() == ["1", "1"]


async def test_a_waiting_retry_is_not_duplicated_by_a_reconnect(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """The server delivers it again, and the copy that was held is discarded."""
    subscriber.respond = lambda _: CannedResponse(500)

    async with (
        tcp_proxy_to(rabbitmq.url) as proxy,
        through(proxy.url, rabbitmq_stores)(trigger(subscriber.url, delay=3600)) as broker,
    ):
        await broker.publish(event("1"))
        await settled(broker, retrying=1)
        proxy.abort()
        await subscriber.until_count(2)
        await accepted(broker, "2")
        await subscriber.until_count(3)
        await settled(broker, retrying=2, queued=0)

    assert subscriber.ids() == ["1", "1", "2"]


async def test_an_event_is_confirmed_only_after_the_server_has_confirmed_it(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, namespace: str
) -> None:
    """`put` does not return while the server's data are held back, although RabbitMQ has already
    routed the event."""
    async with tcp_proxy_to(rabbitmq.url) as proxy:
        store = await rabbitmq_stores([trigger("http://127.0.0.1:1")], url=proxy.url)
        connection = await aio_pika.connect(rabbitmq.url)
        async with connection, connection.channel() as channel:
            witness = await channel.declare_queue(exclusive=True)
            await witness.bind(f"b.{namespace}.default.local", arguments={"x-match": "all"})
            arrived = asyncio.Event()

            async def see(_: object) -> None:
                arrived.set()

            await witness.consume(see, no_ack=True)
            proxy.hold()
            putting = asyncio.create_task(store.put(["purchase-books"], event("1").message))
            await asyncio.wait_for(arrived.wait(), DEADLINE_SECONDS)
            returned_before = putting.done()
            proxy.release()
            await putting
        await store.close()

    assert not returned_before


async def test_a_missing_confirmation_is_a_503(
    rabbitmq: RabbitMQ,
    rabbitmq_stores: StoreFactory,
    subscriber: Subscriber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the server's confirmation in time, `POST /` and `/status` respond with 503; the event
    is nevertheless delivered later."""
    monkeypatch.setattr(rabbitmq_store, "_CONFIRM_SECONDS", 0.2)

    async with tcp_proxy_to(rabbitmq.url) as proxy:
        running = through(proxy.url, rabbitmq_stores)(trigger(subscriber.url))
        async with serving(App(running)) as url, httpx.AsyncClient(base_url=url) as client:
            proxy.hold()
            silent = await client.post("/", headers=binary("1"), content=b"{}")
            status = await client.get("/status")
            proxy.release()
            await subscriber.until_count(1)

    assert (silent.status_code, status.status_code) == (503, 503)
    assert "has not confirmed" in silent.text


async def test_an_unreachable_server_is_waited_for_at_the_start(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber
) -> None:
    """The broker starts without RabbitMQ, raises StoreError for an event, and delivers events once
    it is connected."""
    async with tcp_proxy_to(rabbitmq.url) as proxy:
        await proxy.stop()
        async with through(proxy.url, rabbitmq_stores)(trigger(subscriber.url)) as broker:
            with pytest.raises(StoreError, match="cannot be reached"):
                await broker.publish(event("0"))
            await proxy.start()
            await accepted(broker, "1")
            await subscriber.until_count(1)

    assert subscriber.ids() == ["1"]


async def test_a_deleted_queue_is_created_again(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber, namespace: str
) -> None:
    """A sender that repeats an event until the confirmation gets it delivered, without a
    restart."""
    async with broker_over(rabbitmq_stores)(trigger(subscriber.url)) as broker:
        connection = await aio_pika.connect(rabbitmq.url)
        async with connection, connection.channel() as channel:
            await channel.queue_delete(f"{namespace}.purchase-books.local")
        await accepted(broker, "1")
        await subscriber.until_count(1)

    assert "1" in subscriber.ids()


async def unbind(rabbitmq: RabbitMQ, namespace: str) -> None:
    queue, exchange = f"{namespace}.purchase-books.local", f"b.{namespace}.default.local"
    arguments = {"x-match": "all", "x-knative-trigger": "purchase-books"}
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        bound = await channel.get_queue(queue)
        await bound.unbind(
            exchange, "", {**arguments, "cloudEvents:source": "/bookstore/catalog/books"}
        )


async def test_a_matching_event_without_a_queue_is_refused_and_the_binding_restored(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber, namespace: str
) -> None:
    """After its binding was deleted, an event raises StoreError; repeated, it is confirmed and
    delivered once."""
    async with broker_over(rabbitmq_stores)(trigger(subscriber.url)) as broker:
        await unbind(rabbitmq, namespace)
        with pytest.raises(StoreError, match="has no queue"):
            await broker.publish(event("1"))
        await accepted(broker, "1")
        await subscriber.until_count(1)

    assert subscriber.ids() == ["1"]


async def test_with_the_flaw_it_is_confirmed_and_dropped(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, subscriber: Subscriber, namespace: str
) -> None:
    """With DROPS_UNROUTABLE, an event whose binding was deleted raises no StoreError and is never
    delivered."""
    running = broker_over(rabbitmq_stores)
    async with running(trigger(subscriber.url), flaws={Flaw.DROPS_UNROUTABLE}) as broker:
        await unbind(rabbitmq, namespace)
        await broker.publish(event("dropped"))
    async with running(trigger(subscriber.url)) as broker:
        await broker.publish(event("kept"))
        await subscriber.until_count(1)

    assert subscriber.ids() == ["kept"]


@pytest.mark.parametrize(
    ("old", "new"),
    [(quote(PASSWORD, safe=""), "open-sesame"), (quote(VHOST, safe=""), "nowhere")],
    ids=["password", "virtual host"],
)
async def test_a_server_that_refuses_is_not_retried(
    old: str, new: str, rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory
) -> None:
    """A wrong password or virtual host raises Refused at the opening; the message does not contain
    the password."""
    url = rabbitmq.url.replace(old, new)
    if url == rabbitmq.url:
        pytest.skip("the server of TEST_RABBITMQ_URL has other credentials")

    with pytest.raises(Refused) as refused:
        await rabbitmq_stores([trigger("http://x")], url=url)

    assert "open-sesame" not in str(refused.value)


async def test_a_queue_with_other_arguments_is_explained(
    rabbitmq: RabbitMQ, rabbitmq_stores: StoreFactory, namespace: str
) -> None:
    """RabbitMQ cannot change the arguments of a queue, so the opening raises Refused with the
    cause."""
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection, connection.channel() as channel:
        await channel.declare_queue(f"{namespace}.purchase-books.local", durable=True)

    with pytest.raises(Refused, match="exists with other arguments"):
        await rabbitmq_stores([trigger("http://x")])

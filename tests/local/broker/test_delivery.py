"""Events are delivered as their Trigger says: in order, with retries, without blocking others."""

import asyncio
import base64

import pytest

from tests.local.broker.events import BrokerFactory, event, trigger
from tests.local.broker.settling import settled
from tests.local.subscribers import (
    CannedResponse,
    Received,
    Subscriber,
    subscribing,
)
from tests.servers.programs import free_port


async def test_events_are_delivered_in_the_order_of_publication(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """With the default parallelism of 1, fifty events arrive in the order in which they were
    published."""
    expected = [str(number) for number in range(50)]

    async with running_broker(trigger(subscriber.url)) as broker:
        for event_id in expected:
            await broker.publish(event(event_id))
        await subscriber.until_count(50)

    assert expected == subscriber.ids()


async def test_an_event_is_delivered_for_every_matching_trigger_and_no_other(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """Two Triggers with the same filter get a copy each, a Trigger of another source gets none, and
    an event of a third source is not delivered."""
    async with subscribing() as other:
        triggers = [
            trigger(subscriber.url, "one"),
            trigger(other.url, "two"),
            trigger(other.url, "three", source="/elsewhere"),
        ]
        async with running_broker(*triggers) as broker:
            await broker.publish(event("matching"))
            await broker.publish(event("other", source="/unmatched"))
            await broker.publish(event("last"))
            await subscriber.until_count(2)
            await other.until_count(2)

        assert subscriber.ids() == other.ids() == ["matching", "last"]


async def test_a_message_is_delivered_unchanged(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """The body stays as it is although it is not the JSON of its content type; leading zeros and
    the trace header are kept."""
    body = b"\x00\xff not json"

    async with running_broker(trigger(subscriber.url)) as broker:
        await broker.publish(
            event("1", body=body, **{"ce-sequence": "00000000000000000007", "traceparent": "00-b"})
        )
        await subscriber.until_count(1)

    (got,) = subscriber.received
    assert (got.path, got.body) == ("/events", body)
    assert got.headers["ce-sequence"] == "00000000000000000007"
    assert got.headers["traceparent"] == "00-b"
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [404, 409, 429, 500, 503])
async def test_a_transient_error_is_retried(
    status: int, subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """After two responses with 404, 409, 429 or 5xx, the third attempt (`retry` is 2) counts as
    delivered."""
    responses = iter([CannedResponse(status), CannedResponse(status), CannedResponse(202)])
    subscriber.respond = lambda _: next(responses)

    async with running_broker(trigger(subscriber.url, retry=2)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(3)
        await settled(broker, delivered=1)


async def test_an_event_that_waits_for_its_retry_does_not_block_others(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """While one event waits an hour, twenty later ones are delivered in order."""
    subscriber.respond = lambda got: CannedResponse(500 if got.event_id == "poison" else 202)

    async with running_broker(trigger(subscriber.url, delay=3600)) as broker:
        await broker.publish(event("poison"))
        for number in range(20):
            await broker.publish(event(str(number)))
        await subscriber.until_count(21)

    assert subscriber.ids() == ["poison", *map(str, range(20))]


async def test_a_timeout_is_retried(subscriber: Subscriber, running_broker: BrokerFactory) -> None:
    """No response within the Trigger's timeout, here 0.1 s, is a failed attempt like a 500."""
    never = asyncio.Event()
    responses = iter([CannedResponse(hold=never), CannedResponse()])
    subscriber.respond = lambda _: next(responses)

    async with running_broker(trigger(subscriber.url, timeout=0.1)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(2)
        await settled(broker, delivered=1)
        never.set()


async def test_attempts_at_an_unreachable_subscriber_are_not_counted(
    running_broker: BrokerFactory,
) -> None:
    """Without retries, the events still wait for it, in order."""
    port = free_port()

    async with running_broker(trigger(f"http://127.0.0.1:{port}", retry=0)) as broker:
        for number in range(10):
            await broker.publish(event(str(number)))
        await settled(broker, queued=10)
        async with subscribing(port) as subscriber:
            await subscriber.until_count(10)
            await settled(broker, delivered=10)

    assert subscriber.ids() == [str(number) for number in range(10)]


async def test_a_slow_response_delays_only_its_own_trigger(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """While one subscriber holds its first response, the other gets all five events."""
    slow = asyncio.Event()

    async with subscribing() as other:
        subscriber.respond = lambda _: CannedResponse(hold=slow)
        triggers = [trigger(subscriber.url, "slow"), trigger(other.url, "quick")]
        async with running_broker(*triggers) as broker:
            for number in range(5):
                await broker.publish(event(str(number)))
            await other.until_count(5)
            held = subscriber.ids()
            slow.set()
            await subscriber.until_count(5)

    assert held == ["0"]


async def test_parallelism_limits_the_deliveries_in_progress(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """With a parallelism of 3, three of nine events are sent before the first response, and in the
    end all nine."""
    together = asyncio.Event()
    subscriber.respond = lambda _: CannedResponse(hold=together)

    async with running_broker(trigger(subscriber.url), parallelism=3) as broker:
        for number in range(9):
            await broker.publish(event(str(number)))
        await subscriber.until_count(3)
        in_progress = len(subscriber.received)
        together.set()
        await subscriber.until_count(9)

    assert in_progress == 3
    assert sorted(subscriber.ids()) == [str(number) for number in range(9)]


async def test_an_undelivered_event_is_delivered_after_a_restart(
    running_broker: BrokerFactory,
) -> None:
    """Events for an unreachable subscriber stay in the store, and arrive in order from the next
    broker."""
    port = free_port()
    async with running_broker(trigger(f"http://127.0.0.1:{port}")) as broker:
        await broker.publish(event("1"))
        await broker.publish(event("2"))

    async with subscribing(port) as subscriber, running_broker(trigger(subscriber.url)):
        await subscriber.until_count(2)

    assert subscriber.ids() == ["1", "2"]


async def test_an_event_in_a_response_is_published(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """As in Knative, the event in a subscriber's 200 goes through the broker to the Trigger that
    matches it."""
    reply = {
        "ce-specversion": "1.0",
        "ce-id": "reply",
        "ce-source": "/replies",
        "ce-type": "t",
        "content-type": "application/octet-stream",
    }

    def response(got: Received) -> CannedResponse:
        data = base64.b64encode(got.body)
        return CannedResponse(200, reply, data) if got.event_id == "1" else CannedResponse()

    subscriber.respond = response

    triggers = [trigger(subscriber.url, "a"), trigger(subscriber.url, "b", source="/replies")]
    async with running_broker(*triggers) as broker:
        await broker.publish(event("1", body=b"data"))
        await subscriber.until_count(2)

    assert subscriber.ids() == ["1", "reply"]
    assert subscriber.received[1].body == base64.b64encode(b"data")


async def test_an_invalid_event_in_a_response_is_logged(
    subscriber: Subscriber, running_broker: BrokerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """The event that was answered still counts as delivered."""
    subscriber.respond = lambda _: CannedResponse(200, {"ce-specversion": "1.0"})

    async with running_broker(trigger(subscriber.url)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(1)
        await settled(broker, delivered=1)

    assert "the event in a response is invalid" in caplog.text

"""Only with its flaws does the broker lose and delay events as Knative's does."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.local.broker.errors import StoreError
from functions.local.broker.flaws import ALL_FLAWS, Flaw, parse_flaws
from functions.local.broker.rabbitmq.store import PREFETCH
from functions.local.broker.store import BinaryMessage
from tests.local.broker.conftest import broker_over
from tests.local.broker.events import BrokerFactory, StoreFactory, event, trigger
from tests.local.broker.settling import settled
from tests.local.subscribers import CannedResponse, Subscriber, subscribing
from tests.servers.programs import free_port


def test_a_list_of_flaws_is_parsed() -> None:
    """The names are separated by commas, `all` stands for every flaw, and an unknown name is a
    ValueError."""
    assert parse_flaws("loses-on-sigterm,drops-unroutable") == {
        Flaw.LOSES_ON_SIGTERM,
        Flaw.DROPS_UNROUTABLE,
    }
    assert parse_flaws("all") == ALL_FLAWS
    with pytest.raises(ValueError, match="eats-events"):
        parse_flaws("loses-on-sigterm,eats-events")


@pytest.mark.parametrize("flaws", [frozenset(), {Flaw.ACKNOWLEDGES_EVERY_DEAD_LETTER}])
async def test_a_dead_letter_waits_for_an_unreachable_sink(
    flaws: frozenset[Flaw], subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """With the flaw it is lost."""
    port = free_port()
    subscriber.respond = lambda _: CannedResponse(500)
    dying = replace(
        trigger(subscriber.url, retry=0), dead_letter_sink=f"http://127.0.0.1:{port}/dead"
    )

    async with running_broker(dying, flaws=flaws) as broker:
        await broker.publish(event("1"))
        if flaws:
            await settled(broker, dead_lettered=1, lost=1, dead_letters_waiting=0)
        else:
            async with subscribing(port) as sink:
                await sink.until_count(1)
                await settled(broker, dead_lettered=1, lost=0, dead_letters_waiting=0)


@pytest.mark.parametrize("flaws", [frozenset(), {Flaw.ACKNOWLEDGES_BEFORE_DEAD_LETTER}])
async def test_a_dead_letter_that_cannot_be_stored_is_retried(
    flaws: frozenset[Flaw],
    subscriber: Subscriber,
    running_broker: BrokerFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a new delivery of the event. With the flaw, the event was acknowledged and is lost."""
    subscriber.respond = lambda got: CannedResponse(500 if got.path == "/events" else 202)

    async with running_broker(trigger(subscriber.url, retry=0), flaws=flaws) as broker:
        store = broker._store
        put, failures = store.put, iter([StoreError("full"), StoreError("still full")])

        async def fail_twice(queues: Sequence[str], message: BinaryMessage) -> None:
            if queues == ["purchase-books.dead-letters"]:
                error = next(failures, None)
                if error is not None:
                    raise error
            await put(queues, message)

        monkeypatch.setattr(store, "put", fail_twice)
        await broker.publish(event("1"))
        if flaws:
            await settled(broker, lost=1, queued=0, dead_letters_waiting=0)
        else:
            await settled(broker, dead_lettered=1, lost=0, dead_letters_waiting=0)

    assert subscriber.ids("/events/dead-letter") == ([] if flaws else ["1"])


async def test_with_the_flaw_a_delivery_in_progress_at_the_shutdown_is_lost(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """It would otherwise be delivered again, before the second event."""
    never = asyncio.Event()
    subscriber.respond = lambda _: CannedResponse(hold=never)

    async with running_broker(trigger(subscriber.url), flaws={Flaw.LOSES_ON_SIGTERM}) as broker:
        await broker.publish(event("lost"))
        await subscriber.until_count(1)
    subscriber.respond = lambda _: CannedResponse()
    async with running_broker(trigger(subscriber.url)) as broker:
        await broker.publish(event("kept"))
        await subscriber.until_count(2)
    never.set()

    assert subscriber.ids() == ["lost", "kept"]


async def test_with_the_flaw_a_retry_blocks_all_others(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """`test_delivery.py` has the test without the flaw."""
    responses = iter([500, 500, 202])
    subscriber.respond = lambda got: CannedResponse(
        next(responses) if got.event_id == "poison" else 202
    )

    async with running_broker(
        trigger(subscriber.url, retry=3), flaws={Flaw.RETRIES_IN_PLACE}
    ) as broker:
        await broker.publish(event("poison"))
        await broker.publish(event("good"))
        await settled(broker, delivered=2)

    assert subscriber.ids() == ["poison", "poison", "poison", "good"]


async def test_on_rabbitmq_a_full_prefetch_of_retries_blocks_the_queue(
    subscriber: Subscriber, rabbitmq_stores: StoreFactory
) -> None:
    """In Knative, a single retry does."""
    subscriber.respond = lambda got: CannedResponse(202 if got.event_id == "good" else 500)
    running = broker_over(rabbitmq_stores)

    async with running(trigger(subscriber.url, delay=3600)) as broker:
        for number in range(PREFETCH - 1):
            await broker.publish(event(str(number)))
        await broker.publish(event("good"))
        await settled(broker, retrying=PREFETCH - 1, delivered=1)
        await broker.publish(event("last"))
        await settled(broker, retrying=PREFETCH, queued=0)
        await broker.publish(event("good"))
        await settled(broker, retrying=PREFETCH, delivered=1, queued=1)

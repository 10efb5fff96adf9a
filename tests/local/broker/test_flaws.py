"""Asked to, the broker loses events and holds them up as Knative's does; otherwise it does not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.local.broker.errors import StoreError
from functions.local.broker.flaws import ALL_FLAWS, Flaw, parse_flaws
from functions.local.broker.rabbitmq.store import PREFETCH
from functions.local.broker.store import Message
from tests.local.broker.conftest import broker_over
from tests.local.broker.events import BrokerFactory, StoreFactory, event, trigger
from tests.local.broker.settling import settled
from tests.local.subscribers import Answer, Subscriber, subscribing
from tests.servers.programs import free_port


def test_a_list_of_flaws_is_read() -> None:
    assert parse_flaws("loses-on-sigterm,drops-unroutable") == {
        Flaw.LOSES_ON_SIGTERM,
        Flaw.DROPS_UNROUTABLE,
    }
    assert parse_flaws("all") == ALL_FLAWS
    with pytest.raises(ValueError, match="eats-events"):
        parse_flaws("loses-on-sigterm,eats-events")


@pytest.mark.parametrize("flaws", [frozenset(), {Flaw.ACKNOWLEDGES_EVERY_DEAD_LETTER}])
async def test_a_dead_letter_whose_sink_is_away(
    flaws: frozenset[Flaw], subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """Waits for it; with the flaw it is gone."""
    port = free_port()
    subscriber.answer = lambda _: Answer(500)
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
async def test_a_dead_letter_that_cannot_be_stored(
    flaws: frozenset[Flaw],
    subscriber: Subscriber,
    running_broker: BrokerFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Is tried again, event and all; with the flaw it was acknowledged before, and is gone."""
    subscriber.answer = lambda got: Answer(500 if got.path == "/events" else 202)

    async with running_broker(trigger(subscriber.url, retry=0), flaws=flaws) as broker:
        store = broker._store
        put, failures = store.put, iter([StoreError("full"), StoreError("still full")])

        async def fail_twice(queues: Sequence[str], message: Message) -> None:
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


async def test_like_knative_an_event_under_way_at_the_end_is_lost(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """The other one would come first, were it still there."""
    never = asyncio.Event()
    subscriber.answer = lambda _: Answer(hold=never)

    async with running_broker(trigger(subscriber.url), flaws={Flaw.LOSES_ON_SIGTERM}) as broker:
        await broker.publish(event("lost"))
        await subscriber.until_count(1)
    subscriber.answer = lambda _: Answer()
    async with running_broker(trigger(subscriber.url)) as broker:
        await broker.publish(event("kept"))
        await subscriber.until_count(2)
    never.set()

    assert subscriber.ids() == ["lost", "kept"]


async def test_like_knative_everything_waits_behind_a_retry(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """Without the flaw it is overtaken (`test_delivery.py`)."""
    answers = iter([500, 500, 202])
    subscriber.answer = lambda got: Answer(next(answers) if got.event_id == "poison" else 202)

    async with running_broker(
        trigger(subscriber.url, retry=3), flaws={Flaw.RETRIES_IN_PLACE}
    ) as broker:
        await broker.publish(event("poison"))
        await broker.publish(event("good"))
        await settled(broker, delivered=2)

    assert subscriber.ids() == ["poison", "poison", "poison", "good"]


async def test_on_rabbitmq_a_prefetch_of_retries_holds_up_the_queue(
    subscriber: Subscriber, rabbitmq_stores: StoreFactory
) -> None:
    """Milder than over there, where one does; what cannot be read at all is answered with 202."""
    subscriber.answer = lambda got: Answer(202 if got.event_id == "good" else 500)
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

"""An undeliverable event becomes a dead letter, or is lost with an error in the log."""

import logging

import pytest

from tests.local.broker.events import BrokerFactory, event, trigger
from tests.local.broker.settling import settled
from tests.local.subscribers import CannedResponse, Subscriber


async def test_a_poison_event_becomes_a_dead_letter_with_the_reason(
    subscriber: Subscriber, running_broker: BrokerFactory
) -> None:
    """After three failed attempts (`retry` is 2) the sink gets the event's id and body, with the
    subscriber's URL, the status and the response's first 1024 characters."""
    subscriber.respond = lambda got: (
        CannedResponse(500, body=b"cannot read this" * 100)
        if got.path == "/events"
        else CannedResponse()
    )

    async with running_broker(trigger(subscriber.url, retry=2)) as broker:
        await broker.publish(event("poison", body=b"data"))
        await subscriber.until_count(4)
        status = await settled(broker, dead_lettered=1, dead_letters_waiting=0)

    assert [got.path for got in subscriber.received] == ["/events"] * 3 + ["/events/dead-letter"]
    letter = subscriber.received[-1]
    assert letter.event_id == "poison"
    assert letter.body == b"data"
    assert letter.headers["ce-knativeerrordest"] == f"{subscriber.url}/events"
    assert letter.headers["ce-knativeerrorcode"] == "500"
    assert letter.headers["ce-knativeerrordata"] == ("cannot read this" * 100)[:1024].replace(
        " ", "%20"
    )
    assert status == {
        "queued": 0,
        "retrying": 0,
        "delivered": 0,
        "dead_lettered": 1,
        "dead_letters_waiting": 0,
        "lost": 0,
    }


async def test_an_undeliverable_dead_letter_is_lost_with_an_error(
    subscriber: Subscriber, running_broker: BrokerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """A dead letter whose sink answers 500 to the last attempt counts as `lost`, and the log says
    so."""
    subscriber.respond = lambda _: CannedResponse(500)

    async with running_broker(trigger(subscriber.url, retry=0)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(2)
        await settled(broker, lost=1)

    assert "IS LOST" in caplog.text


async def test_without_a_dead_letter_sink_the_event_is_lost_with_an_error(
    subscriber: Subscriber, running_broker: BrokerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """After its last attempt the event counts as `lost`, and the log says so."""
    subscriber.respond = lambda _: CannedResponse(500)

    async with running_broker(trigger(subscriber.url, retry=1, dead_letters=False)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(2)
        await settled(broker, lost=1)

    assert "IS LOST" in caplog.text


@pytest.mark.parametrize("status", [301, 400, 401, 403, 422])
async def test_a_refusal_counts_as_delivered_with_a_warning(
    status: int,
    subscriber: Subscriber,
    running_broker: BrokerFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in Knative, a 301, 400, 401, 403 or 422 causes no retry and no dead letter; the warning
    has the status and the response's text."""
    subscriber.respond = lambda _: CannedResponse(status, body=b"no such field")

    async with running_broker(trigger(subscriber.url)) as broker:
        await broker.publish(event("1"))
        await subscriber.until_count(1)
        await settled(broker, delivered=1)

    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"ANSWERED {status}" in warning.message
    assert "no such field" in warning.message

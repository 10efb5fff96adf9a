"""A PingSource sends Knative's ping event to its sink, in up to five attempts."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from functions.local.broker import pings
from functions.local.broker.cron import parse_cron
from functions.local.broker.manifests import PingSource
from functions.local.broker.pings import run_pings, send_ping
from tests.local.subscribers import CannedResponse, Subscriber
from tests.servers.programs import free_port


def source(url: str, schedule: str = "* * * * * *") -> PingSource:
    return PingSource(
        name="ping-catalog",
        namespace="bookstore",
        schedule=parse_cron(schedule),
        sink=f"{url}/events",
        content_type="application/json",
        data=b"{}",
        extensions={"partitionkey": "x"},
    )


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "_PAUSE_SECONDS", 0.0)


async def test_a_ping_is_the_event_that_knative_sends(subscriber: Subscriber) -> None:
    """Its source is a path of the PingSource's namespace and name; data, content type and
    extensions are those of the manifest."""
    async with httpx.AsyncClient() as client:
        assert await send_ping(source(subscriber.url), client)

    (got,) = subscriber.received
    assert got.path == "/events"
    assert got.body == b"{}"
    assert got.headers["ce-type"] == "dev.knative.sources.ping"
    assert got.headers["ce-source"] == "/apis/v1/namespaces/bookstore/pingsources/ping-catalog"
    assert got.headers["ce-partitionkey"] == "x"
    assert got.headers["content-type"] == "application/json"
    assert datetime.fromisoformat(got.headers["ce-time"]) <= datetime.now(UTC)


@pytest.mark.usefixtures("_short_pauses")
async def test_a_ping_has_five_attempts(subscriber: Subscriber) -> None:
    """A 503 is retried with the same event id, and after the fifth attempt `send_ping` returns
    False."""
    subscriber.respond = lambda _: CannedResponse(503)

    async with httpx.AsyncClient() as client:
        assert not await send_ping(source(subscriber.url), client)

    assert len(subscriber.received) == 5
    assert len({got.event_id for got in subscriber.received}) == 1


@pytest.mark.usefixtures("_short_pauses")
async def test_an_unreachable_sink_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A ping has no store to wait in: after its attempts it is dropped, with a warning."""
    async with httpx.AsyncClient() as client:
        assert not await send_ping(source(f"http://127.0.0.1:{free_port()}"), client)

    assert "an event is dropped" in caplog.text


async def test_a_refused_ping_is_not_retried(subscriber: Subscriber) -> None:
    """A 400 ends the attempts after the first."""
    subscriber.respond = lambda _: CannedResponse(400)

    async with httpx.AsyncClient() as client:
        assert not await send_ping(source(subscriber.url), client)

    assert len(subscriber.received) == 1


@pytest.mark.parametrize(("schedule", "every"), [("* * * * * *", None), ("0 0 1 1 *", 0.05)])
async def test_pings_are_repeated(
    schedule: str, every: float | None, subscriber: Subscriber
) -> None:
    """They follow the schedule unless `every` (seconds) overrides it; each ping has a new event
    id."""
    async with httpx.AsyncClient() as client:
        task = asyncio.create_task(
            run_pings([source(subscriber.url, schedule)], client, every=every)
        )
        await subscriber.until_count(2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    first, second = subscriber.received[:2]
    assert first.event_id != second.event_id

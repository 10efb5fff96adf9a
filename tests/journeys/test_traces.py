"""One purchase is one trace, across real processes, a broker, and kill -9."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from functions.kit.base.clock import utc_now
from functions.kit.data.engines import connect
from functions.kit.events.cloudevents import write
from functions.local.telemetry.otlp import Span
from tests.architecture.services import NAMES
from tests.purchase.shop import book_event
from tests.servers.programs import free_port
from tests.support.processes import ROOT, Service, running
from tests.support.receiver import Receiver, ancestors, receiving
from tests.support.signing import SECRET, SIGNER
from tests.support.tokens import Issuer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BROWSER = f"00-{TRACE}-00f067aa0ba902b7-01"
INVENTORY = "bookstore.inventory.changed.v1"
PLACED = {"book_id": 1, "quantity": 1}


class Served(Service):
    """A service with the server of the images, which records its start."""

    @property
    def command(self) -> list[str]:
        factory = f"functions.{self.name}.app:create_app"
        return ["-m", "functions.kit.start.serve", factory, "--port", str(self.port)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running_receiver:
        yield running_receiver


def environment(folder: Path, receiver: Receiver, name: str, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{folder}/{name}.db",
        "AUTH_URL": "http://127.0.0.1:9",
        "AUTH_INTERNAL_URL": "http://127.0.0.1:9",
        "INTERNAL_SECRET": SECRET,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        **more,
    }


class Shop:
    """purchase and catalog, with one book to sell."""

    def __init__(self, folder: Path, receiver: Receiver, **more: str) -> None:
        self.folder = folder
        self.issuer = Issuer(utc_now)
        self.purchase = Served("purchase", environment(folder, receiver, "purchase", **more))
        internal = {"PURCHASE_INTERNAL_URL": self.purchase.url, "CATCH_UP_SECONDS": "0.5"}
        if "K_SINK" in more:
            # What the broker delivers must not be read from the feed before.
            internal["PURCHASE_INTERNAL_URL"] = "http://127.0.0.1:9"
        self.catalog = Served("catalog", environment(folder, receiver, "catalog", **internal))
        self.client = httpx.AsyncClient(timeout=60)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with running(self.purchase, self.catalog), self.client:
            database = connect(f"sqlite:///{self.folder}/purchase.db")
            await self.issuer.make_known(database)
            await database.close()
            headers, body = write(SIGNER.sign(book_event(1, initial_stock=5)))
            await self.client.post(f"{self.purchase.url}/events", headers=headers, content=body)
            yield

    async def buy(self) -> None:
        headers = {**self.issuer.bearer(7), "traceparent": BROWSER, "idempotency-key": "once"}
        bought = await self.client.post(
            f"{self.purchase.url}/purchase", json=PLACED, headers=headers
        )

        assert bought.status_code == 201, bought.text


@asynccontextmanager
async def broker(folder: Path, port: int, **addresses: str) -> AsyncIterator[int]:
    """The local broker as a process; its id."""
    resolve = [f"--resolve={name}-internal={url}" for name, url in addresses.items()]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions.local.broker", f"--port={port}"),
        *(f"--store={folder}/broker.db", *resolve),
        cwd=ROOT,
    )
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


def processed(receiver: Receiver, trace_id: str) -> list[Span]:
    spans = receiver.trace(trace_id).spans
    return [each for each in spans if each.name == f"process {INVENTORY}"]


async def test_a_sale_is_one_trace_also_after_kill_9_of_the_seller(
    tmp_path: Path, receiver: Receiver
) -> None:
    """From the browser's request to catalog's row. The process that sold is killed before it can
    send its event; another one sends it, in the same trace."""
    port = free_port()
    shop = Shop(tmp_path, receiver, K_SINK=f"http://127.0.0.1:{port}")
    elsewhere = dict.fromkeys(NAMES, shop.purchase.url)
    urls = {**elsewhere, "catalog": shop.catalog.url}
    async with shop.open(), broker(tmp_path, port, **urls) as pid:
        os.kill(pid, signal.SIGSTOP)
        await shop.buy()
        created = await receiver.arrived(f"create {INVENTORY}", trace_id=TRACE)
        await shop.purchase.kill()
        os.kill(pid, signal.SIGCONT)
        await shop.purchase.start()
        await receiver.arrived(f"process {INVENTORY}", trace_id=TRACE)
        await shop.purchase.stop()
        await shop.catalog.stop()
    trace = receiver.trace(TRACE)
    (update,) = [
        each
        for each in trace.spans
        if each.name == "UPDATE inventory" and each.service == "catalog"
    ]
    (sent,) = [each for each in trace.spans if each.name == f"send {INVENTORY}" and not each.failed]

    assert ancestors(trace, update) == [
        "catalog UPDATE inventory",
        "catalog consume",
        f"catalog process {INVENTORY}",
        "catalog POST /events",
        f"purchase send {INVENTORY}",
        f"purchase create {INVENTORY}",
        "purchase run_once",
        "purchase POST /purchase",
    ]
    assert sent.instance != created.instance
    assert processed(receiver, TRACE)[0].links == [(TRACE, created.span_id)]
    assert "?" in str(update.attributes["db.query.text"])


async def test_a_repair_by_the_feed_is_linked_and_no_child(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Without a broker catalog reads the feed: a trace of its own, with a link to the sale's."""
    shop = Shop(tmp_path, receiver)
    async with shop.open():
        await shop.buy()
        created = await receiver.arrived(f"create {INVENTORY}", trace_id=TRACE)
        linked = await receiver.arrived(f"process {INVENTORY}", linked_to=created.span_id)
    read = receiver.trace(linked.trace_id)

    assert linked.trace_id != TRACE
    assert linked.links == [(TRACE, created.span_id)]
    assert ancestors(read, linked)[-1].startswith("catalog catch up ")
    assert "catalog" not in receiver.trace(TRACE).services


async def test_a_page_and_the_start_that_it_waited_for_are_one_trace(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The storefront's request to catalog is a CLIENT span; SIGTERM exports what is left."""
    catalog = Served("catalog", environment(tmp_path, receiver, "catalog"))
    exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "CATALOG_URL": catalog.url}
    storefront = Served("storefront", exported)
    async with running(catalog, storefront):
        async with httpx.AsyncClient(timeout=60) as client:
            page = await client.get(
                f"{storefront.url}/en/books/1",
                headers={"traceparent": BROWSER, "accept": "text/html"},
            )
        ended = [await storefront.stop(), await catalog.stop()]
    trace = receiver.trace(TRACE)
    (answered,) = [each for each in trace.spans if each.name == "GET /books/{book_id}"]
    starts = {
        each.service: {part.name for part in found.spans if part.parent_id == each.span_id}
        for found in receiver.store.traces()
        for each in found.spans
        if each.name == "cold start"
    }

    assert page.status_code == 404
    assert ended == [-signal.SIGTERM] * 2  # which the server raises again, at its end
    assert ancestors(trace, answered) == [
        "catalog GET /books/{book_id}",
        "storefront GET",
        "storefront GET /{language}/books/{book_id}",
    ]
    stages = {"interpreter", "imports", "app", "lifespan"}
    assert starts == {"storefront": stages, "catalog": stages}


@pytest.mark.parametrize("sampler", ["always_off", "parentbased_traceidratio", "always_on"])
async def test_a_start_is_measured_whether_or_not_it_is_traced(
    tmp_path: Path, receiver: Receiver, sampler: str
) -> None:
    """`ServiceSilent` counts starts: a process that traces nothing is none that says nothing."""
    sampled = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0"}
    catalog = Served("catalog", environment(tmp_path, receiver, "catalog", **sampled))
    async with running(catalog):
        async with httpx.AsyncClient(timeout=60) as client:
            pulled = (await client.get(f"{catalog.url}/metrics")).text
        await catalog.stop()
    names = {key.metric for key, _ in receiver.store.series()}

    assert "faas_init_duration_seconds_count 1.0" in pulled
    assert "faas.init_duration" in names


async def test_a_start_is_measured_without_a_receiver(tmp_path: Path, receiver: Receiver) -> None:
    """For who pulls the metrics instead."""
    pulled_only = environment(tmp_path, receiver, "catalog", OTEL_EXPORTER_OTLP_ENDPOINT="")
    catalog = Served("catalog", pulled_only)
    async with running(catalog), httpx.AsyncClient(timeout=60) as client:
        pulled = [(await client.get(f"{catalog.url}/metrics")).text for _ in range(2)]

    assert ["faas_init_duration_seconds_count 1.0" in each for each in pulled] == [True, True]
    assert receiver.bodies == []


async def test_a_receiver_that_hangs_delays_neither_request_nor_end(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The process gives up the last export after the time that it may take, and ends."""
    receiver.hang.set()
    catalog = Served("catalog", environment(tmp_path, receiver, "catalog"))
    async with running(catalog):
        async with httpx.AsyncClient(timeout=60) as client:
            answers = [(await client.get(f"{catalog.url}/books")).status_code for _ in range(20)]
        ended = await catalog.stop()

    assert answers == [200] * 20
    assert ended == -signal.SIGTERM
    assert receiver.names() == set()

"""From purchase's commit to catalog's, by the local broker, at fifty events a second."""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pymysql

from tests.bench.client import read_response
from tests.bench.processes import Server, started
from tests.bench.report import Row
from tests.bench.stand import ON_SALE, Stand
from tests.servers.programs import free_port

PER_SECOND = 50
LOOK_EVERY = 0.002
"""Seconds between two looks into catalog's inbox: how much too late an event can seem."""


def event_latency(stand: Stand, seconds: float) -> Iterator[Row]:
    """From `created_at` in the outbox, before the commit, to the inbox row that others can see.

    So it is the relay, the broker, the delivery and both commits; it seems longer than it is, by
    the transaction before the commit and by the interval of looking.
    """
    catalog_url, purchase_url = stand.catalog(ON_SALE), stand.purchase()
    broker_port = free_port()
    sink = {"K_SINK": f"http://127.0.0.1:{broker_port}", "AUTH_URL": "http://127.0.0.1:9"}
    sink["AUTH_INTERNAL_URL"] = "http://127.0.0.1:9"
    sink["INTERNAL_SECRET"] = "shared-by-both-as-in-a-cluster-" + "0" * 8
    catalog = Server.service(
        "catalog", **{**sink, "DATABASE_URL": catalog_url, "EXPOSED_API": "both"}
    )
    purchase = Server.service("purchase", **{**sink, "DATABASE_URL": purchase_url})
    failures: list[int] = []
    row = Row("event, commit → applied, p99 at 50/s", "ms", "≤ 250 ms", at_most=250, absolute=True)
    middle = Row("event, commit → applied, median at 50/s", "ms")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "functions.local.broker", "--port", str(broker_port)]
        command += ["--store", f"{folder}/broker.db"]
        command += ["--resolve", f"catalog-internal={catalog.url}"]
        command += ["--resolve", f"purchase-internal={purchase.url}"]
        command += ["--resolve", f"auth-internal={purchase.url}"]
        broker = Server(command, {}, broker_port)
        with started(catalog), started(purchase, path="/readyz"), started(broker, path=None):
            asyncio.run(_send(stand, purchase, 2.0, failures=[]))
            _wait_for_all(stand, purchase_url, catalog_url, {})
            seen = _follow(stand, purchase, purchase_url, catalog_url, seconds, failures)
    latencies = sorted(seen)
    row.add(latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))] * 1000)
    row.failures = len(failures)
    middle.add(statistics.median(latencies) * 1000)
    yield from (row, middle)


def _follow(
    stand: Stand,
    purchase: Server,
    purchase_url: str,
    catalog_url: str,
    seconds: float,
    failures: list[int],
) -> list[float]:
    """Send purchases at a steady rate, and watch for each event in the other service's inbox."""
    applied: dict[str, datetime] = {}
    seen_before = set(_inbox(stand, catalog_url))

    async def watch(stop: asyncio.Event) -> None:
        await asyncio.to_thread(_watch, stand, catalog_url, applied, seen_before, stop)

    async def both() -> None:
        stop = asyncio.Event()
        watching = asyncio.create_task(watch(stop))
        await _send(stand, purchase, seconds, failures)
        await asyncio.to_thread(_wait_for_all, stand, purchase_url, catalog_url, applied)
        stop.set()
        await watching

    asyncio.run(both())
    with _connect(stand, purchase_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, created_at FROM outbox WHERE source = '/bookstore/purchase/inventory'"
        )
        created = {event_id: at.replace(tzinfo=UTC) for event_id, at in cursor.fetchall()}
    return [
        (at - created[event_id]).total_seconds()
        for event_id, at in applied.items()
        if event_id in created
    ]


def _connect(stand: Stand, url: str) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
    connection: pymysql.connections.Connection[pymysql.cursors.Cursor]
    connection = stand.server.connect()
    connection.select_db(urlsplit(url).path[1:])
    return connection


def _inbox(stand: Stand, url: str) -> list[str]:
    with _connect(stand, url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM inbox")
        return [event_id for (event_id,) in cursor.fetchall()]


def _watch(
    stand: Stand,
    url: str,
    applied: dict[str, datetime],
    before: set[str],
    stop: asyncio.Event,
) -> None:
    with _connect(stand, url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(sequence), 0) FROM inbox")
        last = cursor.fetchone()[0]  # type: ignore[index]
        while not stop.is_set():
            cursor.execute("SELECT event_id, sequence FROM inbox WHERE sequence > %s", (last,))
            found = cursor.fetchall()
            now = datetime.now(UTC)
            for event_id, sequence in found:
                if event_id not in before:
                    applied.setdefault(event_id, now)
                last = max(last, sequence)
            time.sleep(LOOK_EVERY)


def _wait_for_all(
    stand: Stand, purchase_url: str, catalog_url: str, applied: dict[str, datetime]
) -> None:
    del applied
    deadline = time.monotonic() + 60
    while True:
        with _connect(stand, purchase_url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM outbox WHERE source = '/bookstore/purchase/inventory'"
            )
            made = cursor.fetchone()[0]  # type: ignore[index]
        if len(_inbox(stand, catalog_url)) >= made:
            time.sleep(0.05)
            return
        if time.monotonic() > deadline:
            raise RuntimeError("events were not applied")
        time.sleep(0.05)


async def _send(stand: Stand, server: Server, seconds: float, failures: list[int]) -> None:
    """Purchases at a steady rate, whether or not the one before was answered."""

    async def buy(book_id: int) -> None:
        body = json.dumps({"book_id": book_id, "quantity": 1}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /purchase HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (stand.token.encode(), len(body), body)
        )
        status = await read_response(reader)
        writer.close()
        if status != 201:
            failures.append(status)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for index in range(int(seconds * PER_SECOND)):
            await asyncio.sleep(max(0.0, begun + index / PER_SECOND - time.monotonic()))
            group.create_task(buy(index % ON_SALE + 1))

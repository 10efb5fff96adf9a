"""The harness itself: what it counts as a failure, how it judges, and what it draws. No figures."""

import asyncio
import xml.etree.ElementTree as ET

import pytest

from tests.bench import client
from tests.bench.floor import app as floor_app
from tests.bench.load import parse_wrk
from tests.bench.plot import plot
from tests.bench.report import Row, table

WRK = """Running 2s test @ http://127.0.0.1:1/books
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    26.05ms   10.36ms  94.75ms   83.02%
    Req/Sec   627.30    128.80   810.00     75.00%
  Latency Distribution
     50%   23.10ms
     75%   29.56ms
     90%   38.11ms
     99%    1.07s
  1258 requests in 2.01s, 17.12MB read
"""


def test_wrk_is_read() -> None:
    """Its units as well."""
    load = parse_wrk(WRK)

    assert (load.requests, load.failures, load.seconds) == (1258, 0, 2.01)
    assert (load.p50_ms, load.p99_ms) == (23.1, 1070.0)


def test_refusals_and_broken_connections_are_failures() -> None:
    """A fast 503 must not count as a fast answer."""
    broken = "  Socket errors: connect 1, read 2, write 0, timeout 4\n"
    refused = "  Non-2xx or 3xx responses: 30\n"

    assert parse_wrk(WRK + broken + refused).failures == 37


def test_what_is_no_report_of_wrk_is_an_error() -> None:
    """Nothing is measured by what did not run."""
    with pytest.raises(ValueError, match="no report"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


@pytest.mark.parametrize(("status", "failing"), [("200 OK", False), ("503 Busy", True)])
async def test_the_client_counts_refusals_as_failures(status: str, failing: bool) -> None:
    """As wrk does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n[]".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = await client.run(f"http://127.0.0.1:{port}/books", 2, 0.05, purchase=False)
    server.close()
    await server.wait_closed()

    assert seen["requests"] > 0
    assert seen["failures"] == (seen["requests"] if failing else 0)


async def test_the_floor_starts_without_a_database() -> None:
    """Its first request opens the pool, as with the services."""
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "lifespan.startup" if not sent else "lifespan.shutdown"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message["type"])

    await floor_app({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def row(ours: list[float], floor: list[float], **more: object) -> Row:
    return Row("GET /books", "1/s", "≥ 0.6", ours=ours, floor=floor, **more)  # type: ignore[arg-type]


def test_the_ratio_is_taken_round_by_round() -> None:
    """So a round in which the whole machine was slow counts like the others."""
    assert row([10, 1, 12], [20, 2, 12]).ratios == [0.5, 0.5, 1.0]


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        (row([7, 1, 8], [10, 10, 10], at_least=0.6), True),
        (row([5, 9, 5], [10, 10, 10], at_least=0.6), False),
        (row([7, 7, 7], [10, 10, 10], at_least=0.6, failures=1), False),
        (row([7, 7, 7], [10, 10, 10]), None),
        (row([60.0], [30.0], at_most=66.0, absolute=True), True),
        (row([70.0], [], at_most=66.0, absolute=True), False),
        (row([], [], at_most=66.0), None),
    ],
    ids=["met", "missed", "failures", "no goal", "absolute", "no floor", "nothing"],
)
def test_the_median_is_what_is_judged(measured: Row, met: bool | None) -> None:
    """And a measure with failures is never met."""
    assert measured.met == met


def test_the_table_shows_medians_and_the_spread() -> None:
    """A measure that was not taken has no line."""
    shown = table([row([7, 1, 8], [10, 10, 10], at_least=0.6), row([], [])]).splitlines()

    assert len(shown) == 3
    assert shown[2] == "| GET /books | 7.00 1/s | 10.0 1/s | 0.70 | 0.10 – 0.80 | ≥ 0.6 | met |"


def test_the_picture_is_well_formed() -> None:
    """A bar a ratio; names are escaped."""
    rows = [row([7, 1, 8], [10, 10, 10], at_least=0.6), Row("a < b & c", "s", ours=[1], floor=[2])]
    root = ET.fromstring(plot(rows, "ours & theirs"))  # noqa: S314 - made by ourselves
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {"ours & theirs", "GET /books", "a < b & c", "0.70", "0.50"} <= set(texts)


def test_a_picture_of_nothing_is_one_too() -> None:
    """Where every measure was left out."""
    ET.fromstring(plot([], "nothing"))  # noqa: S314 - made by ourselves

"""What the export of traces and metrics costs: a start and a sale, with a receiver and without.

There is no floor here. Each ratio is that of a process with `OTEL_EXPORTER_OTLP_ENDPOINT` to the
same process without it, in turn. The row of two processes without it has no cause to differ from 1:
it is the error of the others.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.load import put_load
from tests.bench.processes import Server, started
from tests.bench.report import Row
from tests.bench.sink_process import SinkProcess
from tests.bench.stand import ON_SALE, Stand
from tests.cluster.dockerfile import build

MOST = 1.05


def telemetry_rows(stand: Stand, rounds: int, seconds: float) -> Iterator[Row]:
    # One that does nothing with what it gets: it hardly takes the cores from what is measured.
    with SinkProcess() as receiver:
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url.rstrip("/")}
        yield from _sales(stand, rounds, seconds, exported)
        yield from _starts(stand, rounds * 3, exported)


def _sales(stand: Stand, rounds: int, seconds: float, exported: dict[str, str]) -> Iterator[Row]:
    cpu = Row("CPU of a POST /purchase, exported / not", "µs", f"≤ {MOST}", at_most=MOST)
    same = Row("CPU of a POST /purchase, not exported / not", "µs")
    memory = Row("memory after these sales, exported / not", "MiB")
    with SinkProcess() as sink:
        on, off, control = (
            Server.service(
                "purchase",
                DATABASE_URL=stand.purchase(),
                K_SINK=sink.url,
                AUTH_URL="http://127.0.0.1:9",
                **more,
            )
            for more in (exported, {}, {})
        )
        with started(on, off, control, path="/readyz"):
            for each in range(-1, rounds):  # the first round warms
                # In another order each time: what comes first in a round may find a colder machine.
                order = [on, off, control] if each % 2 else [control, off, on]
                used = {server: _cpu_of_a_sale(stand, server, seconds, cpu) for server in order}
                if each >= 0:
                    cpu.add(used[on], used[off])
                    same.add(used[control], used[off])
            memory.add(on.memory_mib(), off.memory_mib())
    yield from (cpu, same, memory)


def _cpu_of_a_sale(stand: Stand, server: Server, seconds: float, counted: Row) -> float:
    """In microseconds."""
    environment = {"BENCH_TOKEN": stand.token, "BENCH_BOOKS": str(ON_SALE)}
    before = server.cpu_seconds()
    load = put_load(
        f"{server.url}/purchase", seconds=seconds, purchase=True, environment=environment
    )
    counted.failures += load.failures
    return (server.cpu_seconds() - before) / load.requests * 1e6


def _starts(stand: Stand, rounds: int, exported: dict[str, str]) -> Iterator[Row]:
    wall = Row("process start → first 200 of GET /books, exported / not", "s")
    cpu = Row("CPU of that start, exported / not", "s", f"≤ {MOST}", at_most=MOST)
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        image = build(Path(folder), {"SERVICE": "catalog"})
        url = stand.catalog(100)
        on = Server.image(image, DATABASE_URL=url, **exported)
        off = Server.image(image, DATABASE_URL=url)
        for each in range(-1, rounds):
            seconds, used = {}, {}
            for server in (on, off) if each % 2 else (off, on):
                try:
                    seconds[server] = server.start()
                    used[server] = server.cpu_seconds()
                finally:
                    server.stop()
            if each >= 0:
                wall.add(seconds[on], seconds[off])
                cpu.add(used[on], used[off])
    yield from (wall, cpu)

"""`POST /purchase` until its events are delivered: over fifty books, and over one."""

import time
from collections.abc import Iterator

from tests.bench.load import Load, put_load
from tests.bench.processes import Server, started
from tests.bench.report import Row
from tests.bench.sink_process import SinkProcess
from tests.bench.stand import ON_SALE, Stand

PATIENCE = 120.0


def purchases_under_load(stand: Stand, rounds: int, seconds: float) -> Iterator[Row]:
    """The clock of ours stops when the broker has the last event; the floor delivers none."""
    sink = SinkProcess()
    ours_url = stand.purchase()
    ours = Server.service(
        "purchase", DATABASE_URL=ours_url, K_SINK=sink.url, AUTH_URL="http://127.0.0.1:9"
    )
    floor = Server.floor(stand.purchase())
    many = Row("POST /purchase, 50 books, events delivered", "1/s", "≥ 0.4", at_least=0.4)
    hot = Row("POST /purchase, one book, events delivered", "1/s")
    taken = Row("POST /purchase, 50 books, answered", "1/s")
    cpu = Row("CPU of a POST /purchase, events delivered", "µs")
    tail = Row("p99 of POST /purchase, 50 books", "ms")
    memory = Row("memory after these sales", "MiB")
    with sink, started(ours, floor, path="/readyz"):
        for server in (floor, ours):
            _buy(stand, server, 1.0, ON_SALE)
        _drain(sink, sink.taken())
        for _ in range(rounds):
            before = floor.cpu_seconds()
            bare = _buy(stand, floor, seconds, ON_SALE)
            floor_cpu = (floor.cpu_seconds() - before) / bare.requests * 1e6
            before, known = ours.cpu_seconds(), sink.taken()
            load = _buy(stand, ours, seconds, ON_SALE)
            drained = _drain(sink, known + 2 * (load.requests - load.failures))
            cpu.add((ours.cpu_seconds() - before) / load.requests * 1e6, floor_cpu)
            many.add(load.requests / (load.seconds + drained), bare.per_second)
            taken.add(load.per_second, bare.per_second)
            tail.add(load.p99_ms, bare.p99_ms)
            many.failures += load.failures + bare.failures
            bare = _buy(stand, floor, seconds, 1)
            known = sink.taken()
            load = _buy(stand, ours, seconds, 1)
            drained = _drain(sink, known + 2 * (load.requests - load.failures))
            hot.add(load.requests / (load.seconds + drained), bare.per_second)
            hot.failures += load.failures + bare.failures
        memory.add(ours.memory_mib(), floor.memory_mib())
    yield from (many, taken, hot, cpu, tail, memory)


def _buy(stand: Stand, server: Server, seconds: float, books: int) -> Load:
    environment = {"BENCH_TOKEN": stand.token, "BENCH_BOOKS": str(books)}
    return put_load(
        f"{server.url}/purchase", seconds=seconds, purchase=True, environment=environment
    )


def _drain(sink: SinkProcess, least: int) -> float:
    """Wait until the broker has so many events; the seconds that it took."""
    begun = time.perf_counter()
    while sink.taken() < least:
        if time.perf_counter() - begun > PATIENCE:
            raise RuntimeError("the events were not delivered")
        time.sleep(0.005)
    return time.perf_counter() - begun

"""From nothing to the first 200, and what a process that waits holds in memory."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.processes import Server
from tests.bench.report import Row
from tests.bench.stand import Stand
from tests.cluster.dockerfile import build

SETTLE = 1.5
"""Seconds after which a process that has started is called idle."""


def cold_starts(stand: Stand, rounds: int) -> Iterator[Row]:
    """Wall time from the process's start to the first 200 of GET /books, database included.

    Ours is the image's tree and command; the floor runs on the same packages. The first start of
    each only warms the file cache, and does not count.
    """
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        image = build(Path(folder), {"SERVICE": "catalog"})
        url = stand.catalog(100)
        ours = Server.image(image, DATABASE_URL=url)
        floor = Server.floor(url, PYTHONPATH=str(image.path("/site")))
        yield from _in_turn(ours, floor, rounds)


def _in_turn(ours: Server, floor: Server, rounds: int) -> Iterator[Row]:
    wall = Row("process start → first 200 of GET /books", "s", "≤ 1.7", at_most=1.7)
    cpu = Row("CPU of that start", "s")
    memory = Row("memory of an idle service", "MiB", "≤ 66 MiB", at_most=66.0, absolute=True)
    for each in range(-1, rounds):
        seconds, used = [], []
        for server in (ours, floor):
            try:
                seconds.append(server.start())
                used.append(server.cpu_seconds())
                if each == 0:
                    time.sleep(SETTLE)
                    if server is ours:
                        ours_idle = server.memory_mib()
                    else:
                        memory.add(ours_idle, server.memory_mib())
            finally:
                server.stop()
        if each >= 0:
            wall.add(*seconds)
            cpu.add(*used)
    yield from (wall, cpu, memory)

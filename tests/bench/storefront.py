"""The storefront: its start, its memory, what a page of books costs, the first page of a shop at
zero, and, where node is there, what Lighthouse says.

Starts are those of the images' trees and commands, so with their code cache, and with catalog woken
before the storefront imports anything. The floor runs on catalog's packages. What a page
costs is measured from this checkout.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.load import put_load
from tests.bench.processes import Server, started
from tests.bench.reads import NO_CACHE
from tests.bench.report import Row
from tests.bench.stand import Stand
from tests.bench.starts import SETTLE
from tests.cluster.dockerfile import Stage, build
from tests.servers.programs import free_port

BOOKS = 10_000
PAGE = "/en/books"
ALONE = "/en/sign-in"
"""A page that needs no other service."""
ALLOWANCE = 150.0
"""Milliseconds that the first page of a shop at zero may take longer than the slower start."""


class Images:
    """The images' trees of the two services, on a catalogue's database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._trees: dict[str, Stage] = {}
        for name in ("catalog", "storefront"):
            (folder / name).mkdir()
            self._trees[name] = build(folder / name, {"SERVICE": name})
        self._url = url

    def catalog(self) -> Server:
        return Server.image(self._trees["catalog"], DATABASE_URL=self._url)

    def storefront(self, catalog_url: str = "http://127.0.0.1:1") -> Server:
        return Server.image(self._trees["storefront"], CATALOG_URL=catalog_url)

    def floor(self) -> Server:
        site = self._trees["catalog"].path("/site")
        return Server.floor(self._url, PYTHONPATH=str(site))


def storefront_rows(stand: Stand, rounds: int, seconds: float) -> Iterator[Row]:
    url = stand.catalog(BOOKS)
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        images = Images(Path(folder), url)
        yield from _starts(images, rounds * 3)
        yield from _from_zero(images, rounds * 3)
    yield from _page(url, rounds, seconds)


def _starts(images: Images, rounds: int) -> Iterator[Row]:
    ours, catalog, floor = images.storefront(), images.catalog(), images.floor()
    rows = (
        Row("storefront: process start → first 200 of a page", "s"),
        Row("storefront: that start, of catalog's to GET /books", "s", "≤ 1", at_most=1.0),
        Row("storefront: CPU of that start", "s"),
        Row("storefront: memory when idle", "MiB", "≤ 66 MiB", at_most=66.0, absolute=True),
    )
    wall, of_catalog, cpu, memory = rows
    for each in range(-1, rounds):  # the first only warms the file cache
        with contextlib.ExitStack() as stack:
            begun = {}
            for server, path in ((ours, ALONE), (catalog, "/books"), (floor, "/books")):
                stack.callback(server.stop)
                begun[server] = server.start(path), server.cpu_seconds()
                if each == 0 and server is not catalog:
                    time.sleep(SETTLE)
            if each == 0:
                memory.add(ours.memory_mib(), floor.memory_mib())
        if each >= 0:
            wall.add(begun[ours][0], begun[floor][0])
            of_catalog.add(begun[ours][0], begun[catalog][0])
            cpu.add(begun[ours][1], begun[floor][1])
    yield from rows


def _page(url: str, rounds: int, seconds: float) -> Iterator[Row]:
    """One process's CPU for a page, beside catalog's for the same books."""
    catalog = Server.service("catalog", DATABASE_URL=url, **NO_CACHE)
    ours = Server.service("storefront", CATALOG_URL=catalog.url)
    with started(catalog), started(ours, path=PAGE):
        books = ours.get(PAGE).count(b'class="card"')
        cpu = Row(
            f"storefront: CPU of a page of {books} books, of catalog's own answer",
            "µs",
            "≤ 2",
            at_most=2.0,
        )
        rate = Row(f"storefront: pages of {books} books, one process", "1/s")
        after = Row("storefront: memory after this load", "MiB")
        own = f"/books?limit={books}"
        put_load(ours.url + PAGE, seconds=max(1.0, seconds / 2))
        for _ in range(rounds):
            before = catalog.cpu_seconds()
            bare = put_load(catalog.url + own, seconds=seconds)
            catalog_cpu = catalog.cpu_seconds() - before
            before = ours.cpu_seconds()
            pages = put_load(ours.url + PAGE, seconds=seconds)
            page_cpu = ours.cpu_seconds() - before
            cpu.add(page_cpu / pages.requests * 1e6, catalog_cpu / bare.requests * 1e6)
            rate.add(pages.per_second)
            cpu.failures += pages.failures + bare.failures
        after.add(ours.memory_mib())
    yield from (cpu, rate, after)


class Activator:
    """Starts a process with the first connection, and holds each until it is there, as Knative's
    activator does.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.port = free_port()
        self._starting: asyncio.Task[float] | None = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._starting is None:
            self._starting = asyncio.create_task(asyncio.to_thread(self.server.start))
        await asyncio.shield(self._starting)
        inner, out = await asyncio.open_connection("127.0.0.1", self.server.port)
        await asyncio.gather(_pass_on(reader, out), _pass_on(inner, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _from_zero(images: Images, rounds: int) -> Iterator[Row]:
    """No process runs: a page wakes the storefront, whose start wakes catalog beside it.

    The difference to the slower of the two when each starts alone, on a machine that is idle.
    """
    longer = Row(
        "first page of a shop at zero, longer than the slower start",
        "ms",
        f"≤ {ALLOWANCE:.0f} ms",
        at_most=ALLOWANCE,
        absolute=True,
    )
    whole = Row("first page of a shop at zero, of the slower start", "s")
    for each in range(-1, rounds):
        alone = []
        for server, path in ((images.catalog(), "/books"), (images.storefront(), ALONE)):
            try:
                alone.append(server.start(path))
            finally:
                server.stop()
        page = asyncio.run(_first_page(images))
        if each >= 0:
            longer.add((page - max(alone)) * 1000)
            whole.add(page, max(alone))
    yield from (whole, longer)


async def _first_page(images: Images) -> float:
    """Seconds from the storefront's process until its first page of books."""
    catalog = images.catalog()
    activator = Activator(catalog)
    listening = await asyncio.start_server(activator.accept, "127.0.0.1", activator.port)
    ours = images.storefront(f"http://127.0.0.1:{activator.port}")
    try:
        return await asyncio.to_thread(ours.start, "/en")
    finally:
        await asyncio.to_thread(ours.stop)
        await asyncio.to_thread(catalog.stop)
        listening.close()

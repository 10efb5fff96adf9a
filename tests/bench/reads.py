"""`GET /books`: under load, with the list's cache and without, and what a page costs where."""

import http.client
import statistics
import time
from collections.abc import Iterator

from functions.kit.http.pagination import encode_cursor
from tests.bench.load import put_load
from tests.bench.processes import Server, started
from tests.bench.report import Row
from tests.bench.stand import Stand

PATH = "/books?limit=50"
NO_CACHE = {"LIST_CACHE_SECONDS": "0"}


def books_under_load(stand: Stand, rounds: int, seconds: float) -> Iterator[Row]:
    """A, B, A, B: the floor, ours without the cache, the floor, ours with it ..."""
    url = stand.catalog(10_000)
    plain = Server.service("catalog", DATABASE_URL=url, **NO_CACHE)
    cached = Server.service("catalog", DATABASE_URL=url)
    floor = Server.floor(url)
    rows = {
        "plain": Row("GET /books, 50 of 10,000, no cache", "1/s", "≥ 0.6", at_least=0.6),
        "cached": Row("GET /books, 50 of 10,000, cached", "1/s", "≥ 1.0", at_least=1.0),
        "known": Row("GET /books, the caller has it (304)", "1/s"),
        "cpu": Row("CPU of a GET /books, no cache", "µs"),
        "p99": Row("p99 of GET /books, no cache", "ms"),
        "memory": Row("memory after this load, no cache", "MiB"),
    }
    with started(plain, cached, floor):
        etag = _etag(cached)
        for server in (floor, plain, cached):
            put_load(server.url + PATH, seconds=max(1.0, seconds / 2))
        for _ in range(rounds):
            before = floor.cpu_seconds()
            bare = put_load(floor.url + PATH, seconds=seconds)
            floor_cpu = floor.cpu_seconds() - before
            before = plain.cpu_seconds()
            ours = put_load(plain.url + PATH, seconds=seconds)
            cpu = plain.cpu_seconds() - before
            rows["plain"].add(ours.per_second, bare.per_second)
            rows["p99"].add(ours.p99_ms, bare.p99_ms)
            rows["cpu"].add(cpu / ours.requests * 1e6, floor_cpu / bare.requests * 1e6)
            rows["plain"].failures += ours.failures + bare.failures
            again = put_load(floor.url + PATH, seconds=seconds)
            kept = put_load(cached.url + PATH, seconds=seconds)
            rows["cached"].add(kept.per_second, again.per_second)
            rows["cached"].failures += kept.failures + again.failures
            known = put_load(cached.url + PATH, seconds=seconds, headers={"if-none-match": etag})
            rows["known"].add(known.per_second, again.per_second)
            rows["known"].failures += known.failures
        rows["memory"].add(plain.memory_mib(), floor.memory_mib())
    yield from rows.values()


def _etag(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", PATH)
        response = connection.getresponse()
        response.read()
        return response.getheader("etag") or ""
    finally:
        connection.close()


def page_costs(stand: Stand, sizes: list[int], rounds: int) -> Iterator[Row]:
    """The first and the last page, by id and by title, of the smallest catalogue and the others."""
    smallest = sizes[0]
    catalogues = {size: stand.catalog(size) for size in sizes}
    servers = {
        size: Server.service("catalog", DATABASE_URL=url, **NO_CACHE)
        for size, url in catalogues.items()
    }
    with started(*servers.values()):
        paths = {size: _pages(stand, url, size) for size, url in catalogues.items()}
        rows = {
            (size, name): Row(
                f"page of {size:,} books, {name}, of the first of {smallest}",
                "ms",
                "0.8 – 1.2",
                at_least=0.8,
                at_most=1.2,
            )
            for size in sizes
            for name in paths[size]
            if (size, name) != (smallest, "first by id")
        }
        for _ in range(rounds):
            base = page_cost(servers[smallest], paths[smallest]["first by id"])
            for (size, name), row in rows.items():
                row.add(page_cost(servers[size], paths[size][name]), base)
    yield from rows.values()


def _pages(stand: Stand, url: str, size: int) -> dict[str, str]:
    database = url.rpartition("/")[2]
    title = stand.server.run(
        f"SELECT title_order FROM `{database}`.books ORDER BY title_order DESC LIMIT 50, 1"  # noqa: S608
    )[0][0]
    return {
        "first by id": "/books?limit=50",
        "last by id": f"/books?limit=50&after={encode_cursor('id', size - 50)}",
        "last by title": f"/books?limit=50&sort=title&after={encode_cursor('title', title)}",
    }


def page_cost(server: Server, path: str, books: int = 50, times: int = 150) -> float:
    """Median milliseconds on one connection, of a page with so many books."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    found = []
    try:
        for _ in range(times):
            begun = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            found.append(time.perf_counter() - begun)
            if response.status != 200 or body.count(b'"isbn"') != books:
                raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
    finally:
        connection.close()
    return statistics.median(found) * 1000

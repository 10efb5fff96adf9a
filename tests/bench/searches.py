"""`GET /books?q=`: what a search costs beside a page of the same books that searches nothing."""

from collections.abc import Iterator
from urllib.parse import quote

from tests.bench.processes import Server, started
from tests.bench.reads import NO_CACHE, page_cost
from tests.bench.report import Row
from tests.bench.stand import EVERY, RARE, Stand

FULL_PAGE = 50
QUERIES = {
    f"a rare word ({RARE}), by title": (f"q={RARE}&sort=title", 1 / EVERY),
    f"a rare and a common word ({RARE} the), by title": (f"q={RARE}%20the&sort=title", 1 / EVERY),
    "two words (rive kin), by title": ("q=rive%20kin&sort=title", 1 / 50),
    "a common word (the), by id": ("q=the", 1 / 10),
    "what is in no book (c++), by title": (f"q={quote('c++')}&sort=title", 0),
}
"""And which part of all books is found, at least; what is more than a page need not be exact."""


def searches(stand: Stand, sizes: list[int], rounds: int) -> Iterator[Row]:
    for size in sizes:
        server = Server.service("catalog", DATABASE_URL=stand.catalog(size), **NO_CACHE)
        rows = {
            name: Row(f"search of {size:,} books, {name}, of a page without one", "ms")
            for name in QUERIES
        }
        with started(server):
            for _ in range(rounds):
                base = page_cost(server, f"/books?limit={FULL_PAGE}", FULL_PAGE)
                for name, (query, part) in QUERIES.items():
                    path = f"/books?limit={FULL_PAGE}&{query}"
                    shown = min(FULL_PAGE, round(size * part))
                    rows[name].add(page_cost(server, path, shown), base)
        yield from rows.values()

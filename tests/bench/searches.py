"""`GET /books?q=`: what a search costs beside a page of the same books that searches nothing."""

from collections.abc import Iterator
from urllib.parse import quote

from tests.bench.processes import Server, started
from tests.bench.reads import NO_CACHE, page_cost
from tests.bench.report import Row
from tests.bench.stand import EVERY, RARE, Stand

FULL_PAGE = 50
QUERIES = {
    f"a rare word ({RARE}), by title": f"q={RARE}&sort=title",
    f"a rare and a common word ({RARE} the), by title": f"q={RARE}%20the&sort=title",
    "two words (rive kin), by title": "q=rive%20kin&sort=title",
    "a common word (the), by id": "q=the",
    "what is in no book (c++), by title": f"q={quote('c++')}&sort=title",
}


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
                for name, query in QUERIES.items():
                    path = f"/books?limit={FULL_PAGE}&{query}"
                    rows[name].add(page_cost(server, path, _found(query, size)), base)
        yield from rows.values()


def _found(query: str, size: int) -> int:
    """How many books are on the page; each that has the rare word has the common one too."""
    if RARE in query:
        return min(FULL_PAGE, size // EVERY)
    return 0 if "c%2B%2B" in query else FULL_PAGE

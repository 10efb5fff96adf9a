"""Where the time of a request goes: the service under cProfile, and the dearest functions."""

import io
import pstats
import tempfile
from pathlib import Path

from tests.bench.load import put_load
from tests.bench.processes import ROOT, Server, started
from tests.bench.reads import NO_CACHE, PATH
from tests.bench.sink_process import SinkProcess
from tests.bench.stand import ON_SALE, Stand

LINES = 35


def profile(stand: Stand, seconds: float) -> str:
    """Two listings: GET /books without its cache, and POST /purchase with its events."""
    with tempfile.TemporaryDirectory() as folder, SinkProcess() as sink:
        files = [Path(folder) / "books", Path(folder) / "purchase"]
        catalog = Server.service(
            "catalog",
            module="tests.bench.profiled",
            DATABASE_URL=stand.catalog(10_000),
            BENCH_PROFILE=str(files[0]),
            **NO_CACHE,
        )
        purchase = Server.service(
            "purchase",
            module="tests.bench.profiled",
            DATABASE_URL=stand.purchase(),
            K_SINK=sink.url,
            BENCH_PROFILE=str(files[1]),
        )
        with started(catalog):
            put_load(catalog.url + PATH, seconds=seconds)
        with started(purchase, path="/readyz"):
            environment = {"BENCH_TOKEN": stand.token, "BENCH_BOOKS": str(ON_SALE)}
            put_load(
                f"{purchase.url}/purchase", seconds=seconds, purchase=True, environment=environment
            )
        return "\n".join(map(_listing, ("GET /books", "POST /purchase"), files))


def _listing(title: str, file: Path) -> str:
    out = io.StringIO()
    stats = pstats.Stats(str(file), stream=out)
    stats.sort_stats("tottime").print_stats(LINES)
    text = out.getvalue().replace(f"{ROOT}/", "")
    return f"== {title}, by the time in the function itself\n{text}"

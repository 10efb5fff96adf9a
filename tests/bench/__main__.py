"""`python -m tests.bench`: measure, print the table, and keep it where that is asked for.

Each round measures the floor and the service one after the other, and the ratio is taken round by
round, so that a machine which is busy with other things disturbs both alike. Next files: `reads`,
`sales`, `starts`, `events`, on what `stand` and `processes` provide.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.events import event_latency
from tests.bench.lighthouse import lighthouse
from tests.bench.load import tool
from tests.bench.plot import plot
from tests.bench.profile import profile
from tests.bench.reads import books_under_load, page_costs
from tests.bench.report import Row, machine, table
from tests.bench.sales import purchases_under_load
from tests.bench.searches import searches
from tests.bench.stand import Stand, stand
from tests.bench.starts import cold_starts
from tests.bench.storefront import storefront_rows
from tests.bench.telemetry import telemetry_rows
from tests.servers.mysql import FLAVOURS

MEASURES = (
    *("starts", "reads", "sales", "pages", "search", "events", "telemetry", "storefront"),
    "lighthouse",
)


def main() -> int:
    options = _parse()
    with stand(options.server) as place:
        about = {**machine(), "database": place.version(), "load_by": tool()}
        if options.profile:
            print(profile(place, options.seconds))
            return 0
        rows, broken = _measure(place, options)
    print(table(rows))
    print("\n" + ", ".join(f"{name}: {value}" for name, value in about.items()))
    kept = {"machine": about, "after": machine()["load_average"], "rows": []}
    kept["rows"] = [row.as_dict() for row in rows]
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.plot:
        options.plot.write_text(plot(rows, "The services, as parts of the floor"), "utf-8")
    return 1 if broken or any(row.failures for row in rows) else 0


def _measure(place: Stand, options: argparse.Namespace) -> tuple[list[Row], bool]:
    """The rows of all measures, and whether one of them could not be taken."""
    rows: list[Row] = []
    broken = False
    for name, measure in _measures(place, options).items():
        if name in options.only:
            print(f"measuring {name} ...", file=sys.stderr)
            try:
                rows += measure()
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                print(f"{name} was not measured: {error}", file=sys.stderr)
                broken = True
    return rows, broken


def _measures(place: Stand, options: argparse.Namespace) -> dict[str, Callable[[], Iterator[Row]]]:
    rounds, seconds = options.rounds, options.seconds
    sizes = [100, 10_000, 1_000_000] if options.million else [100, 10_000]
    return {
        "starts": lambda: cold_starts(place, rounds * 3),
        "reads": lambda: books_under_load(place, rounds, seconds),
        "sales": lambda: purchases_under_load(place, rounds, seconds),
        "pages": lambda: page_costs(place, sizes, rounds),
        "search": lambda: searches(place, sizes[1:], rounds),
        "events": lambda: event_latency(place, seconds * 4),
        "telemetry": lambda: telemetry_rows(place, rounds, seconds),
        "storefront": lambda: storefront_rows(place, rounds, seconds),
        "lighthouse": lighthouse,
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --", description=(__doc__ or "").partition(":")[2].partition("\n")[0]
    )
    parser.add_argument(
        "--server", choices=FLAVOURS, default=FLAVOURS[0], help="which database server"
    )
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument(
        "--rounds", type=int, default=5, help="of A, B; starts are three times that"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of load in each burst")
    parser.add_argument(
        "--million", action="store_true", help="pages and searches of 1,000,000 books as well"
    )
    parser.add_argument("--profile", action="store_true", help="print where the time goes, instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every value")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

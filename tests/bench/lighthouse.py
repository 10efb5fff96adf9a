"""What Lighthouse says of the storefront's pages on a simulated phone.

Lighthouse comes from npm into a temporary folder. Where node, npm, Chromium or the package is
missing the measure is left out, with the reason.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.report import Row
from tests.servers.programs import find
from tests.storefront.browser.running import CHROMIUM, FLAGS, RunningShop, running_shop

VERSION = "12.2"
PAGES = {"home": "/en", "search": "/es/books?q=la", "book": "/en/books/3", "sign-in": "/es/sign-in"}
GOALS = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
RUNS = 3
"""Of each page; the median counts."""


def lighthouse() -> Iterator[Row]:
    chromium = find(*CHROMIUM)
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if chromium is None:
        missing.append("chromium")
    if missing or chromium is None:
        print(f"lighthouse is left out: {', '.join(missing)} is not installed", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="bookstore-lighthouse-") as name:
        folder = Path(name)
        try:
            _npm_install(folder)
        except subprocess.CalledProcessError as error:
            print(f"lighthouse is left out: npm: {error.stderr[-300:]}", file=sys.stderr)
            return
        data = folder / "shop"
        data.mkdir()
        with running_shop(data) as shop:
            yield from _rows(folder, chromium, shop)


def _npm_install(folder: Path) -> None:
    """Raises `CalledProcessError`, as without a network."""
    subprocess.run(  # noqa: S603
        [
            shutil.which("npm") or "npm",
            *("install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error"),
            f"lighthouse@~{VERSION}",
        ],
        check=True,
        capture_output=True,
        text=True,
    )


def _rows(folder: Path, chromium: str, shop: RunningShop) -> Iterator[Row]:
    for page, path in PAGES.items():
        scores: dict[str, list[float]] = {category: [] for category in GOALS}
        for _ in range(RUNS):
            for category, score in _run(folder, chromium, shop.url() + path).items():
                scores[category].append(score)
        for category, goal in GOALS.items():
            row = Row(
                f"Lighthouse, {page}: {category}", "", f"≥ {goal}", at_least=goal, absolute=True
            )
            row.add(statistics.median(scores[category]))
            yield row


def _run(folder: Path, chromium: str, url: str) -> dict[str, float]:
    """Scores from 0 to 100 by category. Raises `CalledProcessError`."""
    done = subprocess.run(  # noqa: S603
        [
            folder / "node_modules" / ".bin" / "lighthouse",
            url,
            *("--quiet", "--output=json", f"--only-categories={','.join(GOALS)}"),
            f"--chrome-flags=--headless=new {' '.join(FLAGS)}",
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CHROME_PATH": chromium, "HOME": str(folder)},
    )
    report = json.loads(done.stdout)
    return {name: (report["categories"][name]["score"] or 0) * 100 for name in GOALS}

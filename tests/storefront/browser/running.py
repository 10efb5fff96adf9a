"""The whole shop as `nox -s dev` starts it, and a real Chromium."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests.servers.programs import find, free_ports, missing

ROOT = Path(__file__).parents[3]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

PROGRAMS = (
    *("auth", "catalog", "purchase", "notifications", "storefront"),
    *("broker", "mailbox", "smtp", "traces"),
)


class RunningShop:
    """The shop's processes on free ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(PROGRAMS, free_ports(len(PROGRAMS)), strict=True))
        self._log = folder / "dev.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def url(self, program: str = "storefront") -> str:
        return f"http://127.0.0.1:{self.ports[program]}"

    def start(self, **environment: str) -> None:
        """Start it, and return when the storefront shows books."""
        self._output = self._log.open("ab")
        options = [f"--{program}-port={port}" for program, port in self.ports.items()]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "functions.local.dev", "--data", self.folder / "data", *options],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._wait_for_books()

    def _wait_for_books(self) -> None:
        retries = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=retries, timeout=30) as client:
            for _ in range(600):
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError(self.log())
                try:
                    page = client.get(self.url() + "/en")
                except httpx.TransportError:
                    continue
                if page.status_code == 200 and 'class="card"' in page.text:
                    return
        raise TimeoutError(self.log())

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        if self._output is not None:
            self._output.close()


@contextmanager
def running_shop(folder: Path) -> Iterator[RunningShop]:
    """A shop with its data in a folder, stopped at the end."""
    shop = RunningShop(folder)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Debian's Chromium, with a profile of its own and more flags."""
    program = find(*CHROMIUM)
    if program is None:
        missing("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def artefacts() -> Path:
    """Where screenshots are kept."""
    folder = Path(os.environ.get("SCREENSHOTS", ROOT / ".nox" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""`python -m tests.storefront.browser.screenshots`, which `nox -s screenshots` runs.

It starts a shop with its seed, walks through it in Chromium, and writes the pictures that README.md
shows into docs/screenshots/. What differs from run to run (times) is replaced in the page before,
so that a picture changes only with the page, the seed or the machine's fonts.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tests.servers.programs import find
from tests.storefront.browser.running import CHROMIUM, ROOT, RunningShop, chromium, running_shop
from tests.storefront.browser.steps import go_to_payment, put_into_cart

FOLDER = ROOT / "docs" / "screenshots"
MAX_BYTES = 150 * 1024

DESKTOP: ViewportSize = {"width": 1200, "height": 780}
PHONE: ViewportSize = {"width": 390, "height": 780}

_FIXED = """() => {
  for (const time of document.querySelectorAll("time, .stock .hint")) {
    time.textContent = time.textContent.replace(/[0-9].*UTC/, "14 Mar 2026, 09:26 UTC");
  }
}"""


@dataclass(frozen=True)
class Picture:
    name: str
    size: ViewportSize
    language: str
    go: Callable[[Page], None]


def _home(page: Page) -> None:
    page.goto("/en")


def _book(page: Page) -> None:
    page.goto("/es/books/3")


def _payment(page: Page) -> None:
    put_into_cart(page, "en", 3, 2)
    put_into_cart(page, "en", 7)
    go_to_payment(page, "en")


def _order(page: Page) -> None:
    put_into_cart(page, "es", 3, 2)
    go_to_payment(page, "es")
    page.click("main form button")
    page.wait_for_selector("p.state")
    page.reload()  # without the message of thanks


PICTURES = (
    Picture("home", DESKTOP, "en", _home),
    Picture("book", PHONE, "es", _book),
    Picture("payment", DESKTOP, "en", _payment),
    Picture("order", PHONE, "es", _order),
)


def take(browser: Browser, shop: RunningShop, folder: Path) -> list[Path]:
    """Write every picture into a folder; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture in PICTURES:
        context = browser.new_context(
            viewport=picture.size,
            locale=picture.language,
            color_scheme="light",
            reduced_motion="reduce",
            base_url=shop.url(),
        )
        page = context.new_page()
        page.set_default_timeout(60_000)
        picture.go(page)
        page.evaluate(_FIXED)
        page.wait_for_function("[...document.images].every(image => image.complete)")
        path = folder / f"{picture.name}.png"
        page.screenshot(path=path, animations="disabled", caret="hide")
        written.append(path)
        context.close()
    return written


def main() -> int:
    if find(*CHROMIUM) is None:
        print("No Chromium is installed: apt-get install chromium", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="bookstore-screenshots-") as folder,
        running_shop(Path(folder)) as shop,
        chromium() as browser,
    ):
        written = take(browser, shop, FOLDER)
    for path in written:
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KiB")
    too_large = [path.name for path in written if path.stat().st_size > MAX_BYTES]
    if too_large:
        print(f"larger than {MAX_BYTES // 1024} KiB: {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())

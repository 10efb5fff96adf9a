"""One shop for a worker, one browser for a module; each test has a profile of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.storefront.browser.running import RunningShop, chromium, running_shop

expect.set_options(timeout=30_000)  # milliseconds: the machine may be busy


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module only: Playwright's loop would be in the way of asynchronous tests."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, shop: RunningShop) -> Iterator[OpenPage]:
    """Opens pages in profiles that are new; what the browser complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def new(**options: Any) -> Page:
        given = {"viewport": {"width": 1280, "height": 900}, "locale": "en", **options}
        own = given.setdefault("base_url", shop.url())
        context = browser.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: note(message.type, message.text))
        page.on("request", lambda request: foreign(request.url, own))
        return page

    def note(kind: str, text: str) -> None:
        # A refused form is answered 4xx with its page; the browser mentions every such status.
        if kind == "error" and "Failed to load resource" not in text:
            complaints.append(text)

    def foreign(url: str, own: str) -> None:
        if not url.startswith((own, "data:", "about:")):
            complaints.append(f"asked another host: {url}")

    yield new
    for context in contexts:
        context.close()
    assert complaints == []

"""A short-lived cache of list pages, cleared by every write of this process."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from functions.catalog.queries import Page
from functions.kit.http.response_cache import ResponseCache
from functions.kit.http.responses import encode


class CachedPage:
    """A page of the list with its headers. The body is encoded once, on first use."""

    def __init__(self, page: Page, headers: dict[str, str]) -> None:
        self.etag = page.etag
        self.headers = headers
        self._page: Page | None = page
        self._body = b""

    @property
    def body(self) -> bytes:
        if self._page is not None:
            self._body = encode(self._page.books())
            self._page = None
        return self._body


class ClearCacheOnWrite:
    """ASGI middleware: every request that is not a read clears the cache before its response.

    A caller therefore reads its own writes, and an event is visible once it was accepted. Writes of
    other processes become visible when a cached page reaches its age limit.
    """

    def __init__(self, app: ASGIApp, pages: ResponseCache[CachedPage]) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return

        async def clear_and_send(message: Message) -> None:
            self.pages.clear()
            await send(message)

        await self.app(scope, receive, clear_and_send)

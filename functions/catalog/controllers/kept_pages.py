"""Pages of the list that are kept for a moment, and forgotten when this process writes."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from functions.catalog.queries import Page
from functions.kit.http.response_cache import AnswerCache
from functions.kit.http.responses import encode


class KeptPage:
    """A page as it is answered; its body is written when somebody wants it, and once."""

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


class ForgetPages:
    """Around the app: whatever is not a read may change the list, and its sender looks at once.

    That holds for callers and for events. What other processes are told is seen when a page has
    grown as old as it may.
    """

    def __init__(self, app: ASGIApp, pages: AnswerCache[KeptPage]) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return

        async def send_and_forget(message: Message) -> None:
            self.pages.clear()
            await send(message)

        await self.app(scope, receive, send_and_forget)

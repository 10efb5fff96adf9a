"""A short-lived cache of public answers, cleared by every write of this process."""

from collections.abc import Callable, Mapping
from typing import Any, Self

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from functions.kit.http.etags import strong_etag
from functions.kit.http.response_cache import ResponseCache
from functions.kit.http.responses import encode


class CachedAnswer:
    """An answer with its headers, `etag` among them. The body is encoded once, on first use."""

    def __init__(self, headers: Mapping[str, str], encoded: Callable[[], bytes]) -> None:
        self.headers = headers
        self._encoded: Callable[[], bytes] | None = encoded
        self._body = b""

    @classmethod
    def of(cls, content: Any, headers: Mapping[str, str]) -> Self:
        """With an entity tag of the encoded content."""
        body = encode(content)
        return cls({**headers, "etag": strong_etag(body.decode())}, lambda: body)

    @property
    def body(self) -> bytes:
        if self._encoded is not None:
            self._body = self._encoded()
            self._encoded = None
        return self._body


class ClearCacheOnWrite:
    """ASGI middleware: every request that is not a read clears the caches before its response.

    A caller therefore reads its own writes, and an event is visible once it was accepted. Writes of
    other processes become visible when a cached page reaches its age limit.
    """

    def __init__(self, app: ASGIApp, *caches: ResponseCache[CachedAnswer]) -> None:
        self.app = app
        self.caches = caches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return

        async def clear_and_send(message: Message) -> None:
            for cache in self.caches:
                cache.clear()
            await send(message)

        await self.app(scope, receive, clear_and_send)

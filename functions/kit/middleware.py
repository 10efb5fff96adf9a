"""Around every request: its trace, its line in the log, its count, and cheap safe headers."""

import logging
import time
from typing import cast
from urllib.parse import quote

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from functions.kit.telemetry import Metrics, continue_trace, current_traceparent

logger = logging.getLogger("request")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset({"/livez", "/readyz", "/metrics"})

SECURITY_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
)


class RequestMiddleware:
    """One per app; plain ASGI, so that a streamed answer stays a stream."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        traceparent = continue_trace(given.decode("latin-1") if given else None)
        token = current_traceparent.set(traceparent)
        begun = time.perf_counter()
        status = 500
        # Whoever answers GET answers HEAD (RFC 9110, section 9.1): the same, without the content.
        head = scope["method"] == "HEAD"
        inner = cast("HTTPScope", {**scope, "method": "GET"} if head else scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                headers["traceparent"] = traceparent
                for name, value in SECURITY_HEADERS:
                    headers.setdefault(name, value)
            elif head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            await self.app(inner, receive, send_with_headers)
        finally:
            elapsed = time.perf_counter() - begun
            self._record(inner, scope["method"], status, elapsed)
            current_traceparent.reset(token)

    @staticmethod
    def _record(scope: HTTPScope, method: str, status: int, elapsed: float) -> None:
        path = scope["path"]
        metrics: Metrics = scope["litestar_app"].state.metrics
        # The route's pattern, never the path: a label for each book id would never end, and
        # neither would one for each method that somebody makes up.
        route = scope.get("path_template") or "unknown"
        known = method if method in METHODS else "other"
        metrics.requests.labels(known, route, str(status)).inc()
        metrics.duration.labels(known, route).observe(elapsed)
        if path not in QUIET:
            # Quoted: a line break in a path would begin a log line of the caller's own.
            logger.info("%s %s %d %.1f ms", method, quote(path), status, elapsed * 1000)

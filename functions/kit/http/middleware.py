"""Middleware for every request: trace, log line, metrics, and the headers of every response.

Repeated request headers are handled here, before anything reads them: lists are joined, and a
repeated single-valued header is an error. Responses get the CORS headers, security headers, and a
`Cache-Control` unless the handler has set one.
"""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote

from litestar import Response
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.metrics import Exemplar
from functions.kit.base.telemetry import (
    TraceState,
    continue_trace,
    current_traceparent,
    current_tracestate,
    is_traceparent,
    tracestate,
)
from functions.kit.base.tracing import Span, Tracer, tracing
from functions.kit.http.cors import Cors
from functions.kit.http.operations import INTERNAL
from functions.kit.http.problems import current_problem, problem_response
from functions.kit.http.requests import AnyRequest, JSONRequest
from functions.kit.http.services import AppServices, services_of

logger = logging.getLogger("request")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
UNLOGGED = frozenset({"/livez", "/readyz", "/metrics"})

SINGLE_VALUED = frozenset(
    {
        b"authorization",
        b"content-type",
        b"idempotency-key",
        b"if-modified-since",
        b"if-unmodified-since",
        b"origin",
        b"access-control-request-method",
    }
)
"""Headers that are an error if repeated, because it is unclear which value applies. The lines of
any other header are joined to a list (RFC 9110, section 5.3)."""

PRIVATE = "private, no-store"
"""For responses that depend on the user, or that answer a change."""
REVALIDATE = "no-cache"
"""For public responses: a cache may store them, and must revalidate each time."""
SHORT_LIVED = "public, max-age=300"
"""For redirects. A browser would cache a permanent one without limit."""

SECURITY_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    ),
}
"""For an API, whose only pages are those of Swagger UI."""

_SHOWN = re.compile(r"[0-9]{1,19}|[a-z]{2}")
"""Values of path parameters that a span may have."""

Refuse = Callable[[AnyRequest, Exception], Response[Any]]
"""Creates the response to an error: a problem document, or a page."""


class HeaderRepeated(InvalidInput):
    code = "header-repeated"
    title = "A header that may be sent only once is repeated"
    error = Text("cabecera repetida", "repeated header")


class RequestMiddleware:
    """ASGI middleware, which does not buffer streamed responses."""

    def __init__(
        self,
        app: ASGIApp,
        cors: Cors,
        *,
        refuse: Refuse = problem_response,
        security_headers: Mapping[str, str] = SECURITY_HEADERS,
        tracer: Tracer | None = None,
    ) -> None:
        self.app = app
        self.cors = cors
        self.refuse = refuse
        self.security_headers = security_headers
        self.tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        tracer = self.tracer if scope["path"] not in UNLOGGED else None
        caller, state = caller_of(scope["headers"])
        traceparent = continue_trace(caller, tracer.sampler.samples if tracer is not None else None)
        token = current_traceparent.set(traceparent)
        state_token = current_tracestate.set(state)
        current_problem.set(None)
        recorded = tracer.server_span(traceparent, caller) if tracer is not None else None
        begun = time.perf_counter()
        status = 500
        # HEAD is handled as GET, without the content of the response (RFC 9110, section 9.1).
        head = scope["method"] == "HEAD"
        inner = cast("HTTPScope", {**scope, "method": "GET"} if head else scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                headers["traceparent"] = traceparent
                for name, value in self.security_headers.items():
                    headers.setdefault(name, value)
                if "cache-control" not in headers:
                    headers["cache-control"] = _cache_control(inner, status)
                if self.cors.origins:
                    self._allow_origin(inner, headers)
            elif head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        try:
            with tracing(tracer):
                await self._handle(inner, receive, send_with_headers)
        finally:
            elapsed = time.perf_counter() - begun
            self._record(inner, scope["method"], status, elapsed, recorded)
            if recorded is not None:
                _describe(recorded, inner, scope["method"], status)
                recorded.finish()
            if tracer is not None:
                tracer.answered.set()
            current_tracestate.reset(state_token)
            current_traceparent.reset(token)

    async def _handle(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        names = [name for name, _ in scope["headers"]]
        if len(set(names)) < len(names):
            try:
                scope["headers"] = join_repeated(scope["headers"])
            except HeaderRepeated as error:
                request = JSONRequest(scope, receive, send)
                refusal = self.refuse(request, error).to_asgi_response(None, request)
                await refusal(scope, receive, send)
                return
        if scope["method"] == "OPTIONS" and self._is_preflight(scope):
            # Also for an unknown route: otherwise the page could not read its 404.
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self.app(scope, receive, send)

    def _is_preflight(self, scope: HTTPScope) -> bool:
        return (
            bool(self.cors.origins)
            and not scope["path"].startswith(INTERNAL)
            and {b"origin", b"access-control-request-method"}
            <= {name for name, _ in scope["headers"]}
        )

    def _allow_origin(self, scope: HTTPScope, headers: MutableScopeHeaders) -> None:
        if scope["path"].startswith(INTERNAL):
            return
        sent = next((value for name, value in scope["headers"] if name == b"origin"), None)
        origin = sent.decode("latin-1") if sent is not None else None
        for name, value in self.cors.headers(origin):
            headers[name] = value
        if origin is not None and scope["method"] == "OPTIONS" and self._is_preflight(scope):
            for name, value in self.cors.preflight(origin):
                headers[name] = value
        if self.cors.vary is not None:
            headers.extend_header_value("vary", self.cors.vary)

    @staticmethod
    def _record(
        scope: HTTPScope, method: str, status: int, elapsed: float, recorded: Span | None
    ) -> None:
        path = scope["path"]
        metrics = services_of(scope["litestar_app"], AppServices).metrics
        # The route's pattern instead of the path, and known methods only, to bound the number of
        # label values.
        route = scope.get("path_template") or "unknown"
        known = method if method in METHODS else "_OTHER"
        problem = current_problem.get() or ""
        series = metrics.duration.labels(known, route, str(status), problem)
        series.observe(elapsed)
        if recorded is not None:
            series.exemplar = Exemplar(elapsed, recorded.start, recorded.traceparent)
        if path not in UNLOGGED:
            # Quoted, so that a line break in a path cannot forge a log line.
            logger.info("%s %s %d %.1f ms", method, quote(path), status, elapsed * 1000)


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str | None, TraceState | None]:
    """The caller's `traceparent` and `tracestate`; None where there is no valid one."""
    parents = [value for name, value in headers if name == b"traceparent"]
    # More than one is invalid (Trace Context, section 3.2).
    parent = parents[0].decode("latin-1") if len(parents) == 1 else None
    if not is_traceparent(parent):
        return None, None
    # The lines of a repeated one are joined (section 3.3).
    states = b",".join(value for name, value in headers if name == b"tracestate")
    state = tracestate(states.decode("latin-1"))
    return parent, TraceState(parent[3:35], state) if state is not None else None


def _describe(recorded: Span, scope: HTTPScope, method: str, status: int) -> None:
    """Name and attributes of a request's span (semantic conventions, "HTTP Spans").

    The path is that of a known route, with its ids. Any other path can be anything.
    """
    known = method if method in METHODS else "_OTHER"
    route = scope.get("path_template")
    recorded.name = f"{known} {route}" if route else known
    attributes = recorded.attributes
    attributes["http.request.method"] = known
    attributes["http.response.status_code"] = status
    attributes["url.scheme"] = scope["scheme"]
    if route:
        attributes["http.route"] = route
        attributes["url.path"] = _path_shown(route, scope["path"])
    if (problem := current_problem.get()) is not None:
        attributes["error.type"] = problem
    if status >= 500:
        recorded.fail(problem or str(status))


def _path_shown(route: str, path: str) -> str:
    """The path, with the route's placeholders for parameters other than ids and languages.

    A parameter is whatever the caller writes: `/ana@example.org` has the route `/{language}`.
    """
    names, parts = route.split("/"), path.split("/")
    if len(names) != len(parts):
        return route
    return "/".join(
        part if part == name or _SHOWN.fullmatch(part) else name
        for name, part in zip(names, parts, strict=True)
    )


def join_repeated(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers, with the lines of a repeated one joined.

    Raises `HeaderRepeated` for a repeated single-valued header.
    """
    lines: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        lines.setdefault(name, []).append(value)
    repeated = sorted(
        name.decode("latin-1") for name in SINGLE_VALUED if len(lines.get(name, ())) > 1
    )
    if repeated:
        from functions.kit.base.messages import TWICE  # noqa: PLC0415 - only for an error

        named = ", ".join(name.title() for name in repeated)
        raise HeaderRepeated(
            Text(f"Envíe una sola vez: {named}.", f"Send only once: {named}."),
            errors=[FieldError(name.title(), TWICE) for name in repeated],
        )
    return [
        (name, (b"; " if name == b"cookie" else b", ").join(values))
        for name, values in lines.items()
    ]


def _cache_control(scope: HTTPScope, status: int) -> str:
    """The `Cache-Control` of a response whose handler has set none."""
    if status >= 400 or scope["path"] in UNLOGGED:
        return "no-store"
    signed_in = cast("dict[str, object]", scope).get("user") is not None
    if signed_in or scope["method"] not in SAFE_METHODS or scope["path"].startswith(INTERNAL):
        return PRIVATE
    return SHORT_LIVED if 300 <= status < 400 and status != 304 else REVALIDATE

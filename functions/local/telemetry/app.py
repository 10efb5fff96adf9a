"""The receiver's HTTP API, a plain ASGI application.

`POST /v1/traces` and `/v1/metrics` are OTLP/HTTP in JSON. `GET /dev/traces` and `/dev/metrics` are
the pages, and `/api/traces` is what they show as JSON. It accepts requests for addresses of this
machine only, so that a page of another site cannot read it under a name of its own.
"""

import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from functions.local.telemetry import pages
from functions.local.telemetry.otlp import MalformedExport, read_metrics, read_spans
from functions.local.telemetry.pages import Pages
from functions.local.telemetry.store import Store

MAX_BYTES = 8 * 1024 * 1024
"""Of a body, also after it is decompressed."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HTML = "text/html; charset=utf-8"
_JSON = "application/json"
_LOCAL = {"127.0.0.1", "localhost", "[::1]"}


class _Refused(Exception):
    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers


class App:
    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        more: dict[str, str] = {}
        try:
            status, content, kind = await self._answer(scope, headers, receive)
        except _Refused as refusal:
            status, content, kind = refusal.status, str(refusal), "text/plain; charset=utf-8"
            more = refusal.headers
        body = content.encode()
        sent = {**pages.HEADERS, **more, "content-type": kind, "content-length": str(len(body))}
        if status == 308:
            sent["location"] = pages.TRACES
        encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        hidden = scope["method"] == "HEAD"
        await send({"type": "http.response.body", "body": b"" if hidden else body})

    async def _answer(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> tuple[int, str, str]:
        """Status, content and media type."""
        host = headers.get("host", "")
        if (host if host.endswith("]") else host.rpartition(":")[0] or host) not in _LOCAL:
            raise _Refused(421, "this receiver is for programs of this machine")
        path = scope["path"]
        match "GET" if scope["method"] == "HEAD" else scope["method"]:
            case "POST" if path == "/v1/traces":
                body = await _body(headers, receive)
                rejected = self._add(self.store.add_spans, read_spans, body)
                return 200, _received("rejectedSpans", rejected, "the trace is too large"), _JSON
            case "POST" if path == "/v1/metrics":
                body = await _body(headers, receive)
                rejected = self._add(self.store.add_metrics, read_metrics, body)
                reason = "the value is not finite"
                return 200, _received("rejectedDataPoints", rejected, reason), _JSON
            case "GET" if path in {"/v1/traces", "/v1/metrics"}:
                pass
            case "GET" if path.startswith("/dev/"):
                return self._page(path, Pages(headers))
            case "GET":
                return self._other(path, Pages(headers))
        raise _Refused(
            405,
            "GET a page, or POST telemetry to /v1/traces or /v1/metrics",
            allow="POST" if path in {"/v1/traces", "/v1/metrics"} else "GET, HEAD",
        )

    def _page(self, path: str, shown: Pages) -> tuple[int, str, str]:
        if path == pages.TRACES:
            return 200, shown.traces(self.store), _HTML
        if path == pages.METRICS:
            return 200, shown.metrics(self.store), _HTML
        if path == pages.STYLE:
            return 200, pages.CSS, "text/css"
        trace = self.store.trace(path.removeprefix(f"{pages.TRACES}/"))
        if trace is None:
            return 404, shown.unknown(), _HTML
        return 200, shown.trace(trace), _HTML

    def _other(self, path: str, shown: Pages) -> tuple[int, str, str]:
        if path == "/":
            return 308, "", "text/plain"
        if path == "/healthz":
            return 200, "ok", "text/plain"
        if path == "/api/traces":
            traces = [{"id": each.id, "spans": each.spans} for each in self.store.traces()]
            return 200, msgspec.json.encode(traces).decode(), _JSON
        if path == "/api/metrics":
            series = [
                {**key._asdict(), "labels": dict(key.labels), "value": each.points[-1][1]}
                for key, each in self.store.series()
            ]
            return 200, msgspec.json.encode(series).decode(), _JSON
        return 404, shown.unknown(), _HTML

    @staticmethod
    def _add(add: Callable[[Any], int], read: Callable[[bytes], Any], body: bytes) -> int:
        """The number of spans or points that were not stored."""
        try:
            return add(list(read(body)))  # a malformed export is refused whole
        except MalformedExport as error:
            raise _Refused(400, str(error)) from error


def _received(name: str, rejected: int, reason: str) -> str:
    """The body of a response to an export, as OTLP has it."""
    partial = {name: str(rejected), "errorMessage": reason} if rejected else {}
    return msgspec.json.encode({"partialSuccess": partial}).decode()


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The body of an export, decompressed."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise _Refused(415, "OTLP/HTTP in JSON is accepted: set the protocol http/json")
    body = bytearray()
    while True:
        part = await receive()
        body += part.get("body", b"")
        if len(body) > MAX_BYTES:
            raise _Refused(413, f"an export is limited to {MAX_BYTES} bytes")
        if part["type"] == "http.disconnect" or not part.get("more_body", False):
            break
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in {"", "identity", "gzip"}:
        raise _Refused(415, "only gzip is decompressed")
    return decompressed(bytes(body)) if encoding == "gzip" else bytes(body)


def decompressed(body: bytes) -> bytes:
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = decompressor.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise _Refused(400, "the body is not gzip") from error
    if decompressor.unconsumed_tail:
        raise _Refused(413, f"an export is limited to {MAX_BYTES} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise _Refused(400, "the body is not one whole gzip stream")
    return content

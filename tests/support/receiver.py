"""A real receiver of traces, in a thread, whose answers a test may choose.

Each export is held against OpenTelemetry's own definitions.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from functions.local.telemetry.app import decompressed
from functions.local.telemetry.otlp import Span, read_metrics, read_spans
from functions.local.telemetry.store import Store, Trace
from tests.support.otlp import check_export

LIMIT = 60.0
"""Seconds; only what will never arrive takes that long."""


class Receiver:
    """Stores what it gets; `statuses` are answered first, each without storing."""

    def __init__(self) -> None:
        self.store = Store()
        self.statuses: list[int] = []
        self.refused_path: tuple[str, int] | None = None
        """A path, and the status that each request to it gets."""
        self.retry_after = ""
        """Sent with each of these."""
        self.answer = b""
        """The body of a 200."""
        self.hang = threading.Event()
        """While it is set, requests are not answered."""
        self.requests: list[dict[str, str]] = []
        """The headers of each, in lower case."""
        self.bodies: list[bytes] = []
        self.malformed: list[Exception] = []
        """What OpenTelemetry's definitions do not allow; `receiving` raises it at its end."""
        self.changed = threading.Condition()
        self.url = ""

    def wait_for(self, name: str, **wanted: str) -> Span:
        """The first span of this name, when it has arrived.

        `wanted` has its `service` or `trace_id`, or the id of a span that it is `linked_to`.
        """
        deadline = time.monotonic() + LIMIT
        with self.changed:
            while True:
                for span in self.spans():
                    if span.name == name and _fits(span, **wanted):
                        return span
                if not self.changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"no span {name} {wanted}: {sorted(self.names())}")

    async def arrived(self, name: str, **wanted: str) -> Span:
        """The same, without blocking the event loop, on which the sender may run."""
        return await asyncio.to_thread(self.wait_for, name, **wanted)

    def spans(self) -> list[Span]:
        """The oldest traces first."""
        return [span for trace in reversed(self.store.traces()) for span in trace.spans]

    def names(self) -> set[str]:
        return {span.name for span in self.spans()}

    def trace(self, trace_id: str) -> Trace:
        found = self.store.trace(trace_id)

        assert found is not None
        return found

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        while self.hang.is_set():
            time.sleep(0.05)  # until a test ends it, or the sender goes
        with self.changed:
            self.requests.append(headers)
            if self.statuses:
                self.changed.notify_all()
                return self.statuses.pop(0)
            if self.refused_path is not None and path == self.refused_path[0]:
                return self.refused_path[1]
            content = decompressed(body) if headers.get("content-encoding") == "gzip" else body
            self.bodies.append(content)
            try:
                check_export(path, content)
            except Exception as error:  # noqa: BLE001 - it is raised where the test waits
                self.malformed.append(error)
            if path == "/v1/traces":
                self.store.add_spans(read_spans(content))
            else:
                self.store.add_metrics(read_metrics(content))
            self.changed.notify_all()
        return 200


def _fits(span: Span, service: str = "", trace_id: str = "", linked_to: str = "") -> bool:
    return (
        service in {"", span.service}
        and trace_id in {"", span.trace_id}
        and (not linked_to or linked_to in {span_id for _, span_id in span.links})
    )


def ancestors(trace: Trace, span: Span) -> list[str]:
    """Service and name of a span, of its parent, and so on up to the root."""
    by_id = {each.span_id: each for each in trace.spans}
    found = []
    current: Span | None = span
    while current is not None:
        found.append(f"{current.service} {current.name}")
        current = by_id.get(current.parent_id)
    return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            status = receiver.receive(self.path, headers, body)
            answer = receiver.answer if status == 200 else b""
            self.send_response(status)
            if receiver.retry_after and status != 200:
                self.send_header("retry-after", receiver.retry_after)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its interface
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that goes while it is not answered is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.hang.clear()
        server.shutdown()
        server.server_close()
        thread.join()
    if receiver.malformed:
        raise ExceptionGroup("exports that are no OTLP", receiver.malformed)

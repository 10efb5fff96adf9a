"""The exporter and what is not a receiver: it hangs, drips, closes, or answers anything at all.

Whatever it does, recording a span waits for nothing, what waits is bounded, and the exporter is
still there when a receiver is.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.kit.base import otlp, tracing
from functions.kit.base.otlp import BATCH, Exporter
from functions.kit.base.settings import AppSettings
from functions.kit.base.tracing import CLIENT, MAX_QUEUE, Tracer, span_of
from tests.servers.programs import free_port

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Answer = Callable[[socket.socket, threading.Event], None]
"""Answers on a connection, until the event is set or the client has gone."""


def hang(_: socket.socket, over: threading.Event) -> None:
    over.wait()


def close(_: socket.socket, __: threading.Event) -> None:
    """Without an answer."""


def repeat(first: bytes, part: bytes) -> Answer:
    """An answer without an end, of which each part comes in time."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(first)
        while not over.wait(0.005):
            connection.sendall(part)

    return answer


def once(content: bytes) -> Answer:
    def answer(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(content)

    return answer


ENDPOINTS: dict[str, Answer] = {
    "hangs": hang,
    "closes": close,
    "drips its status": repeat(b"HTTP/1.1 20", b"0"),
    "drips a header": repeat(b"HTTP/1.1 200 OK\r\nx: ", b"x"),
    "drips headers": repeat(b"HTTP/1.1 200 OK\r\n", b"x: 1\r\n"),
    "drips its body": repeat(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n", b"x"),
    "says 100 for ever": repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "has a wrong length": once(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"),
    "has no length": once(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nx"),
    "has wrong chunks": once(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
    "speaks another protocol": once(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "redirects": once(b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:9/\r\n\r\n"),
}


class Endpoint:
    """Reads a request, and answers as it was told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connected = threading.Semaphore(0)
        """Released for each connection that has sent something."""
        self.over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:  # closed at the end
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if connection.recv(65536):
                self.connected.release()
                self.answer(connection, self.over)


@contextlib.contextmanager
def endpoint(answer: Answer) -> Iterator[Endpoint]:
    running = Endpoint(answer)
    thread = threading.Thread(target=running.accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.over.set()
        running.listening.shutdown(socket.SHUT_RDWR)
        running.listening.close()
        thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "PERIOD", 0.01)
    monkeypatch.setattr(otlp, "RETRY_DELAYS", (0.01,))


def exporter(url: str, tracer: Tracer) -> Exporter:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TIMEOUT": "100"}
    return Exporter("sample", AppSettings.from_mapping(environ), tracer)


def record(tracer: Tracer, count: int) -> None:
    with tracing.tracing(tracer):
        for number in range(count):
            span_of(PARENT, f"span {number}", CLIENT).finish()


def held(running: Exporter, tracer: Tracer) -> int:
    return len(running._batch) + len(tracer.finished)


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_the_exporter_outlives_an_endpoint_that(kind: str) -> None:
    """It gives each request up in its time, holds a bounded number of spans, and tries again until
    the endpoint answers as a receiver does."""
    tracer = Tracer()
    with endpoint(ENDPOINTS[kind]) as place:
        running = exporter(place.url, tracer)
        running.start()
        for _ in range(3):
            record(tracer, 2 * MAX_QUEUE)

            assert held(running, tracer) <= MAX_QUEUE + BATCH
            assert place.connected.acquire(timeout=60), "it does not try again"
        place.answer = once(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        while held(running, tracer):
            threading.Event().wait(0.01)  # until it is exported; the thread tells nobody
        running.stop(timeout=60)

        assert not running.is_alive()


def test_spans_that_an_endpoint_does_not_take_are_counted() -> None:
    """Every span was exported, is held, or is among those that were dropped."""
    tracer = Tracer()
    running = exporter(f"http://127.0.0.1:{free_port()}", tracer)
    running.start()
    record(tracer, 3 * MAX_QUEUE)
    running.stop(timeout=0)

    assert held(running, tracer) + tracer.dropped == 3 * MAX_QUEUE


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200), st.booleans())
def test_whatever_is_answered_the_exporter_goes_on(content: bytes, looks_like_http: bool) -> None:
    """Also where it begins as an answer does."""
    begin = b"HTTP/1.1 200 OK\r\n" if looks_like_http else b""
    tracer = Tracer()
    with endpoint(once(begin + content)) as place:
        running = exporter(place.url, tracer)
        running.start()
        for _ in range(2):
            record(tracer, 1)

            assert place.connected.acquire(timeout=60), "it does not try again"
        running.stop()

"""Exports spans and metrics by OTLP/HTTP in JSON, in a thread of its own.

It is imported after the first response, or when the process ends. A receiver that is slow, hangs or
refuses costs no request anything: only the thread waits, and the spans that wait are bounded. On
shutdown what is left is sent once, in at most `LAST_EXPORT` seconds.

Source: OTLP specification 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding": ids are hexadecimal,
64-bit integers are strings.
"""

import contextlib
import gzip
import http.client
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from functions.kit.base.settings import AppSettings, name_values
from functions.kit.base.tracing import MAX_TEXT, FinishedSpan, Tracer, Value

logger = logging.getLogger(__name__)

SCOPE = {"name": "bookstore"}
BATCH = 512
"""Spans of one request."""
PERIOD = 2.0
"""Seconds between two exports of spans."""
METRICS_PERIOD = 30.0
"""Seconds between two exports of metrics."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 30.0)
LAST_EXPORT = 3.0
"""Seconds, at most, for the export on shutdown."""
_FAILED = '{"code":2}'
RETRYABLE = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed (OTLP specification, "Failures")."""

Measure = Callable[[], list[dict[str, Any]]]
"""Returns the metrics as OTLP's JSON, in a consistent state."""


class Exporter(threading.Thread):
    """Exports until `stop`. A daemon, so that it never keeps a process from ending."""

    def __init__(
        self,
        service: str,
        settings: AppSettings,
        tracer: Tracer,
        measure: Measure | None = None,
    ) -> None:
        super().__init__(name="otlp exporter", daemon=True)
        self._tracer = tracer
        self._measure = measure
        self._resource = {
            "attributes": [
                msgspec.Raw(_attribute(*each)) for each in resource(service, settings).items()
            ]
        }
        self._client = _Client(settings)
        self._stopping = threading.Event()
        self._failures = 0
        self._batch: list[msgspec.Raw] = []
        """Taken from the tracer, and not exported yet."""

    def run(self) -> None:
        measured_at = -METRICS_PERIOD
        while not self._stopping.wait(self._delay()):
            ok = self._export_spans()
            if ok and time.monotonic() >= measured_at + METRICS_PERIOD:
                measured_at = time.monotonic()
                ok = self._export_metrics()
            self._failures = 0 if ok else self._failures + 1
        self._client.close()
        if self._export_spans():
            self._export_metrics()
        self._client.close()

    def stop(self, timeout: float = LAST_EXPORT) -> None:
        """Export what is left, and wait for it at most as long as `timeout`, in seconds."""
        self._client.timeout = min(self._client.timeout, timeout)
        self._stopping.set()
        self.join(timeout)

    def _delay(self) -> float:
        if not self._failures:
            return PERIOD
        return max(PERIOD, RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS)) - 1])

    def _export_spans(self) -> bool:
        """Whether the queue is exported. A batch that may succeed later is kept."""
        finished = self._tracer.finished
        while True:
            with contextlib.suppress(IndexError):
                while len(self._batch) < BATCH:
                    self._batch.append(_span(finished.popleft()))
            if not self._batch:
                return True
            body = {
                "resourceSpans": [
                    {
                        "resource": self._resource,
                        "scopeSpans": [{"scope": SCOPE, "spans": self._batch}],
                    }
                ]
            }
            if not self._post("/v1/traces", body):
                return False
            self._batch = []

    def _export_metrics(self) -> bool:
        if self._measure is None:
            return True
        metrics = self._measure()
        scope = {"scope": SCOPE, "metrics": metrics}
        body = {"resourceMetrics": [{"resource": self._resource, "scopeMetrics": [scope]}]}
        return self._post("/v1/metrics", body) if metrics else True

    def _post(self, path: str, body: object) -> bool:
        """Whether the receiver has answered finally. A refusal is logged, and not repeated."""
        try:
            status = self._client.post(path, msgspec.json.encode(body))
        except Exception as error:  # noqa: BLE001 - whatever is answered, the thread goes on
            self._report("telemetry cannot be exported: %r", error)
            return False
        if status in RETRYABLE:
            self._report("telemetry cannot be exported: the receiver answered %s", status)
            return False
        if status >= 300:
            logger.warning("the receiver of telemetry answered %d; a batch is lost", status)
        return True

    def _report(self, message: str, reason: object) -> None:
        # Once per outage.
        logger.log(logging.DEBUG if self._failures else logging.WARNING, message, reason)


class _Client:
    """POST requests on one connection that is kept."""

    def __init__(self, settings: AppSettings) -> None:
        self.timeout = settings.otel_exporter_otlp_timeout / 1000
        parts = urlsplit(settings.otel_exporter_otlp_endpoint.rstrip("/"))
        self._secure = parts.scheme == "https"
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path
        self._certificate = settings.otel_exporter_otlp_certificate
        self._headers = {
            **(name_values(settings.otel_exporter_otlp_headers.reveal()) or {}),
            "content-type": "application/json",
        }
        self._compress = settings.otel_exporter_otlp_compression == "gzip"
        if self._compress:
            self._headers["content-encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None
        self._expired = False

    def post(self, path: str, body: bytes) -> int:
        """The status. A kept connection that the receiver has closed is opened again, once."""
        kept = self._connection is not None
        content = gzip.compress(body, 1) if self._compress else body
        try:
            return self._send(path, content)
        except (ConnectionError, http.client.BadStatusLine):
            self.close()
            if not kept or self._expired:
                raise
            return self._send(path, content)
        except BaseException:
            self.close()
            raise

    def _send(self, path: str, content: bytes) -> int:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = self.timeout
        connection.request("POST", self._path + path, content, self._headers)
        with self._deadline(connection.sock):
            response = connection.getresponse()
            response.read(64 * 1024)
        if not response.isclosed():  # longer than anything that a receiver has to say
            self.close()
        return response.status

    @contextlib.contextmanager
    def _deadline(self, sock: socket.socket) -> Iterator[None]:
        """End a response that takes longer than `timeout` as a whole: the timeout of a socket is
        for each of its parts, and a receiver may send them one by one for ever."""
        self._expired = False

        def expire() -> None:
            self._expired = True
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self.timeout, expire)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()
        if self._expired:  # what was read of it may look like a short response
            raise TimeoutError(f"no whole response within {self.timeout:g} s")

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
        import ssl  # noqa: PLC0415 - only for https

        context = ssl.create_default_context(cafile=self._certificate or None)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self.timeout, context=context
        )

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def resource(service: str, settings: AppSettings) -> dict[str, Value]:
    """The attributes of everything that this process exports."""
    import os  # noqa: PLC0415 - with the rest of this function

    own: dict[str, Value] = {
        "service.namespace": "bookstore",
        # The pod's name in a cluster; on one machine several processes share its name.
        "service.instance.id": f"{os.environ.get('HOSTNAME') or 'local'}-{os.getpid()}",
        "deployment.environment.name": str(settings.environment),
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "bookstore",
        "telemetry.sdk.language": "python",
    }
    if revision := os.environ.get("K_REVISION"):
        own["faas.version"] = revision
    own.update(name_values(settings.otel_resource_attributes) or {})
    # A name of its own takes precedence over one in the attributes, as the specification has it.
    own["service.name"] = settings.otel_service_name or own.get("service.name", service)
    return own


def _span(span: FinishedSpan) -> msgspec.Raw:
    """A span as JSON. Only names and texts need escapes; ids and numbers are written as they are.

    Put together as a text, which takes a third of the time of dicts that are then encoded: spans
    share the interpreter with the requests.
    """
    attributes = [_attribute(name, value) for name, value in span.attributes.items()]
    if (shared := span.shared) is not None:
        if shared.encoded is None:
            shared.encoded = ",".join(_attribute(*each) for each in shared.values.items())
        attributes += [shared.encoded] if shared.encoded else []
    parent = f'"parentSpanId":"{span.parent_id}",' if span.parent_id is not None else ""
    links = f'"links":[{",".join(map(_link, span.links))}],' if span.links else ""
    start = span.start
    return msgspec.Raw(
        f'{{"traceId":"{span.trace_id}","spanId":"{span.span_id}",{parent}"flags":1,'
        f'"name":{_text(span.name)},"kind":{span.kind},{links}'
        f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{max(start, span.end)}",'
        f'"attributes":[{",".join(attributes)}],"status":{_FAILED if span.failed else "{}"}}}'
    )


def _link(traceparent: str) -> str:
    flags = int(traceparent[53:55], 16)
    return f'{{"traceId":"{traceparent[3:35]}","spanId":"{traceparent[36:52]}","flags":{flags}}}'


def _attribute(name: str, value: Value) -> str:
    return f'{{"key":{_text(name)},"value":{_value(value)}}}'


def _value(value: Value) -> str:
    if isinstance(value, str):
        # It may come from a request; an unpaired surrogate has no UTF-8.
        text = value[:MAX_TEXT].encode("utf-8", "replace").decode()
        return f'{{"stringValue":{_json(text)}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    return f'{{"doubleValue":{_double(value)}}}'


def _double(value: float) -> str:
    """JSON has no numbers for these three; their texts are those of protobuf."""
    if math.isfinite(value):
        return repr(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


# Names are the same few.
_text = lru_cache(maxsize=1024)(_json)

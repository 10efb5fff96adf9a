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
from typing import Any, NamedTuple
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
MAX_RETRY_AFTER = 300.0
"""Seconds that a receiver may ask for by `Retry-After`; the queue is full long before."""
_LONGEST_ANSWER = 64 * 1024
"""Bytes. A receiver has little to say."""

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
        self._spans = _Signal("/v1/traces", lambda: PERIOD)
        self._metrics = _Signal("/v1/metrics", lambda: METRICS_PERIOD)
        self._batch: list[msgspec.Raw] = []
        """Taken from the tracer, and not exported yet."""

    def run(self) -> None:
        exports = {self._spans: self._export_spans, self._metrics: self._export_metrics}
        due = dict.fromkeys(exports, time.monotonic() + PERIOD)
        while not self._stopping.is_set():
            is_filling = self._wait(min(due.values()))
            for signal, export in exports.items():
                is_due = time.monotonic() >= due[signal] or (is_filling and signal is self._spans)
                if is_due and not self._stopping.is_set():
                    signal.failures = 0 if self._goes_well(export) else signal.failures + 1
                    due[signal] = time.monotonic() + signal.pause()
        self._client.close()
        if not self._goes_well(self._export_spans):
            left = len(self._batch) + len(self._tracer.finished)
            logger.warning("the process ends, and %d spans of its telemetry are lost", left)
        self._goes_well(self._export_metrics)
        self._client.close()

    def stop(self, timeout: float = LAST_EXPORT) -> None:
        """Export what is left, and wait for it at most as long as `timeout`, in seconds."""
        self._client.timeout = min(self._client.timeout, timeout)
        self._stopping.set()
        self._tracer.filling.set()
        self.join(timeout)

    def _goes_well(self, export: Callable[[], bool]) -> bool:
        """Whatever goes wrong, the thread goes on: without it there is no telemetry any more."""
        try:
            return export()
        except Exception:
            logger.exception("telemetry cannot be exported, because of a defect")
            return False

    def _wait(self, until: float) -> bool:
        """Wait for the next export; True where it is early, because the queue fills up. A receiver
        that takes no spans is given its time."""
        left = max(0.0, until - time.monotonic())
        if self._spans.failures:
            self._stopping.wait(left)
            return False
        is_filling = self._tracer.filling.wait(left)
        self._tracer.filling.clear()
        return is_filling

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
            refused = self._post(self._spans, body, len(self._batch))
            if refused is None:
                return False
            self._tracer.refused += refused
            self._batch = []

    def _export_metrics(self) -> bool:
        if self._measure is None:
            return True
        metrics = self._measure()
        scope = {"scope": SCOPE, "metrics": metrics}
        body = {"resourceMetrics": [{"resource": self._resource, "scopeMetrics": [scope]}]}
        return not metrics or self._post(self._metrics, body, len(metrics)) is not None

    def _post(self, signal: "_Signal", body: object, count: int) -> int | None:
        """How many of `count` items the receiver has refused, for good; None if the same request
        may succeed later."""
        signal.retry_after = 0.0
        try:
            answer = self._client.post(signal.path, msgspec.json.encode(body))
        except Exception as error:  # noqa: BLE001 - whatever is answered, the thread goes on
            signal.report("telemetry cannot be exported to %s: %r", error)
            return None
        if answer.status in RETRYABLE:
            signal.retry_after = _seconds(answer.retry_after)
            reason = f"the receiver answered {answer.status}"
            signal.report("telemetry cannot be exported to %s: %s", reason)
            return None
        refused = count if answer.status >= 300 else min(count, _rejected(answer.body))
        if refused:
            logger.log(
                # Once until one is accepted: a wrong address would be a line every two seconds.
                logging.DEBUG if signal.is_refused else logging.WARNING,
                "the receiver of telemetry answered %d to %s, and %d items are lost",
                *(answer.status, signal.path, refused),
            )
        signal.is_refused = refused > 0
        return refused


class _Signal:
    """How the exports to one path go.

    A refusal of traces delays no metrics, and the reverse: a receiver may be out of room for one of
    them only. A request that hangs delays both, by its time limit.
    """

    def __init__(self, path: str, period: Callable[[], float]) -> None:
        self.path = path
        self._period = period
        self.failures = 0
        """Consecutive ones."""
        self.retry_after = 0.0
        """Seconds that the receiver has asked for."""
        self.is_refused = False
        """Whether the last request was refused for good, at least in part."""

    def pause(self) -> float:
        """Seconds until its next export."""
        if not self.failures:
            return self._period()
        delay = RETRY_DELAYS[min(self.failures, len(RETRY_DELAYS)) - 1]
        return max(PERIOD, delay, self.retry_after)

    def report(self, message: str, reason: object) -> None:
        # Once per outage.
        level = logging.DEBUG if self.failures else logging.WARNING
        logger.log(level, message, self.path, reason)


class _Answer(NamedTuple):
    status: int
    retry_after: str
    body: bytes


class _Rejections(msgspec.Struct, rename="camel"):
    # Texts as all 64-bit integers in OTLP's JSON; some receivers write numbers.
    rejected_spans: int | str = 0
    rejected_data_points: int | str = 0


class _Body(msgspec.Struct, rename="camel"):
    partial_success: _Rejections | None = None


def _rejected(body: bytes) -> int:
    """The items that an accepted request has lost (OTLP specification, "Partial Success")."""
    if not body.lstrip().startswith(b"{"):
        return 0
    try:
        found = msgspec.json.decode(body, type=_Body).partial_success
        return max(0, int(found.rejected_spans) + int(found.rejected_data_points)) if found else 0
    except (ValueError, RecursionError):
        return 0


def _seconds(retry_after: str) -> float:
    """Of a `Retry-After`, in seconds or as a date; 0 for another one."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    import email.utils  # noqa: PLC0415 - most receivers send seconds

    try:
        left = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(0.0, left), MAX_RETRY_AFTER)


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

    def post(self, path: str, body: bytes) -> _Answer:
        """A kept connection that the receiver has closed is opened again, once."""
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

    def _send(self, path: str, content: bytes) -> _Answer:
        connection = self._connection = self._connection or self._connect()
        connection.timeout = self.timeout
        connection.request("POST", self._path + path, content, self._headers)
        with self._deadline(connection.sock):
            response = connection.getresponse()
            body = response.read(_LONGEST_ANSWER)
        if not response.isclosed():
            self.close()
        return _Answer(response.status, response.getheader("retry-after", ""), body)

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

        try:
            context = ssl.create_default_context(cafile=self._certificate or None)
        except OSError as error:  # which names no file
            raise OSError(
                f"OTEL_EXPORTER_OTLP_CERTIFICATE {self._certificate!r} cannot be used: {error}"
            ) from error
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

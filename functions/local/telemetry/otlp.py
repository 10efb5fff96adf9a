"""Decodes OTLP/HTTP in JSON; unknown members are ignored.

Source: OTLP specification 1.x, "JSON Protobuf Encoding", and ProtoJSON, in which a number may also
be a string. What is decoded can be shown: times are within 64 bits, and ids are hexadecimal.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

Value = str | int | float | bool
_Whole = str | int
_Double = float | str

MAX_TEXT = 4_000
"""Characters of a name or a value; the rest is cut off."""
MAX_ATTRIBUTES = 128
"""Of one span, point or resource, and links of one span: the default limits of OpenTelemetry's
SDKs."""
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_DOUBLE = re.compile(r"NaN|-?Infinity|-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")


class _Tolerant(msgspec.Struct, rename="camel"):
    pass


class KeyValue(_Tolerant):
    key: str
    value: dict[str, Any] = {}


class Link(_Tolerant):
    trace_id: str
    span_id: str


class Status(_Tolerant):
    code: int = 0


class _Span(_Tolerant):
    trace_id: str
    span_id: str
    start_time_unix_nano: _Whole
    end_time_unix_nano: _Whole
    parent_span_id: str = ""
    name: str = ""
    kind: int = 0
    attributes: list[KeyValue] = []
    links: list[Link] = []
    status: Status = msgspec.field(default_factory=Status)


class _Resource(_Tolerant):
    attributes: list[KeyValue] = []


class _ScopeSpans(_Tolerant):
    spans: list[_Span] = []


class _ResourceSpans(_Tolerant):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_spans: list[_ScopeSpans] = []


class _Traces(_Tolerant):
    resource_spans: list[_ResourceSpans] = []


class Point(_Tolerant):
    """A point of any kind of metric; a histogram has `count` and `sum`."""

    attributes: list[KeyValue] = []
    time_unix_nano: _Whole = "0"
    as_int: _Whole | None = None
    as_double: _Double | None = None
    count: _Whole | None = None
    sum: _Double | None = None

    @property
    def time(self) -> int:
        return _time(self.time_unix_nano)

    @property
    def value(self) -> float:
        """May be infinite or not a number."""
        if self.count is not None:
            return float(_number(self.count))
        if self.as_int is not None:
            return float(_number(self.as_int))
        return 0.0 if self.as_double is None else _double(self.as_double)


class _Points(_Tolerant):
    data_points: list[Point] = []


class Metric(_Tolerant):
    name: str
    description: str = ""
    unit: str = ""
    sum: _Points | None = None
    gauge: _Points | None = None
    histogram: _Points | None = None

    @property
    def points(self) -> list[Point]:
        return [
            point
            for kind in (self.sum, self.gauge, self.histogram)
            if kind is not None
            for point in kind.data_points
        ]


class _ScopeMetrics(_Tolerant):
    metrics: list[Metric] = []


class _ResourceMetrics(_Tolerant):
    resource: _Resource = msgspec.field(default_factory=_Resource)
    scope_metrics: list[_ScopeMetrics] = []


class _Metrics(_Tolerant):
    resource_metrics: list[_ResourceMetrics] = []


class Span(msgspec.Struct, frozen=True):
    """A span with its service."""

    service: str
    instance: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    """In nanoseconds since 1970."""
    end: int
    attributes: dict[str, Value]
    links: list[tuple[str, str]]
    """Trace id and span id of each."""
    failed: bool


class MalformedExport(Exception):
    """Not OTLP in JSON; the text is the reason."""


def read_spans(body: bytes) -> Iterator[Span]:
    """Raises `MalformedExport`."""
    for group in _decode(body, _Traces).resource_spans:
        resource = attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Span(
                    service=str(resource.get("service.name", "unknown")),
                    instance=str(resource.get("service.instance.id", "")),
                    trace_id=_id(_TRACE_ID, span.trace_id),
                    span_id=_id(_SPAN_ID, span.span_id),
                    parent_id=_parent(span.parent_span_id),
                    name=_clipped(span.name),
                    kind=span.kind,
                    start=_time(span.start_time_unix_nano),
                    end=_time(span.end_time_unix_nano),
                    attributes=attributes(span.attributes),
                    links=[
                        (_id(_TRACE_ID, each.trace_id), _id(_SPAN_ID, each.span_id))
                        for each in span.links[:MAX_ATTRIBUTES]
                    ],
                    failed=span.status.code == 2,
                )


def read_metrics(body: bytes) -> Iterator[tuple[str, str, Metric]]:
    """Service, instance and metric. Raises `MalformedExport`."""
    for group in _decode(body, _Metrics).resource_metrics:
        resource = attributes(group.resource.attributes)
        service = str(resource.get("service.name", "unknown"))
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                for text in ("name", "unit", "description"):
                    setattr(metric, text, _clipped(getattr(metric, text)))
                for point in metric.points:
                    _ = point.time, point.value, attributes(point.attributes)  # or it is malformed
                yield service, str(resource.get("service.instance.id", "")), metric


def attributes(pairs: list[KeyValue]) -> dict[str, Value]:
    """Attributes with plain values; arrays and maps become their JSON."""
    return {_clipped(pair.key): _plain(pair.value) for pair in pairs[:MAX_ATTRIBUTES]}


def _plain(value: dict[str, Any]) -> Value:
    for kind, content in value.items():
        if kind == "intValue":
            return _number(content)
        if isinstance(content, str):
            return _clipped(content)
        if isinstance(content, (bool, int, float)):
            return content
    return _clipped(msgspec.json.encode(value).decode())


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _number(value: object) -> int:
    """A whole number of 64 bits, signed or not."""
    text = str(value)
    if not _WHOLE.fullmatch(text) or not -(2**63) <= int(text) < 2**64:
        raise MalformedExport(f"{text[:40]} is not a whole number of 64 bits")
    return int(text)


def _time(value: object) -> int:
    """Below 2**64, which is in the year 2554."""
    time = _number(value)
    if time < 0:
        raise MalformedExport(f"{time} is not a time in nanoseconds since 1970")
    return time


def _double(value: _Double) -> float:
    if isinstance(value, str) and not _DOUBLE.fullmatch(value):
        raise MalformedExport(f"{value[:40]} is not a number")
    return float(value)


def _id(form: re.Pattern[str], text: str) -> str:
    """An id in lower case; one of zeros is no id (W3C Trace Context)."""
    lower = text.lower()
    if not form.fullmatch(lower) or not lower.strip("0"):
        raise MalformedExport(f"{text[:40]!r} is not the id of a trace or span")
    return lower


def _parent(text: str) -> str:
    """The id of the parent; empty for a span without one, which some senders write as zeros."""
    return _id(_SPAN_ID, text) if text.strip("0") else ""


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedExport(str(error)) from error

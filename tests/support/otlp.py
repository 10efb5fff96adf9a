"""Checks exports against OpenTelemetry's own definitions, the Protobuf messages of its package.

OTLP's JSON is that of Protobuf with two differences: ids of traces and spans are hexadecimal, where
Protobuf has base64, and enums are numbers (OTLP specification, "JSON Protobuf Encoding").
"""

import base64
from typing import Any

import msgspec
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}
_IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}
"""Names, and their bytes."""
_ENUMS: dict[str, Any] = {
    "kind": Span.SpanKind.values(),
    "code": Status.StatusCode.values(),
    "aggregationTemporality": AggregationTemporality.values(),
}


def check_export(path: str, body: bytes) -> None:
    """Raises `AssertionError` or `google.protobuf.json_format.ParseError`."""
    content = msgspec.json.encode(_as_protobuf_has_it(msgspec.json.decode(body)))
    parsed = Parse(content, _MESSAGES[path](), ignore_unknown_fields=False)
    if path == "/v1/metrics":
        for resource in parsed.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    _check_metric(metric)


def _as_protobuf_has_it(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_protobuf_has_it(each) for each in node]
    if not isinstance(node, dict):
        return node
    for name, value in node.items():
        if name in _ENUMS:
            assert value in _ENUMS[name], (name, value)
    return {
        name: _base64(name, value) if name in _IDS else _as_protobuf_has_it(value)
        for name, value in node.items()
    }


def _base64(name: str, value: str) -> str:
    content = bytes.fromhex(value)

    assert len(content) == _IDS[name], (name, value)
    assert any(content), (name, value)
    return base64.b64encode(content).decode()


def _check_metric(metric: Metric) -> None:
    """What the types do not say (metrics.proto): counts agree, bounds rise, times are in order."""
    kind = metric.WhichOneof("data")

    assert metric.name
    assert kind in {"sum", "gauge", "histogram"}, metric.name
    points = getattr(metric, str(kind)).data_points
    assert points, metric.name
    for point in points:
        assert 0 < point.start_time_unix_nano <= point.time_unix_nano
        assert all(each.key for each in point.attributes)
    if kind == "histogram":
        for point in points:
            assert point.count == sum(point.bucket_counts)
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
            assert list(point.explicit_bounds) == sorted(set(point.explicit_bounds))
            for exemplar in point.exemplars:
                assert exemplar.WhichOneof("value") == "as_double"
                assert (len(exemplar.trace_id), len(exemplar.span_id)) == (16, 8)
                assert 0 < exemplar.time_unix_nano <= point.time_unix_nano

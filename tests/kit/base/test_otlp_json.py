"""Spans as JSON, whatever their names and values are."""

import math
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base import tracing
from functions.kit.base.otlp import _span
from functions.kit.base.tracing import CLIENT, MAX_TEXT, SharedAttributes, Tracer, Value, span_of
from tests.support.otlp import check_export

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ['"', "\\", "</script>", "\x00", "\u2028", "\ud800", "é" * (MAX_TEXT + 1)]
)
VALUES: st.SearchStrategy[Value] = (
    TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
)
ATTRIBUTES = st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), VALUES, max_size=4)


def plain(value: dict[str, Any]) -> Value:
    """The value of an attribute, as a receiver reads it."""
    ((kind, content),) = value.items()
    read: dict[str, Any] = {"intValue": int, "doubleValue": float}
    result: Value = read.get(kind, lambda each: each)(content)
    return result


def expected(value: Value) -> Value:
    if isinstance(value, str):
        return value[:MAX_TEXT].encode("utf-8", "replace").decode()
    return value


def same(first: Value, second: Value) -> bool:
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first):
        return math.isnan(second)
    return type(first) is type(second) and first == second


@given(
    name=st.text(st.characters(codec="utf-8"), max_size=20),
    own=ATTRIBUTES,
    common=ATTRIBUTES,
    parent=st.sampled_from([None, PARENT]),
    links=st.lists(st.just(PARENT), max_size=2),
    error=st.sampled_from([None, KeyError("x")]),
)
def test_any_span_is_valid_and_keeps_its_values(
    name: str,
    own: dict[str, Value],
    common: dict[str, Value],
    parent: str | None,
    links: list[str],
    error: Exception | None,
) -> None:
    """By OpenTelemetry's own messages; a text is cut, and what has no UTF-8 is replaced."""
    tracer = Tracer()
    with tracing.tracing(tracer):
        recorded = span_of(parent, name, CLIENT, dict(own), SharedAttributes(common))
        for each in links:
            recorded.link(each)
        recorded.__exit__(type(error) if error else None, error, None)
    (finished,) = tracer.finished
    written = [_span(finished), _span(finished)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": written}]}]}
    content = msgspec.json.encode(body)
    check_export("/v1/traces", content)
    first, second = msgspec.json.decode(content)["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert first == second
    assert first["name"] == name
    assert (first["traceId"], first["spanId"]) == (finished.trace_id, finished.span_id)
    assert first.get("parentSpanId") == (PARENT[36:52] if parent else None)
    assert len(first.get("links", ())) == len(links)
    assert first["status"] == ({"code": 2} if error else {})
    assert int(first["endTimeUnixNano"]) >= int(first["startTimeUnixNano"]) > 0
    pairs = [(each["key"], plain(each["value"])) for each in first["attributes"]]
    wanted = [*own.items(), *[("error.type", "KeyError")] * bool(error), *common.items()]
    assert [key for key, _ in pairs] == [key for key, _ in wanted]
    for (_, found), (_, value) in zip(pairs, wanted, strict=True):
        assert same(expected(value), found)

"""What was received, in bounded memory: of more, the oldest is forgotten."""

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import NamedTuple

from functions.local.telemetry.otlp import Metric, Span, attributes

MAX_TRACES = 300
MAX_SPANS = 4000
"""Of one trace. The import of the books that a new shop has is one of about 1,700."""
MAX_TRACE = 4_000_000
"""Characters of one trace: of all names, values and links of its spans."""
MAX_ALL_TRACES = 64_000_000
"""Characters of all traces."""
MAX_SERIES = 2000
MAX_ALL_SERIES = 16_000_000
"""Characters of the names and labels of all series."""
MAX_POINTS = 120
"""Of one series."""


class Trace(NamedTuple):
    """The spans of a trace as far as they have arrived, by their start."""

    id: str
    spans: list[Span]

    @property
    def root(self) -> Span:
        """The span without a parent, or else the earliest one."""
        return next((each for each in self.spans if not each.parent_id), self.spans[0])

    @property
    def start(self) -> int:
        return min(each.start for each in self.spans)

    @property
    def end(self) -> int:
        return max(each.end for each in self.spans)

    @property
    def services(self) -> list[str]:
        """In the order of their first spans."""
        return list(dict.fromkeys(each.service for each in self.spans))

    @property
    def failed(self) -> bool:
        return any(each.failed for each in self.spans)


class SeriesKey(NamedTuple):
    metric: str
    service: str
    instance: str
    labels: tuple[tuple[str, str], ...]


class Series:
    """The last points of a series, as time in nanoseconds since 1970 and value."""

    def __init__(self, unit: str, description: str) -> None:
        self.unit = unit
        self.description = description
        self.points: deque[tuple[int, float]] = deque(maxlen=MAX_POINTS)


class _Spans:
    """The spans of a trace by their ids, and their characters."""

    def __init__(self) -> None:
        self.by_id: dict[str, Span] = {}
        self.size = 0

    def add(self, span: Span) -> bool:
        """Whether there was room for it."""
        former = self.by_id.get(span.span_id)
        size = self.size + _size_of_span(span) - (_size_of_span(former) if former else 0)
        if size > MAX_TRACE or (former is None and len(self.by_id) >= MAX_SPANS):
            return False
        self.by_id[span.span_id] = span
        self.size = size
        return True


class Store:
    def __init__(self) -> None:
        self._traces: OrderedDict[str, _Spans] = OrderedDict()
        self._size_of_traces = 0
        self._series: OrderedDict[SeriesKey, Series] = OrderedDict()
        self._size_of_series = 0

    def add_spans(self, spans: Iterable[Span]) -> int:
        """The number of spans for which their trace had no room.

        A span that arrives twice, because its export was repeated, is kept once.
        """
        rejected = 0
        for span in spans:
            trace = self._traces.setdefault(span.trace_id, _Spans())
            before = trace.size
            rejected += not trace.add(span)
            self._size_of_traces += trace.size - before
            self._traces.move_to_end(span.trace_id)
            while len(self._traces) > MAX_TRACES or self._size_of_traces > MAX_ALL_TRACES:
                _, forgotten = self._traces.popitem(last=False)
                self._size_of_traces -= forgotten.size
        return rejected

    def add_metrics(self, metrics: Iterable[tuple[str, str, Metric]]) -> int:
        """The number of points that are infinite or no number: no chart has a place for them."""
        rejected = 0
        for service, instance, metric in metrics:
            for point in metric.points:
                if not math.isfinite(point.value):
                    rejected += 1
                    continue
                found = attributes(point.attributes)
                labels = tuple(sorted((name, str(value)) for name, value in found.items()))
                key = SeriesKey(metric.name, service, instance, labels)
                self._add_point(key, metric, (point.time, point.value))
        return rejected

    def _add_point(self, key: SeriesKey, metric: Metric, point: tuple[int, float]) -> None:
        if key not in self._series:
            self._series[key] = Series(metric.unit, metric.description)
            self._size_of_series += _size_of_series(key, self._series[key])
        self._series[key].points.append(point)
        self._series.move_to_end(key)
        while len(self._series) > MAX_SERIES or self._size_of_series > MAX_ALL_SERIES:
            self._size_of_series -= _size_of_series(*self._series.popitem(last=False))

    def traces(self) -> list[Trace]:
        """The trace that got a span last is the first."""
        return [
            _trace(each, spans) for each, spans in reversed(self._traces.items()) if spans.by_id
        ]

    def trace(self, trace_id: str) -> Trace | None:
        spans = self._traces.get(trace_id)
        return _trace(trace_id, spans) if spans and spans.by_id else None

    def series(self) -> list[tuple[SeriesKey, Series]]:
        return sorted(self._series.items(), key=lambda each: each[0])


def _trace(trace_id: str, spans: _Spans) -> Trace:
    found = sorted(spans.by_id.values(), key=lambda each: (each.start, -each.end))
    return Trace(trace_id, found)


def _size_of_span(span: Span) -> int:
    texts = sum(len(name) + len(str(value)) for name, value in span.attributes.items())
    links = sum(map(len, [each for link in span.links for each in link]))
    return len(span.service) + len(span.instance) + len(span.name) + texts + links


def _size_of_series(key: SeriesKey, series: Series) -> int:
    texts = (
        *key[:3],
        series.unit,
        series.description,
        *[each for pair in key.labels for each in pair],
    )
    return sum(map(len, texts))

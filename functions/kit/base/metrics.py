"""Metrics: recorded here, read at `/metrics`, and pushed by `otlp.py`.

Names, units and attributes follow OpenTelemetry's semantic conventions; `docs/metrics.md` lists
them. At `/metrics` they have the names that Prometheus gives to OpenTelemetry's, so that queries
are the same however the metrics arrive. Values are plain numbers: the libraries are imported when a
metric is read, and not at the start.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds of the buckets of a duration (semantic conventions, "HTTP Metrics")."""
MAX_SERIES = 2000
"""Of one instrument; the values of others are lost, so that memory is bounded."""


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Definition(NamedTuple):
    name: str
    kind: Kind
    unit: str
    """In UCUM: `s` for seconds; what is counted is in braces."""
    description: str
    attributes: tuple[str, ...] = ()
    is_of_database: bool = False
    """Whether it is a state that is read from the database, and absent while that is away."""

    @property
    def prometheus_name(self) -> str:
        """As Prometheus translates it: the unit and `_total` are appended."""
        name = self.name.replace(".", "_")
        if self.unit == "s":
            name += "_seconds"
        return name + "_total" * (self.kind is Kind.COUNTER)


DEFINITIONS = (
    Definition(
        "http.server.request.duration",
        Kind.HISTOGRAM,
        "s",
        "Time to answer a request. A refusal's `error.type` is the code of its problem.",
        ("http.request.method", "http.route", "http.response.status_code", "error.type"),
    ),
    Definition(
        "events.created",
        Kind.COUNTER,
        "{event}",
        "Events of committed changes: purchases placed, paid and expired, stock changes, and more.",
        ("type",),
    ),
    Definition(
        "events.received",
        Kind.COUNTER,
        "{event}",
        "Events consumed, by outcome.",
        ("source", "outcome"),
    ),
    Definition(
        "events.quarantined",
        Kind.COUNTER,
        "{event}",
        "Deliveries and reads of events that are malformed, invalid or forged, and were put aside.",
    ),
    Definition(
        "events.gaps_repaired",
        Kind.COUNTER,
        "{gap}",
        "Gaps in a consumed stream that a read of its owner's feed has closed.",
        ("source",),
    ),
    Definition("events.sent", Kind.COUNTER, "{event}", "Events that the broker has accepted."),
    Definition(
        "events.send_failures",
        Kind.COUNTER,
        "{attempt}",
        "Attempts to send an event that the broker did not accept.",
    ),
    Definition(
        "outbox.unsent_events",
        Kind.GAUGE,
        "{event}",
        "Events that wait to be sent to the broker.",
        is_of_database=True,
    ),
    Definition(
        "outbox.oldest_unsent",
        Kind.GAUGE,
        "s",
        "Age of the oldest event that waits to be sent.",
        is_of_database=True,
    ),
    Definition(
        "dead_letters",
        Kind.GAUGE,
        "{event}",
        "Dead letters that were not replayed yet.",
        is_of_database=True,
    ),
    Definition(
        "stream.position_lag",
        Kind.GAUGE,
        "{event}",
        "Events of a consumed stream that are known and not read.",
        ("source",),
        is_of_database=True,
    ),
    Definition(
        "stream.behind",
        Kind.GAUGE,
        "s",
        "Time since a consumed stream was last read to its end.",
        ("source",),
        is_of_database=True,
    ),
    Definition(
        "audit.violations",
        Kind.GAUGE,
        "{row}",
        "Rows that violate an invariant, by the last audit that was run to its end; without"
        " `check` 0, where there are none.",
        ("check",),
        is_of_database=True,
    ),
    Definition(
        "audit.age",
        Kind.GAUGE,
        "s",
        "Time since the last audit that was run to its end.",
        is_of_database=True,
    ),
    Definition(
        "backup.age",
        Kind.GAUGE,
        "s",
        "Time since the last good backup of the database.",
        is_of_database=True,
    ),
    Definition(
        "db.client.connection.count",
        Kind.GAUGE,
        "{connection}",
        "Connections of this process to MySQL that are `idle` or `used`.",
        ("state",),
    ),
    Definition(
        "db.client.connection.max", Kind.GAUGE, "{connection}", "Connections that it may open."
    ),
    Definition(
        "db.client.connection.pending_requests",
        Kind.GAUGE,
        "{request}",
        "Statements that wait, because all connections are in use.",
    ),
    Definition(
        "db.client.connection.wait_time",
        Kind.HISTOGRAM,
        "s",
        "Time until a statement outside of a transaction, or a transaction, got a connection.",
    ),
    Definition(
        "db.client.connection.timeouts",
        Kind.COUNTER,
        "{timeout}",
        "Those that got none in time: their requests were answered 503.",
    ),
    Definition(
        "faas.init_duration",
        Kind.HISTOGRAM,
        "s",
        "Time from the start of the process until it listened. Its count is that of cold starts.",
    ),
    Definition(
        "telemetry.dropped_spans",
        Kind.GAUGE,
        "{span}",
        "Spans of this process that are lost: the receiver refused them, or did not take them in"
        " time.",
    ),
)
"""Every metric that all services have; `docs/metrics.md` is compared with it."""

Labels = tuple[str, ...]


class Instrument:
    """The series of one metric. `labels` selects one; threads may record at the same time."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.series: dict[Labels, Series] = {}
        self._lock = threading.Lock()
        if definition.kind is Kind.COUNTER and not definition.attributes:
            self.labels()  # 0 from the start, so that its first increase can be seen

    def labels(self, *values: str) -> "Series":
        """In the order of the definition's attributes; empty ones are left out when exported."""
        series = self.series.get(values)
        if series is None:
            with self._lock:
                if len(self.series) >= MAX_SERIES:
                    return Series()
                series = self.series.setdefault(values, Series())
        return series

    def inc(self, amount: float = 1) -> None:
        self.labels().inc(amount)

    def set(self, value: float) -> None:
        self.labels().set(value)

    def observe(self, amount: float) -> None:
        self.labels().observe(amount)

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Set a gauge to exactly these series; others have ended and are not reported any more."""
        with self._lock:
            self.series = {labels: Series(value) for labels, value in values.items()}

    def snapshot(self) -> list[tuple[dict[str, str], "Series"]]:
        """Attributes and values of each series."""
        names = self.definition.attributes
        return [
            ({name: value for name, value in zip(names, values, strict=False) if value}, series)
            for values, series in list(self.series.items())
        ]


class Exemplar(NamedTuple):
    """A recent value with the span that it was measured in."""

    value: float
    time: int
    """In nanoseconds since 1970."""
    traceparent: str


class Series:
    __slots__ = ("buckets", "count", "exemplar", "value")

    def __init__(self, value: float = 0.0) -> None:
        self.value = value
        """Of a histogram the sum."""
        self.count = 0
        self.buckets: list[int] | None = None
        self.exemplar: Exemplar | None = None
        """Of a histogram: the last value that was recorded in a sampled trace. It is exported once,
        so that each export has a recent one."""

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def set(self, value: float) -> None:
        self.value = value

    def observe(self, amount: float) -> None:
        if self.buckets is None:
            self.buckets = [0] * (len(SECONDS) + 1)
        self.buckets[bisect_left(SECONDS, amount)] += 1
        self.value += amount
        self.count += 1


class Metrics:
    """One service's metrics: a process can run several services."""

    def __init__(self) -> None:
        self._instruments = {each.name: Instrument(each) for each in DEFINITIONS}
        self.started = time.time_ns()
        get = self._instruments.__getitem__
        self.duration = get("http.server.request.duration")
        self.events_created = get("events.created")
        self.events_received = get("events.received")
        self.events_quarantined = get("events.quarantined")
        self.gaps_repaired = get("events.gaps_repaired")
        self.events_sent = get("events.sent")
        self.send_failures = get("events.send_failures")
        self.outbox_unsent = get("outbox.unsent_events")
        self.outbox_age = get("outbox.oldest_unsent")
        self.dead_letters = get("dead_letters")
        self.stream_lag = get("stream.position_lag")
        self.stream_behind = get("stream.behind")
        self.audit_violations = get("audit.violations")
        self.audit_age = get("audit.age")
        self.backup_age = get("backup.age")
        self.connections = get("db.client.connection.count")
        self.connections_max = get("db.client.connection.max")
        self.connections_pending = get("db.client.connection.pending_requests")
        self.connection_wait = get("db.client.connection.wait_time")
        self.connection_timeouts = get("db.client.connection.timeouts")
        self.init_duration = get("faas.init_duration")
        self.dropped_spans = get("telemetry.dropped_spans")
        self.database_is_read = True
        """Whether the states of the database could be read when they were last asked for."""

    def add(self, definition: Definition) -> Instrument:
        """A metric of one service's own; the same instrument each time."""
        instrument = self._instruments.get(definition.name)
        if instrument is None:
            instrument = self._instruments.setdefault(definition.name, Instrument(definition))
        return instrument

    def delete_database_series(self) -> bool:
        """End the series that could not be read: their last values are not the present ones, and an
        age would stand still. Whether they could be read before."""
        for each in list(self._instruments.values()):
            if each.definition.is_of_database:
                each.replace({})
        was_read, self.database_is_read = self.database_is_read, False
        return was_read

    def otlp(self) -> list[dict[str, Any]]:
        """Every metric that has a value, as OTLP's JSON, cumulative since the start."""
        return [_otlp(each, self.started) for each in self._instruments.values() if each.series]

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see above

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Any]:
        """For `prometheus_client`."""
        for instrument in self._instruments.values():
            yield _family(instrument)


def _family(instrument: Instrument) -> Any:
    from prometheus_client.core import (  # noqa: PLC0415 - see above
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    definition = instrument.definition
    names = [name.replace(".", "_") for name in definition.attributes]
    name, text = definition.prometheus_name, definition.description
    family: Any
    if definition.kind is Kind.COUNTER:
        family = CounterMetricFamily(name, text, labels=names)
    elif definition.kind is Kind.GAUGE:
        family = GaugeMetricFamily(name, text, labels=names)
    else:
        family = HistogramMetricFamily(name, text, labels=names)
    for attributes, series in instrument.snapshot():
        values = [attributes.get(each, "") for each in definition.attributes]
        if definition.kind is Kind.HISTOGRAM:
            family.add_metric(values, _cumulative(series), series.value)
        else:
            family.add_metric(values, series.value)
    return family


def _cumulative(series: Series) -> list[tuple[str, float]]:
    total, found = 0, []
    for bound, count in zip((*SECONDS, float("inf")), series.buckets or (), strict=False):
        total += count
        found.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
    return found


def _exemplar(exemplar: Exemplar) -> dict[str, Any]:
    return {
        "timeUnixNano": str(exemplar.time),
        "asDouble": exemplar.value,
        "traceId": exemplar.traceparent[3:35],
        "spanId": exemplar.traceparent[36:52],
    }


def _otlp(instrument: Instrument, started: int) -> dict[str, Any]:
    definition = instrument.definition
    times = {"startTimeUnixNano": str(started), "timeUnixNano": str(time.time_ns())}
    points: list[dict[str, Any]] = []
    for attributes, series in instrument.snapshot():
        point: dict[str, Any] = {
            **times,
            "attributes": [
                {"key": name, "value": {"stringValue": value}} for name, value in attributes.items()
            ],
        }
        if definition.kind is Kind.HISTOGRAM:
            buckets = series.buckets or [0] * (len(SECONDS) + 1)
            point |= {
                "count": str(sum(buckets)),
                "sum": series.value,
                "bucketCounts": [*map(str, buckets)],
                "explicitBounds": SECONDS,
            }
            exemplar, series.exemplar = series.exemplar, None
            if exemplar is not None:
                point["exemplars"] = [_exemplar(exemplar)]
        else:
            point["asDouble"] = series.value
        points.append(point)
    content: dict[str, Any] = {"dataPoints": points}
    if definition.kind is not Kind.GAUGE:
        content["aggregationTemporality"] = 2  # cumulative
    if definition.kind is Kind.COUNTER:
        content["isMonotonic"] = True
    member = {Kind.COUNTER: "sum", Kind.GAUGE: "gauge", Kind.HISTOGRAM: "histogram"}
    return {
        "name": definition.name,
        "description": definition.description,
        "unit": definition.unit,
        member[definition.kind]: content,
    }

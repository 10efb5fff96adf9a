"""W3C trace context and Prometheus metrics.

A request's `traceparent` is continued, or a new trace is started. Outbox rows store it, so that an
event which is sent minutes later belongs to the trace of the request that caused it. Only the
internal API exposes the metrics, at `/metrics`.
"""

import re
import secrets
from contextvars import ContextVar
from typing import Any

_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)

current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The current task's trace, as the value of a `traceparent` header."""


def continue_trace(traceparent: str | None) -> str:
    """A child span of the given trace, or the first span of a new one, sampled.

    Source: W3C Trace Context, section 3.2.
    """
    span = secrets.token_hex(8)
    if match := _TRACEPARENT.fullmatch(traceparent or ""):
        empty = set(match["trace"]) == {"0"} or set(match["span"]) == {"0"}
        # Only later versions may have more fields. Of the flags only the lowest, sampled, exists.
        if not empty and not (match["version"] == "00" and match["more"]):
            return f"00-{match['trace']}-{span}-{int(match['flags'], 16) & 1:02x}"
    return f"00-{secrets.token_hex(16)}-{span}-01"


def trace_id(traceparent: str | None) -> str | None:
    return traceparent[3:35] if traceparent else None


class _NullMetric:
    """A metric that records nothing."""

    def labels(self, *_: object) -> "_NullMetric":
        return self

    def inc(self, amount: float = 1) -> None: ...

    def set(self, value: float) -> None: ...

    def observe(self, amount: float) -> None: ...


class Metrics:
    """One service's metrics, in a registry of their own: a process can run several services.

    Without `exposed`, nothing is recorded and `prometheus_client` is not imported.
    """

    requests: Any
    duration: Any
    events_received: Any
    events_sent: Any
    outbox_unsent: Any
    outbox_age: Any
    dead_letters: Any

    def __init__(self, *, exposed: bool = True) -> None:
        if not exposed:
            self.requests = self.duration = self.events_received = _NullMetric()
            self.events_sent = self.outbox_unsent = _NullMetric()
            self.outbox_age = self.dead_letters = _NullMetric()
            return
        from prometheus_client import (  # noqa: PLC0415 - only where metrics are exposed
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
        )

        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            ["method", "route"],
            registry=self.registry,
        )
        self.events_received = Counter(
            "events_received_total",
            "Events consumed, by outcome.",
            ["source", "outcome"],
            registry=self.registry,
        )
        self.events_sent = Counter(
            "events_sent_total", "Events that the broker has accepted.", registry=self.registry
        )
        self.outbox_unsent = Gauge(
            "outbox_unsent_events",
            "Events that wait to be sent to the broker.",
            registry=self.registry,
        )
        self.outbox_age = Gauge(
            "outbox_oldest_unsent_seconds",
            "Age of the oldest event that waits to be sent.",
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "dead_letters", "Dead letters that were not replayed yet.", registry=self.registry
        )

    def exposition(self) -> bytes:
        from prometheus_client import generate_latest  # noqa: PLC0415 - only where metrics are exposed

        return generate_latest(self.registry)

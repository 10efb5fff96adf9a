"""Where a piece of work comes from and how it went: W3C trace context, and counters.

A request's `traceparent` is continued, or a new trace is begun; outbox rows keep it, so that an
event which is sent minutes later still belongs to the purchase that caused it. Counters are
Prometheus', shown at `/metrics` by the internal door only.
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
"""The trace that the present task works for, as a `traceparent` header."""


def continue_trace(traceparent: str | None) -> str:
    """A child span of the given trace, or the first span of a new one, sampled.

    Source: W3C Trace Context, section 3.2.
    """
    span = secrets.token_hex(8)
    if match := _TRACEPARENT.fullmatch(traceparent or ""):
        empty = set(match["trace"]) == {"0"} or set(match["span"]) == {"0"}
        # Only a version to come may say more; of the flags only the lowest, sampled, is known.
        if not empty and not (match["version"] == "00" and match["more"]):
            return f"00-{match['trace']}-{span}-{int(match['flags'], 16) & 1:02x}"
    return f"00-{secrets.token_hex(16)}-{span}-01"


def trace_id(traceparent: str | None) -> str | None:
    return traceparent[3:35] if traceparent else None


class _Uncounted:
    """A counter of what nobody can ever read."""

    def labels(self, *_: object) -> "_Uncounted":
        return self

    def inc(self, amount: float = 1) -> None: ...

    def set(self, value: float) -> None: ...

    def observe(self, amount: float) -> None: ...


class Metrics:
    """One service's counters, in a registry of its own: a process can hold several services.

    A process that does not show them (`shown`) neither counts nor imports Prometheus' client.
    """

    requests: Any
    duration: Any
    events_received: Any
    events_sent: Any
    outbox_unsent: Any
    outbox_age: Any
    dead_letters: Any

    def __init__(self, *, shown: bool = True) -> None:
        if not shown:
            self.requests = self.duration = self.events_received = _Uncounted()
            self.events_sent = self.outbox_unsent = _Uncounted()
            self.outbox_age = self.dead_letters = _Uncounted()
            return
        from prometheus_client import (  # noqa: PLC0415 - only where somebody reads it
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
            "Events taken in, by what became of them.",
            ["source", "outcome"],
            registry=self.registry,
        )
        self.events_sent = Counter(
            "events_sent_total", "Events that the broker has taken.", registry=self.registry
        )
        self.outbox_unsent = Gauge(
            "outbox_unsent_events", "Events that wait for the broker.", registry=self.registry
        )
        self.outbox_age = Gauge(
            "outbox_oldest_unsent_seconds",
            "Age of the oldest event that waits for the broker.",
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "dead_letters", "Events put aside, not replayed yet.", registry=self.registry
        )

    def exposition(self) -> bytes:
        from prometheus_client import generate_latest  # noqa: PLC0415 - as above

        return generate_latest(self.registry)

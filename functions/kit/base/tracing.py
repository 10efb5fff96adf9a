"""Spans: recorded by this module, exported by `otlp.py` after the first response.

Without `OTEL_EXPORTER_OTLP_ENDPOINT` there is no tracer, and `span` returns one shared object that
records nothing. Spans are plain objects in a bounded queue, because the OpenTelemetry SDK and its
exporter would add as much CPU time to a cold start as half of the start takes; decision 0018 has
the figures. Names and attributes follow OpenTelemetry's semantic conventions.

A span never contains values of SQL statements, bodies, headers, queries of addresses, or an address
of a client.
"""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from functions.kit.base import startup
from functions.kit.base.errors import DomainError, Unavailable
from functions.kit.base.settings import AppSettings
from functions.kit.base.telemetry import current_traceparent, is_traceparent, tracestate_of

Value = str | int | float | bool

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5
"""OTLP's numbers of the span kinds."""

MAX_QUEUE = 4096
"""Finished spans that wait for their export; of more, the oldest are dropped."""
EXPORT_FROM = MAX_QUEUE // 2
"""Finished spans that are exported without waiting for the end of a period."""
MAX_TEXT = 1024
"""Longest text of an attribute, in characters."""
COLD_START_REQUEST = 2_000_000_000
"""Nanoseconds after the start in which the first request counts as its cause. The cold start then
belongs to the trace of that request."""

_current_tracer: ContextVar["Tracer | None"] = ContextVar("tracer", default=None)


class Sampler:
    """Decides about a new trace; a trace that was begun elsewhere keeps its flag if `by_parent`.

    Source: OpenTelemetry specification, "Built-in samplers".
    """

    def __init__(self, name: str = "parentbased_always_on", ratio: float = 1.0) -> None:
        self.by_parent = name.startswith("parentbased_")
        kind = name.removeprefix("parentbased_")
        share = {"always_on": 1.0, "always_off": 0.0}.get(kind, ratio)
        self._below = round(share * 2**64)

    def samples(self, trace_id: str, caller: bool | None = None) -> bool:
        """`caller` is the caller's decision, None for a new trace.

        The last 8 bytes of the trace id decide, so that all services decide alike.
        """
        if caller is not None and self.by_parent:
            return caller
        return int(trace_id[16:], 16) < self._below


class SharedAttributes:
    """Attributes that many spans have in common, such as those of a statement: encoded once."""

    __slots__ = ("encoded", "values")

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values
        self.encoded: str | None = None
        """As `otlp.py` exports them."""


class FinishedSpan(Protocol):
    """What is exported of a span. `otlp.py` reads it once, in its own thread."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> int: ...
    @property
    def trace_id(self) -> str: ...
    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def start(self) -> int:
        """In nanoseconds since 1970."""

    @property
    def end(self) -> int: ...
    @property
    def failed(self) -> bool: ...
    @property
    def links(self) -> Sequence[str]:
        """Traceparents."""

    @property
    def attributes(self) -> Mapping[str, Value]: ...
    @property
    def shared(self) -> SharedAttributes | None:
        """Those that it has besides its own."""


class Span:
    """A span, from `with` to the end of the block."""

    __slots__ = (
        *("attributes", "end", "failed", "kind", "links", "name", "parent_id", "shared", "start"),
        *("traceparent", "_begun", "_token", "_tracer"),
    )

    def __init__(
        self,
        tracer: "Tracer",
        name: str,
        kind: int,
        traceparent: str,
        parent_id: str | None,
        attributes: dict[str, Value],
        shared: SharedAttributes | None = None,
    ) -> None:
        self._tracer = tracer
        self.name = name
        self.kind = kind
        self.traceparent = traceparent
        """Its own, for its children."""
        self.parent_id = parent_id
        self.attributes = attributes
        self.shared = shared
        self.links: Sequence[str] = ()
        self.failed = False
        self.start = time.time_ns()
        self.end = 0
        self._begun = time.perf_counter_ns()
        self._token: Token[str | None] | None = None

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]

    @property
    def span_id(self) -> str:
        return self.traceparent[36:52]

    def set(self, name: str, value: Value) -> None:
        self.attributes[name] = value

    def link(self, traceparent: str) -> None:
        self.links = (*self.links, traceparent)

    def fail(self, error_type: str) -> None:
        self.failed = True
        self.attributes["error.type"] = error_type

    def finish(self) -> None:
        # Not two readings of the system's clock, which may be set in between.
        self.end = self.start + time.perf_counter_ns() - self._begun
        self._tracer.add(self)

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        if self._token is not None:
            # The block may be left in another context, as generators may do.
            with suppress(ValueError):
                current_traceparent.reset(self._token)
        if kind is not None:
            self.attributes["error.type"] = kind.__name__
            self.failed = is_failure(kind)
        self.finish()
        return False


def is_failure(error: type[BaseException]) -> bool:
    """Whether a span has failed by it. A refusal is an answer, and no failure of this service."""
    return not issubclass(error, DomainError) or issubclass(error, Unavailable)


class _NoSpan:
    """Records nothing."""

    __slots__ = ()
    traceparent = None

    def set(self, name: str, value: Value) -> None: ...

    def link(self, traceparent: str) -> None: ...

    def fail(self, error_type: str) -> None: ...

    def finish(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        return False


_NO_SPAN = _NoSpan()
RecordedSpan = Span | _NoSpan
"""What `span` returns."""


class Tracer:
    """The finished spans of one app, until `otlp.py` exports them. Threads may share it."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.sampler = sampler or Sampler()
        self.finished: deque[FinishedSpan] = deque(maxlen=MAX_QUEUE)
        self.filling = threading.Event()
        """Set while `EXPORT_FROM` spans wait; the exporter clears it."""
        self.overflowed = 0
        """Spans that found the queue full."""
        self.refused = 0
        """Spans that the receiver refused. Only the exporter's thread writes it."""
        self.served_first = False
        self.answered = asyncio.Event()
        """Set after the first response to a request that is no probe."""

    def add(self, span: FinishedSpan) -> None:
        waiting = len(self.finished)
        if waiting == MAX_QUEUE:
            self.overflowed += 1
        self.finished.append(span)
        if waiting >= EXPORT_FROM and not self.filling.is_set():
            self.filling.set()

    @property
    def dropped(self) -> int:
        """Finished spans that will never be exported."""
        return self.overflowed + self.refused

    def server_span(self, traceparent: str, parent: str | None) -> "Span | None":
        """The span of a request, whose context is `traceparent`; None if it is not sampled.

        `parent` is the caller's traceparent, None for the first span of a trace. The caller gives
        it its name and finishes it.
        """
        if traceparent[-1] == "0":
            return None
        parent_id = parent[36:52] if parent is not None else None
        span = Span(self, "", SERVER, traceparent, parent_id, {})
        if not self.served_first:
            self.served_first = True
            self._add_cold_start(span)
        return span

    def _add_cold_start(self, request: Span) -> None:
        """The spans of this process's start. With the request that woke it they are one trace."""
        moments = startup.take()
        if moments is None:
            return
        began = moments.get("process", moments["main"])
        caused = request.start - moments["listening"] < COLD_START_REQUEST
        if caused:
            request.attributes["faas.coldstart"] = True
        start = Span(
            self,
            "cold start",
            INTERNAL,
            new_traceparent(request.trace_id if caused else new_trace_id()),
            # Beside the request if its caller has a span, which then contains both.
            (request.parent_id or request.span_id) if caused else None,
            {},
        )
        start.start, start.end = began, moments["listening"]
        self.add(start)
        stages = ("interpreter", "imports", "app", "lifespan")
        times = [began, *(moments[each] for each in startup.STAGES)]
        for stage, first, last in zip(stages, times, times[1:], strict=False):
            child = new_traceparent(start.trace_id)
            part = Span(self, stage, INTERNAL, child, start.span_id, {})
            part.start, part.end = first, last
            self.add(part)


def tracer_of(settings: AppSettings) -> Tracer | None:
    """A tracer, if there is a receiver to export to."""
    if not settings.otel_exporter_otlp_endpoint or settings.otel_sdk_disabled:
        return None
    return Tracer(Sampler(settings.otel_traces_sampler, settings.otel_traces_sampler_arg))


@contextmanager
def tracing(tracer: Tracer | None) -> Iterator[None]:
    """Record the spans of this task, and of tasks that it starts, with this tracer."""
    token = _current_tracer.set(tracer)
    try:
        yield
    finally:
        # A lifespan may end in another context.
        with suppress(ValueError):
            _current_tracer.reset(token)


def span(
    name: str,
    kind: int = INTERNAL,
    attributes: dict[str, Value] | None = None,
    shared: SharedAttributes | None = None,
) -> RecordedSpan:
    """A child of the current span; records nothing outside of a trace that is sampled.

    `attributes` becomes the span's own, besides those that it has in common with others.
    """
    tracer = _current_tracer.get()
    if tracer is None:
        return _NO_SPAN
    current = current_traceparent.get()
    if current is None or current[-1] == "0":
        return _NO_SPAN
    own = new_traceparent(current[3:35])
    return Span(tracer, name, kind, own, current[36:52], attributes or {}, shared)


def span_of(
    parent: str | None,
    name: str,
    kind: int,
    attributes: dict[str, Value] | None = None,
    shared: SharedAttributes | None = None,
) -> RecordedSpan:
    """A child of a stored `traceparent`, or with None the first span of a new trace.

    `attributes` becomes the span's own, besides those that it has in common with others.
    """
    tracer = _current_tracer.get()
    if tracer is None:
        return _NO_SPAN
    if is_traceparent(parent):
        if parent[-1] == "0":
            return _NO_SPAN
        own = new_traceparent(parent[3:35])
        return Span(tracer, name, kind, own, parent[36:52], attributes or {}, shared)
    trace_id = new_trace_id()
    if not tracer.sampler.samples(trace_id):
        return _NO_SPAN
    own = new_traceparent(trace_id)
    return Span(tracer, name, kind, own, None, attributes or {}, shared)


def is_recording() -> bool:
    """Whether a `span` of this task would be recorded."""
    current = current_traceparent.get()
    return _current_tracer.get() is not None and current is not None and current[-1] == "1"


def pass_on(headers: MutableMapping[str, str]) -> None:
    """Add the current trace to the headers of an outgoing request."""
    if (current := current_traceparent.get()) is not None:
        headers["traceparent"] = current
        if (state := tracestate_of(current)) is not None:
            headers["tracestate"] = state


def new_traceparent(trace_id: str) -> str:
    """Of a new span of a sampled trace."""
    return f"00-{trace_id}-{new_span_id()}-01"


def new_span_id() -> str:
    return f"{random.getrandbits(64) or 1:016x}"


def new_trace_id() -> str:
    return f"{random.getrandbits(128) or 1:032x}"

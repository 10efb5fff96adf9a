"""Spans as they are recorded, before anything is exported."""

import pytest

from functions.kit.base import tracing
from functions.kit.base.errors import Conflict, Text, Unavailable
from functions.kit.base.settings import AppSettings
from functions.kit.base.telemetry import continue_trace, current_traceparent
from functions.kit.base.tracing import CLIENT, MAX_QUEUE, Sampler, Tracer, span, span_of, tracer_of

LOW, HIGH = "0" * 16 + "1" + "0" * 15, "1" * 16 + "f" * 16
"""Trace ids whose last 8 bytes are a sixteenth of the range, and its end."""
PARENT = f"00-{HIGH}-00f067aa0ba902b7-01"


class OutOfPaper(Conflict):
    code, title, error = "out-of-paper", "Out of paper", Text("x", "x")


def test_without_a_receiver_one_shared_object_records_nothing() -> None:
    """No tracer is made, and no span object."""
    first, second = span("a"), span_of(PARENT, "b", CLIENT)

    assert tracer_of(AppSettings()) is None
    assert first is second
    assert first.traceparent is None


def test_a_span_is_a_child_of_the_current_one() -> None:
    """Inside its block it is the current one, and afterwards its parent is again."""
    tracer = Tracer()
    token = current_traceparent.set(PARENT)
    with tracing.tracing(tracer), span("outer") as outer, span("inner", CLIENT, {"a": 1}) as inner:
        current = current_traceparent.get()
    after = current_traceparent.get()
    current_traceparent.reset(token)

    assert [each.name for each in tracer.finished] == ["inner", "outer"]
    found = {each.name: (each.trace_id, each.parent_id) for each in tracer.finished}
    assert found["outer"] == (HIGH, "00f067aa0ba902b7")
    assert found["inner"] == (HIGH, tracer.finished[1].span_id)
    assert (current, after) == (inner.traceparent, PARENT)
    assert outer.traceparent != PARENT
    assert tracer.finished[0].end >= tracer.finished[0].start


@pytest.mark.parametrize("current", [None, f"00-{HIGH}-00f067aa0ba902b7-00"])
def test_outside_of_a_sampled_trace_nothing_is_recorded(current: str | None) -> None:
    """Neither a background task's statements, nor those of a trace that is not sampled."""
    tracer = Tracer()
    token = current_traceparent.set(current)
    with tracing.tracing(tracer), span("a"), span_of(current or PARENT[:-1] + "0", "b", CLIENT):
        pass
    current_traceparent.reset(token)

    assert list(tracer.finished) == []


def test_a_refusal_is_no_failure() -> None:
    """A defect and an outage are; all of them have their type."""
    tracer = Tracer()
    with tracing.tracing(tracer):
        for error in (OutOfPaper(), Unavailable("Later."), KeyError("x")):
            with pytest.raises(type(error)), span_of(None, "a", CLIENT):
                raise error

    assert [(each.failed, each.attributes["error.type"]) for each in tracer.finished] == [
        (False, "OutOfPaper"),
        (True, "Unavailable"),
        (True, "KeyError"),
    ]


def test_the_queue_is_bounded() -> None:
    """The oldest spans are dropped, and counted."""
    tracer = Tracer()
    with tracing.tracing(tracer):
        for number in range(MAX_QUEUE + 10):
            span_of(None, str(number), CLIENT).finish()

    assert (len(tracer.finished), tracer.overflowed) == (MAX_QUEUE, 10)
    assert tracer.finished[0].name == "10"


@pytest.mark.parametrize(
    ("name", "ratio", "caller", "low", "high"),
    [
        ("parentbased_always_on", 1.0, None, True, True),
        ("parentbased_always_on", 1.0, False, False, False),
        ("parentbased_always_off", 1.0, True, True, True),
        ("parentbased_always_off", 1.0, None, False, False),
        ("always_on", 1.0, False, True, True),
        ("always_off", 1.0, True, False, False),
        ("traceidratio", 0.1, True, True, False),
        ("parentbased_traceidratio", 0.1, None, True, False),
        ("parentbased_traceidratio", 0.1, True, True, True),
        ("traceidratio", 1.0, None, True, True),
        ("traceidratio", 0.0, None, False, False),
    ],
)
def test_samplers_decide_as_specified(
    name: str, ratio: float, caller: bool | None, low: bool, high: bool
) -> None:
    """By the trace id, so that all services decide alike; the caller's decision comes first."""
    sampler = Sampler(name, ratio)

    assert sampler.samples(LOW, caller) is low
    assert sampler.samples(HIGH, caller) is high


def test_the_samplers_decision_is_passed_on() -> None:
    """In the flags, which the next service follows."""
    off = continue_trace(None, Sampler("always_off").samples)
    kept = continue_trace(off, Sampler().samples)

    assert (off[-2:], kept[-2:]) == ("00", "00")
    assert kept[:36] == off[:36]

"""Traces are continued as W3C Trace Context says, and counters do not grow without end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.telemetry import Metrics, continue_trace, trace_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_trace_is_continued_by_a_new_span() -> None:
    """The trace stays, the span is our own, and so the caller's is its parent."""
    continued = continue_trace(GIVEN)

    assert trace_id(continued) == TRACE
    assert SPAN not in continued


@pytest.mark.parametrize(
    ("flags", "continued"), [("00", "00"), ("01", "01"), ("ff", "01"), ("fe", "00")]
)
def test_only_the_flag_that_is_known_is_passed_on(flags: str, continued: str) -> None:
    """Sampled stays sampled; unused bits must be zero."""
    assert continue_trace(f"00-{TRACE}-{SPAN}-{flags}")[-2:] == continued


def test_a_later_version_is_continued_as_version_00() -> None:
    """It may say more after its flags."""
    assert continue_trace(f"cc-{TRACE}-{SPAN}-01-what-comes").startswith(f"00-{TRACE}-")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01x",
        f"cc-{TRACE}-{SPAN}-01more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f" {GIVEN}",
        f"{GIVEN}\n",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(header: str | None) -> None:
    """A sampled one, of a random id."""
    begun = continue_trace(header)

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", begun)
    assert trace_id(begun) != TRACE


@given(st.text(max_size=80))
def test_whatever_is_given_a_valid_header_comes_out(header: str) -> None:
    """No caller can put text of their own into a header, a row or a log line."""
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", continue_trace(header))


def test_each_service_of_a_process_counts_for_itself() -> None:
    """Two registries: the names of their counters do not collide."""
    first, second = Metrics(), Metrics()
    first.events_sent.inc()

    assert b"events_sent_total 1.0" in first.exposition()
    assert b"events_sent_total 0.0" in second.exposition()


def test_metrics_that_are_not_exposed_are_not_recorded() -> None:
    """The public API has no /metrics. Callers use the same interface."""
    metrics = Metrics(exposed=False)
    metrics.requests.labels("GET", "/books", "200").inc()
    metrics.duration.labels("GET", "/books").observe(0.1)
    metrics.events_sent.inc(2)
    metrics.outbox_unsent.set(1)

    assert not hasattr(metrics, "registry")

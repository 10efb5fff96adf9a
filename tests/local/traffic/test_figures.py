"""The figures of the traffic's table."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.local.traffic.figures import Figures, Latencies, Outcome


@given(st.lists(st.floats(0.001, 60), min_size=1, max_size=200))
def test_percentiles_are_exact_to_a_twentieth(samples: list[float]) -> None:
    """The median lies beside that of the samples; the longest is exact."""
    times = Latencies()
    for sample in samples:
        times.add(sample)
    median = times.percentile(0.5)

    assert median == pytest.approx(statistics.median_low(samples), rel=0.051)
    assert times.percentile(1.0) == pytest.approx(max(samples), rel=0.051)
    assert times.longest == max(samples)


def test_requests_without_an_answer_have_no_latency() -> None:
    """They would make a shop that is away look fast."""
    figures = Figures()
    figures.record("book", Outcome.ANSWERED, 0.1)
    figures.record("book", Outcome.AWAY, 0.001)
    figures.record("payment", Outcome.REFUSED, 0.2)
    titles, *rows = figures.rows()

    assert titles == (
        *("", "requests", "answered", "refused", "away", "failed"),
        *("p50", "p95", "longest"),
    )
    assert rows[0] == ("book", "2", "1", "0", "1", "0", "100 ms", "100 ms", "100 ms")
    assert rows[1] == ("payment", "1", "0", "1", "0", "0", "200 ms", "200 ms", "200 ms")
    assert (figures.requests, figures.total(Outcome.AWAY)) == (3, 1)

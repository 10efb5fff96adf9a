"""Metrics and names of queues, as ops reads them."""

import pytest

from functions.kit.base.metrics import Metrics
from knative.ops.cli.errors import OpsError
from knative.ops.cluster import metrics


def test_metrics() -> None:
    """The gauges of functions/kit/base/telemetry.py can be read."""
    gauges = Metrics()
    gauges.outbox_unsent.set(4)
    gauges.outbox_age.set(12.5)
    gauges.dead_letters.set(1)
    found = metrics.parse(gauges.exposition().decode())

    assert (found.unsent, found.oldest_seconds, found.dead_letters) == (4, 12.5, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the metric 'outbox_unsent_events' is missing"),
        ("outbox_unsent_events 1\noutbox_oldest_unsent_seconds 2\n", "'dead_letters' is missing"),
        ("outbox_unsent_events many\n", "malformed metrics"),
        ("outbox_unsent_events NaN\noutbox_oldest_unsent_seconds 0\ndead_letters 0\n", "malformed"),
    ],
)
def test_other_text(text: str, reason: str) -> None:
    """A metric that is missing or not a number is an error that names the problem."""
    with pytest.raises(OpsError, match=reason):
        metrics.parse(text)


@pytest.mark.parametrize(
    ("backlog", "text"),
    [
        (metrics.Backlog(0, 0.0, 0), "0 unsent; 0 dead letters"),
        (metrics.Backlog(3, 61.5, 2), "3 unsent, the oldest 62 s old; 2 dead letters"),
    ],
)
def test_description(backlog: metrics.Backlog, text: str) -> None:
    """An age is given only where events wait."""
    assert backlog.describe() == text


@pytest.mark.parametrize(
    ("parent", "suffix", "expected"),
    [
        ("t.foobar.testtrigger.dlq.", "triggeruid", "t.foobar.testtrigger.dlq.triggeruid"),
        ("p" * 27, "u" * 36, "p" * 27 + "u" * 36),
        ("a" * 60, "-suffix", "a" * 24 + "cc7ed669cf88f201c3297c6a91e1d18d-suffix"),
    ],
)
def test_names_of_child_objects(parent: str, suffix: str, expected: str) -> None:
    """Knative's rule: the whole name where it fits, else one with a digest."""
    assert metrics.child_name(parent, suffix) == expected

"""Durations are the ISO 8601 durations that Knative accepts."""

import pytest

from functions.local.broker.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1S", 1),
        ("PT0.2S", 0.2),
        ("PT60S", 60),
        ("PT1M30S", 90),
        ("P1DT2H", 93_600),
        ("P2D", 172_800),
        ("P1W", 604_800),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    """Weeks, days, hours, minutes and fractions of a second are accepted."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "1S", "PT1", "P1M", "P1Y", "PT-1S", "-PT1S", "pt1s", "PT1S ", "PT1S\n"),
        *("P1DT", "P99999999999D", "P0003-06-04T12:30:05"),
    ],
)
def test_an_invalid_duration_is_refused(text: str) -> None:
    """ValueError also for months and years, which have no fixed length, and for signs, lower case,
    trailing white space and overflow."""
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)

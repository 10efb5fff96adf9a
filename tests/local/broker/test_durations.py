"""Durations are ISO 8601, as far as Knative takes them."""

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
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1S", "PT1", "P1M", "P1Y", "PT-1S", "pt1s", "PT1S "]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)

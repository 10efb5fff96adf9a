"""ISO 8601 durations of Knative's delivery spec, read by isodate: PT0.2S, PT1M30S, P1DT2H."""

from datetime import timedelta

import isodate


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError, also for months and years, which have no fixed length."""
    try:
        duration = isodate.parse_duration(text)
    except (ValueError, OverflowError):
        duration = None
    # isodate also reads a sign, "PT" (as zero) and a final line break.
    well_formed = text.startswith("P") and text.endswith(("W", "D", "H", "M", "S"))
    if not isinstance(duration, timedelta) or not well_formed:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT1S or PT0.2S")
    return duration.total_seconds()

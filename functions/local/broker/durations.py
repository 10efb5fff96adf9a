"""ISO 8601 durations as Knative's delivery spec takes them: PT0.2S, PT1M30S, P1DT2H."""

import re

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


def parse_duration(text: str) -> float:
    """Seconds. Months and years have no fixed length and are refused."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"{text!r} is no ISO 8601 duration such as PT1S or PT0.2S")
    return sum(
        float(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number
    )

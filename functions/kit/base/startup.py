"""When this process reached each stage of its start.

`kit/start` records the moments. After the first request `tracing.py` makes the spans of a cold
start of them; `http/measuring.py` measures its length, with or without a trace. Recording costs a
call to the clock, so it is not optional.
"""

import os
import time

STAGES = ("main", "app", "lifespan", "listening")
"""In order: the command begins, the app is created, its lifespan begins, the server listens."""

_moments: dict[str, int] = {}
_are_taken = False


def mark(stage: str, moment: int | None = None) -> None:
    """Record a stage, unless it was recorded; the moment is in nanoseconds since 1970."""
    _moments.setdefault(stage, time.time_ns() if moment is None else moment)


def take() -> dict[str, int] | None:
    """The moments, with that of the process's creation as `process` where the system tells it.

    They are returned once per process, and only if the process is a server that listens; otherwise
    None.
    """
    global _are_taken  # noqa: PLW0603 - of the process, as the moments are
    if _are_taken or not _has_listened():
        return None
    _are_taken = True
    return _with_creation()


def seconds() -> float | None:
    """From the creation of this process until it listened; None where it is no such server."""
    if not _has_listened():
        return None
    moments = _with_creation()
    began = moments.get("process", moments["main"])
    # The system's clock may have been set back meanwhile.
    return max(0.0, (moments["listening"] - began) / 1e9)


def _has_listened() -> bool:
    return all(stage in _moments for stage in STAGES)


def _with_creation() -> dict[str, int]:
    created = _process_created()
    if created is not None and created <= _moments["main"]:
        mark("process", created)
    return dict(_moments)


def _process_created() -> int | None:
    """In nanoseconds since 1970, exact to a hundredth of a second; None outside of Linux."""
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - pathlib need not be loaded
            # The second field is the command's name, in parentheses, and may contain spaces.
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return time.time_ns() - int(age * 1e9)

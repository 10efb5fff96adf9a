"""When this process reached each stage of its start, for the spans of a cold start.

`kit/start` records the moments; `tracing.py` reads them after the first request. Recording costs a
call to the clock, so it is not optional.
"""

import os
import time

STAGES = ("main", "app", "lifespan", "listening")
"""In order: the command begins, the app is created, its lifespan begins, the server listens."""

_moments: dict[str, int] = {}


def mark(stage: str, moment: int | None = None) -> None:
    """Record a stage, unless it was recorded; the moment is in nanoseconds since 1970."""
    _moments.setdefault(stage, time.time_ns() if moment is None else moment)


def take() -> dict[str, int] | None:
    """The moments, with that of the process's creation as `process` where the system tells it.

    They are returned once per process, and only if the process is a server that listens; otherwise
    None.
    """
    if "listening" not in _moments or any(stage not in _moments for stage in STAGES):
        return None
    moments = dict(_moments)
    _moments.clear()
    created = _process_created()
    if created is not None and created <= moments["main"]:
        moments["process"] = created
    return moments


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

"""Facts about this process: release, Knative revision, start, and the last background tasks.

They are of one process; another replica has others.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from functions.kit.base.clock import Clock

VERSION = "0.1.0"
"""The release, as in `pyproject.toml`."""

_STATUS = Path("/proc/self/stat")
_STARTTIME = 19
"""Index of the field `starttime` after the name of the process (proc(5))."""


def seconds_since_creation() -> float | None:
    """How long this process has existed; None where the system does not say (not on Linux)."""
    try:
        fields = _STATUS.read_text("ascii").rpartition(")")[2].split()
        created = int(fields[_STARTTIME]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - created)
    except (OSError, ValueError, IndexError, AttributeError):
        return None


class TaskResult(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It is run again in the next period."""
    RUNNING = "running"


@dataclass
class TaskRun:
    """The last run of a background task."""

    name: str
    started_at: datetime
    result: TaskResult = TaskResult.RUNNING
    seconds: float | None = None
    error: str | None = None
    """The type of the error. Its text may hold data, and is in the log."""
    failures: int = 0
    """Consecutive failures."""
    succeeded_at: datetime | None = None
    """When it last succeeded."""


@dataclass
class Process:
    """One per app."""

    revision: str
    """Knative's name of the revision; empty outside of Knative."""
    started_at: datetime | None = None
    """When it began to serve."""
    start_seconds: float | None = None
    """From the creation of the process until it served."""
    tasks: dict[str, TaskRun] = field(default_factory=dict)
    """By name, in the order in which they run."""

    def serving(self, clock: Clock) -> None:
        """Record the end of the start."""
        self.started_at, self.start_seconds = clock(), seconds_since_creation()

    @contextmanager
    def task(self, name: str, clock: Clock) -> Iterator[None]:
        """Record a run of a background task; errors pass through."""
        before = self.tasks.get(name)
        run = TaskRun(name, clock())
        if before is not None:
            run.failures, run.succeeded_at = before.failures, before.succeeded_at
        self.tasks[name] = run
        began = time.monotonic()
        try:
            yield
        except BaseException as error:
            run.result, run.error = TaskResult.FAILED, type(error).__name__
            run.failures += 1
            raise
        else:
            run.result, run.failures, run.succeeded_at = TaskResult.SUCCEEDED, 0, clock()
        finally:
            run.seconds = time.monotonic() - began

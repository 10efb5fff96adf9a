"""What a process knows of itself."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from functions.kit.base import process as module
from functions.kit.base.process import VERSION, Process, TaskResult
from tests.support.clock import FakeClock

ROOT = Path(__file__).parents[3]
AGES = """
import time
from functions.kit.base.process import seconds_since_creation
first = seconds_since_creation()
while time.process_time() < 0.5: pass
print(first, seconds_since_creation())
"""


def test_the_version_is_that_of_the_project() -> None:
    """There is one place for each, and they agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == VERSION


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process was created")
def test_the_age_of_a_process_includes_the_start_of_python() -> None:
    """It grows as time passes."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", AGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, later = map(float, done.stdout.split())

    assert first >= 0
    assert later >= first


def test_where_the_system_does_not_say_the_age_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Then the status shows no time of start."""
    monkeypatch.setattr(module, "_STATUS", tmp_path / "missing")

    assert module.seconds_since_creation() is None


def test_failures_of_a_task_are_counted_until_it_succeeds(clock: FakeClock) -> None:
    """The last run is kept, with the type of its error."""
    process = Process("")
    failures = []
    for _ in range(2):
        with pytest.raises(LookupError), process.task("charge", clock):
            raise LookupError("secret")
        failures.append(process.tasks["charge"].failures)
    failed = process.tasks["charge"]
    with process.task("charge", clock):
        running = process.tasks["charge"].result
    succeeded = process.tasks["charge"]

    assert failures == [1, 2]
    assert (failed.result, failed.error) == (TaskResult.FAILED, "LookupError")
    assert running is TaskResult.RUNNING
    assert (succeeded.result, succeeded.failures, succeeded.error) == ("succeeded", 0, None)
    assert succeeded.succeeded_at == clock()

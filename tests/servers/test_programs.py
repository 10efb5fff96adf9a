"""What servers of tests are started and ended with."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.programs import CleanupOnExit, free_ports
from tests.support.processes import ROOT, START_LIMIT

PROGRAM = """
import sys
from tests.servers.programs import CleanupOnExit

cleanup = CleanupOnExit('touch "$1"', sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_cleanup_runs_when_its_process_is_killed(tmp_path: Path) -> None:
    done = tmp_path / "it's done"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PROGRAM, done],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        before = done.exists()
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + START_LIMIT
    while not done.exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # nothing announces the end of another process's child

    assert (before, done.exists()) == (False, True)


def test_a_cancelled_cleanup_does_not_run(tmp_path: Path) -> None:
    done = tmp_path / "done"
    cleanup = CleanupOnExit('touch "$1"', done)
    cleanup.cancel()

    assert not done.exists()


def test_no_port_is_given_to_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, or in two workers of a run; and none that a connection could take."""
    given = {}
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
        given[worker] = [*free_ports(50), *free_ports(50)]

    assert len({*given["gw0"], *given["gw1"]}) == 200
    assert {port % 2 for port in given["gw0"]} != {port % 2 for port in given["gw1"]}
    assert max(*given["gw0"], *given["gw1"]) < 32_768

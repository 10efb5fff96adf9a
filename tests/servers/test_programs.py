"""What servers of tests are started and ended with."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.programs import CleanupOnExit, data_folder, free_ports
from tests.support.processes import ROOT, START_LIMIT

PROGRAM = """
import sys
from tests.servers.programs import CleanupOnExit

cleanup = CleanupOnExit('touch "$1"', sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_cleanup_runs_when_its_process_is_killed(tmp_path: Path) -> None:
    """The script runs after SIGKILL and not before; its arguments may have quotes and spaces."""
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
    """After `cancel` the shell that would run the script has ended without running it."""
    done = tmp_path / "done"
    cleanup = CleanupOnExit('touch "$1"', done)
    cleanup.cancel()

    assert not done.exists()


def test_data_is_kept_in_memory_where_that_has_room(tmp_path: Path) -> None:
    """More than the file system holds is no room; a folder that does not exist is none either."""
    size = shutil.disk_usage(tmp_path).total
    cases = {"fits": (tmp_path, 0), "full": (tmp_path, size + 1), "absent": (tmp_path / "no", 0)}
    made = {name: data_folder("data-", *where) for name, where in cases.items()}
    try:
        in_memory = [name for name, folder in made.items() if folder.parent == tmp_path]
        existing = [name for name, folder in made.items() if folder.is_dir()]
    finally:
        for folder in made.values():
            folder.rmdir()

    assert in_memory == ["fits"]
    assert existing == [*cases]


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

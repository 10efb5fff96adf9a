"""What servers of tests are started and ended with."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.programs import Will, data_folder, free_ports
from tests.support.processes import ROOT, START_LIMIT

WRITES_A_WILL = """
import sys
from tests.servers.programs import Will

will = Will('touch "$1"', sys.argv[1])
print("written", flush=True)
sys.stdin.read()
"""


def test_a_will_is_carried_out_when_its_writer_is_killed(tmp_path: Path) -> None:
    done = tmp_path / "it's done"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", WRITES_A_WILL, done],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        before = done.exists()
        os.kill(writer.pid, signal.SIGKILL)
    deadline = time.monotonic() + START_LIMIT
    while not done.exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # nothing announces the end of a stranger

    assert (before, done.exists()) == (False, True)


def test_a_will_that_was_revoked_is_not(tmp_path: Path) -> None:
    done = tmp_path / "done"
    will = Will('touch "$1"', done)
    will.revoke()

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

"""A command whose reader goes away ends as it would with one."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.closed_pipe import ROOT, run_unread

PROGRAM = """
import subprocess, sys
from pathlib import Path
from functions.kit.base.output import keep_running_unread
keep_running_unread()
keep_running_unread()
for number in range(2000):
    print("ñ" * 100, number)
    sys.stderr.write("an error\\n")
subprocess.run([sys.executable, "-c", "print('of a program that it starts')"], check=True)
Path(sys.argv[1]).touch()
sys.exit(7)
"""


@pytest.mark.parametrize("also", ["", "2>&1"], ids=["output", "output and errors"])
@pytest.mark.parametrize("lines", ["0", "1", "5000"])
def test_it_ends_what_it_has_begun(tmp_path: Path, also: str, lines: str) -> None:
    """In a shell, as people type it. Programs that it starts end too."""
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    ended = tmp_path / "ended"
    line = f'"$0" "$1" "$2" {also} | head -n {lines}; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-c", line, sys.executable, str(tmp_path / "program.py"), str(ended)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 7
    assert ended.exists()
    assert set(done.stderr.splitlines()) <= {b"an error"}


@pytest.mark.parametrize("service", ["auth", "catalog", "purchase", "notifications"])
def test_a_migration_that_nobody_reads_is_whole(tmp_path: Path, service: str) -> None:
    """By itself and by `nox -s migrate`; afterwards the counters can be raised unread too."""
    url = f"sqlite:///{tmp_path}/{service}.db"
    environ = {**os.environ, "DATABASE_URL": url}
    arguments = (service, "--database-url", url)

    ended = [
        run_unread(f"functions.{service}.migrate", environ=environ),
        run_unread("functions.local.migrate", *arguments),
        run_unread(f"functions.{service}.after_restore", environ=environ),
    ]

    assert [each.code for each in ended] == [0, 0, 0]
    assert [each.errors for each in ended if "BrokenPipe" in each.errors] == []


@pytest.mark.parametrize("changed", [False, True])
def test_an_audit_that_nobody_reads_has_its_exit_code(tmp_path: Path, changed: bool) -> None:
    """1 where something is wrong, such as copies that are reserved by nobody, else 0."""
    file = tmp_path / "purchase.db"
    environ = {**os.environ, "DATABASE_URL": f"sqlite:///{file}"}
    run_unread("functions.purchase.migrate", environ=environ)
    if changed:
        with sqlite3.connect(file) as connection:
            connection.execute(
                "INSERT INTO inventory (book_id, on_hand, reserved, available, fulfilled, revision,"
                " changed_at) VALUES (1, 5, 2, 3, 0, 1, '2026-01-01 00:00:00+00:00')"
            )

    ended = run_unread("functions.purchase.audit", environ=environ)

    assert ended.code == int(changed)
    assert "BrokenPipe" not in ended.errors


def test_without_a_buffer_each_line_is_there_at_once(tmp_path: Path) -> None:
    """As in the images: a pod that is killed has told how far it came."""
    program = (
        "from functions.kit.base.output import keep_running_unread\n"
        "keep_running_unread()\n"
        "print('begun')\n"
        "input()\n"
    )
    (tmp_path / "program.py").write_text(program, "utf-8")
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-u", str(tmp_path / "program.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        running.communicate(b"go on\n", timeout=60)

    assert (line, running.returncode) == (b"begun\n", 0)

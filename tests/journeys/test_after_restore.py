"""The command to run after a database is restored, as it is typed, for each service."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.kit.base.urls import parse_sqlite

ROOT = Path(__file__).parents[2]


def run(module: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a module of ours
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("service", "table"), [("auth", "users"), ("catalog", "books"), ("purchase", "purchases")]
)
def test_every_service_has_the_command(
    make_database_url: Callable[[], str], service: str, table: str
) -> None:
    """It needs a schema, and then raises the id counters."""
    url = make_database_url()
    if url.startswith("sqlite"):  # which has a database once there is a file
        Path(parse_sqlite(url).path).touch()
    too_early = run(f"functions.{service}.after_restore", url)
    migrated = run(f"functions.{service}.migrate", url)
    done = run(f"functions.{service}.after_restore", url)

    assert (too_early.returncode, migrated.returncode, done.returncode) == (1, 0, 0), done.stderr
    assert f"functions.{service}.migrate" in too_early.stderr
    assert f"{service}: {table}: 1 -> 1000001" in done.stdout.splitlines()

"""`nox -s compose`: which compose it takes, and what it says where none works.

The programs are fakes: scripts on PATH that answer as the real ones do.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knative.ops.cli.session import Session, run
from knative.ops.commands.compose import CANDIDATES, FILE, compose
from tests.cluster.ops.commands.test_programs import script

NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
REFUSED = f"validating {FILE}: Additional property name is not allowed"

FAKE = f"""#!{sys.executable}
import os, sys
argv = sys.argv[1:]
if argv[:1] == ["compose"]:
    argv = argv[1:]
if argv == ["version"]:
    print({{version!r}})
    sys.exit({{code}})
if argv == ["--file", {str(FILE)!r}, "ps", "--quiet"]:
    sys.exit({{problem!r}} or 0)
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
sys.exit(int(os.environ.get("EXIT", "0")))
"""


def fake(folder: Path, program: str, version: str, *, code: int = 0, problem: str = "") -> None:
    script(folder, program, FAKE.format(version=version, code=code, problem=problem))


@pytest.fixture
def composed(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Exit code, and the commands that compose was given besides the questions."""

    def call(*arguments: str, exit_code: int = 0) -> tuple[int, list[str]]:
        calls = tmp_path / "calls"
        calls.write_text("")
        environ = {"PATH": str(tmp_path), "CALLS": str(calls), "EXIT": str(exit_code)}
        code = run(compose, Session(list(arguments), environ))
        return code, calls.read_text().splitlines()

    return call


@pytest.fixture(autouse=True)
def only_fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system looks a program up on this process' PATH."""
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))


@pytest.mark.parametrize("candidate", CANDIDATES, ids=" ".join)
def test_the_one_that_works(
    tmp_path: Path, composed: Callable[..., tuple[int, list[str]]], candidate: tuple[str, ...]
) -> None:
    """Without arguments it brings the shop up; others are passed on unchanged."""
    fake(tmp_path, candidate[0], "Docker Compose version v2.40.3")

    assert composed() == (0, [f"{' '.join(candidate)} --file {FILE} up --build"])
    assert composed("down", "-v") == (0, [f"{' '.join(candidate)} --file {FILE} down -v"])


@pytest.mark.parametrize(
    ("version", "works"),
    [
        ("Docker Compose version v2.3.0", True),
        ("Docker Compose version v2.2.3", False),
        ("docker-compose version 1.29.2, build 5becea4c", False),
        ("podman-compose version 1.3.0\npodman version 5.2.0", True),
        ("podman-compose version: 1.2.0\nusing podman version: 5.2.0", False),
        ("podman-composer version  1.0.3", False),
        ("Docker Compose version 5.1.0-desktop.1", True),
        ("built by hand", True),
    ],
)
def test_the_oldest_version(
    tmp_path: Path,
    composed: Callable[..., tuple[int, list[str]]],
    capsys: pytest.CaptureFixture[str],
    version: str,
    works: bool,
) -> None:
    """An older one is refused with both versions before it starts anything."""
    fake(tmp_path, "podman-compose", version)
    code, calls = composed()

    assert (code, bool(calls)) == ((0, True) if works else (1, False))
    assert ("is too old" in capsys.readouterr().out) is not works


def test_the_next_one_where_the_first_has_no_engine(
    tmp_path: Path, composed: Callable[..., tuple[int, list[str]]]
) -> None:
    """docker is installed, its daemon does not run, and podman works."""
    fake(tmp_path, "docker", "Docker Compose version v2.40.3", problem=NO_ENGINE)
    fake(tmp_path, "podman-compose", "podman-compose version 1.3.0")

    assert composed() == (0, [f"podman-compose --file {FILE} up --build"])


def test_none_works(
    tmp_path: Path,
    composed: Callable[..., tuple[int, list[str]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The reason of each is told: no plugin, no engine, a file that it refuses, its age."""
    unknown = "docker: unknown command: docker compose\n\nRun 'docker --help' for more information"
    fake(tmp_path, "docker", unknown, code=1)
    fake(tmp_path, "podman", "Docker Compose version v2.40.3", problem=NO_ENGINE)
    fake(tmp_path, "docker-compose", "Docker Compose version v2.40.3", problem=REFUSED)
    fake(tmp_path, "podman-compose", "podman-composer version  1.0.3")
    code, calls = composed()
    told = " ".join(capsys.readouterr().out.split())

    assert (code, calls) == (1, [])
    assert "No compose works here. Install Docker Compose 2.3 or newer" in told
    assert "docker compose: docker: unknown command: docker compose" in told
    assert f"podman compose: {NO_ENGINE}" in told
    assert f"docker-compose: {REFUSED}" in told
    assert "podman-compose: version 1.0 is too old, 1.3 is needed" in told


def test_a_shop_that_fails(
    tmp_path: Path,
    composed: Callable[..., tuple[int, list[str]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Compose's own failure is ours; its end by Ctrl-C is none."""
    fake(tmp_path, "docker", "Docker Compose version v2.40.3")

    assert composed(exit_code=17)[0] == 1
    assert "docker compose exited with 17" in capsys.readouterr().out
    assert composed(exit_code=130)[0] == 130

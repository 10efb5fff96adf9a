"""`nox -s compose`: the shop in containers on this machine, by docker or podman; no cluster.

Arguments (`-- down`) go to compose unchanged; without any it is `up --build`.
"""

import re
import sys
from collections.abc import Mapping

from knative.ops.cli.errors import CommandTimeout, OpsError, ToolMissing, listed
from knative.ops.cli.options import ROOT
from knative.ops.cli.runner import Runner
from knative.ops.cli.session import Session, run

CANDIDATES = (
    ("docker", "compose"),
    ("podman", "compose"),
    ("docker-compose",),
    ("podman-compose",),
)
FILE = ROOT / "compose.yaml"
OLDEST: Mapping[str, tuple[int, int]] = {"docker": (2, 3), "podman": (1, 3)}
"""Of Docker Compose and podman-compose. Earlier ones refuse `name:`, and do not wait for migrations
that other containers depend on."""

_VERSION = re.compile(
    r"(?P<kind>docker|podman)[ -]composer? version:? +v?(?P<major>\d+)\.(?P<minor>\d+)",
    re.IGNORECASE,
)
"""As the two print it: Docker Compose version v2.40.3, docker-compose version 1.29.2,
podman-compose version 1.3.0, podman-composer version  1.0.3."""


def compose(session: Session) -> int:
    program = choose(session.runner)
    argv = [*program, "--file", str(FILE), *(session.arguments or ["up", "--build"])]
    code = session.runner.stream(argv, cwd=ROOT)
    if code not in {0, 130}:
        raise OpsError(f"{' '.join(program)} exited with {code}.")
    return code


def choose(runner: Runner) -> tuple[str, ...]:
    """The first compose that works here. Raises `ToolMissing` with the reason of each."""
    problems = []
    for program in CANDIDATES:
        try:
            problem = _problem(runner, program)
        except ToolMissing:
            continue
        except CommandTimeout as error:
            problem = str(error)
        if not problem:
            return program
        problems.append(f"{' '.join(program)}: {problem}")
    install = (
        f"No compose works here. Install Docker Compose {_text(OLDEST['docker'])} or newer, or"
        f" podman-compose {_text(OLDEST['podman'])} or newer."
    )
    raise ToolMissing(listed(install, problems) if problems else install)


def _problem(runner: Runner, program: tuple[str, ...]) -> str:
    """Why this compose cannot run the shop; "" if it can. Raises `ToolMissing`."""
    version = runner.run([*program, "version"], check=False)
    if version.code:
        return _reason(version.stderr or version.stdout)
    if found := _VERSION.search(f"{version.stdout}\n{version.stderr}"):
        has, oldest = (int(found["major"]), int(found["minor"])), OLDEST[found["kind"].lower()]
        if has < oldest:
            return f"version {_text(has)} is too old, {_text(oldest)} is needed"
    # `version` answers without an engine; this asks the engine, and reads the file too.
    asked = runner.run([*program, "--file", str(FILE), "ps", "--quiet"], check=False, cwd=ROOT)
    return _reason(asked.stderr or asked.stdout) if asked.code else ""


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _reason(output: str) -> str:
    """The first line of an error; the last one of a Python traceback."""
    lines = output.strip().splitlines() or ["it does not work, and gives no reason"]
    return lines[-1 if lines[0].startswith("Traceback") else 0]


if __name__ == "__main__":
    sys.exit(run(compose))

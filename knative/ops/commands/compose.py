"""`nox -s compose`: the shop in containers on this machine, by docker or podman; no cluster.

Arguments (`-- down`) go to compose unchanged; without any it is `up --build`.
"""

import sys

from knative.ops.cli.errors import OpsError, ToolMissing
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


def compose(session: Session) -> int:
    program = choose(session.runner)
    argv = [*program, "--file", str(FILE), *(session.arguments or ["up", "--build"])]
    code = session.runner.stream(argv, cwd=ROOT)
    if code not in {0, 130}:
        raise OpsError(f"{' '.join(program)} exited with {code}.")
    return code


def choose(runner: Runner) -> tuple[str, ...]:
    """The first compose that works here. Raises `ToolMissing`."""
    for program in CANDIDATES:
        try:
            if runner.run([*program, "version"], check=False).code == 0:
                return program
        except ToolMissing:
            continue
    raise ToolMissing(
        "No compose was found: install docker with its compose plugin, or podman-compose."
    )


if __name__ == "__main__":
    sys.exit(run(compose))

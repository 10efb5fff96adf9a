"""`nox -s compose`: the shop in containers on this machine, by docker or podman; no cluster.

`-- down` and whatever else compose understands is handed on; without words it is `up --build`.
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
    words = list(sys.argv[1:] if session.arguments is None else session.arguments)
    program = choose(session.runner)
    argv = [*program, "--file", str(FILE), *(words or ["up", "--build"])]
    code = session.runner.stream(argv, cwd=ROOT)
    if code not in {0, 130}:
        raise OpsError(f"{' '.join(program)} ended with {code}.")
    return code


def choose(runner: Runner) -> tuple[str, ...]:
    """The first that answers. Raises `ToolMissing`."""
    for program in CANDIDATES:
        try:
            if runner.run([*program, "version"], check=False).code == 0:
                return program
        except ToolMissing:
            continue
    raise ToolMissing(
        "compose is not there: install docker with its compose plugin, or podman-compose."
    )


if __name__ == "__main__":
    sys.exit(run(compose))

"""Piccolo's own tests, run on this engine: `python -m tests.kit.mysql.piccolo_suite CHECKOUT`.

`nox -s engine-piccolo -- CHECKOUT` calls this. CHECKOUT is a folder with Piccolo's source, of which
only `tests` is used: the Piccolo that is installed is what runs. More arguments go to pytest. Each
server that is here takes its turn; `TEST_MYSQL_URL` names one in place of them. What fails, and
why, is listed in `piccolo_suite_expected.toml`; a test that is not listed has to pass, and one that
is has to fail.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import piccolo

from tests.kit.mysql.distribution import HERE as PACKAGE
from tests.kit.mysql.distribution import THERE as DISTRIBUTION
from tests.kit.mysql.distribution import write_tree
from tests.servers.mysql import FLAVOURS, ExternalServer, Server, private_server, program_of

HERE = Path(__file__).parent
PARTS = ("piccolo_suite_conf.py", "piccolo_suite_plugin.py")
EXPECTED = HERE / "piccolo_suite_expected.toml"


def run(
    server: Server, checkout: Path, arguments: Sequence[str] = (), expected: Path = EXPECTED
) -> "subprocess.CompletedProcess[bytes]":
    """Run the tests on a server, by pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="piccolo-suite-") as folder:
        work, engine = Path(folder) / "piccolo", Path(folder) / "engine"
        work.mkdir()
        shutil.copytree(checkout / "tests", work / "tests")
        shutil.copy(checkout / "pyproject.toml", work / "pyproject.toml")
        write_tree(engine)
        for name in PARTS:
            text = (HERE / name).read_text("utf-8")
            (work / name).write_text(text.replace(PACKAGE, DISTRIBUTION), "utf-8")
        chosen = list(arguments) or ["tests"]
        return subprocess.run(  # noqa: S603 - this Python, with tests that the caller gave
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore",
             "-m", "not integration", "-p", "piccolo_suite_plugin", *chosen],
            cwd=work,
            env={
                **os.environ,
                "PYTHONPATH": f"{work}{os.pathsep}{engine}",
                "PICCOLO_CONF": "piccolo_suite_conf",
                "PICCOLO_SUITE_URL": server.url(""),
                "PICCOLO_SUITE_EXPECTED": str(expected),
            },
            check=False,
        )  # fmt: skip


def main() -> int:
    match sys.argv[1:]:
        case [path, *arguments] if (Path(path) / "tests" / "base.py").exists():
            checkout = Path(path).resolve()
        case _:
            print((__doc__ or "").strip(), file=sys.stderr)
            return 2
    found = re.search(r'"([^"]+)"', (checkout / "piccolo" / "__init__.py").read_text("utf-8"))
    version = found[1] if found else "an unknown version"
    print(f"tests of Piccolo {version}, on Piccolo {piccolo.__VERSION__}", flush=True)
    url = os.environ.get("TEST_MYSQL_URL")
    if url:
        return run(ExternalServer(url), checkout, arguments).returncode
    codes = []
    for flavour in FLAVOURS:
        if program_of(flavour) is None:
            print(f"not run on {flavour}: there is no such server here", file=sys.stderr)
            continue
        with private_server(flavour=flavour) as server:
            print(f"on {flavour}", flush=True)
            codes.append(run(server, checkout, arguments).returncode)
    return max(codes, default=2)


if __name__ == "__main__":
    sys.exit(main())

"""Run a program whose reader goes away, as `... | head -N` does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    code: int
    errors: str


def run_unread(
    module: str, *arguments: str, lines: int = 0, environ: Mapping[str, str] | None = None
) -> Ended:
    """`python -m MODULE`, of whose output so many lines are read; 0: it is closed before.

    `environ` is the whole environment; None: that of this process.
    """
    reader, writer = os.pipe()
    output = os.fdopen(reader, encoding="utf-8")
    if not lines:
        output.close()
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writer)
        for _ in range(lines):
            output.readline()
        output.close()
        _, errors = process.communicate()
    return Ended(process.returncode, errors)

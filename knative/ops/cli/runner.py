"""The one place that starts a program: no shell, a time limit, output kept, secrets hidden.

A secret travels on standard input only, never in an argument (every user of the machine can read
those) and never in a message: what `hide` was given is replaced in all that is shown.
"""

import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.ops.cli.console import Console
from knative.ops.cli.errors import CommandFailed, CommandTimeout, OpsError, ToolMissing

WHERE_FROM = {
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "kn": "https://knative.dev/docs/client/install-kn/",
    "docker": "https://docs.docker.com/engine/install/",
}

_GRACE = 3.0
"""Seconds that a program is given to end by itself."""


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise OpsError(f"No JSON came back, but: {self.stdout[:200]!r}") from error


class Clock:
    """Time, as a test wants to set it."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Runner:
    def __init__(
        self,
        console: Console,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.console = console
        self.clock = clock or Clock()
        self.environ = dict(os.environ if environ is None else environ)

    def hide(self, *values: str) -> None:
        self.console.hidden.update(value for value in values if value)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 120.0,
        check: bool = True,
        show: bool = False,
        cwd: Path | None = None,
    ) -> Result:
        """Raises `ToolMissing`, `CommandTimeout`, and with `check` also `CommandFailed`."""
        if show:
            self.console.command(shlex.join(argv))
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and arguments are not joined
                list(argv),
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                check=False,
                env=self.environ,
                cwd=cwd,
            )
        except FileNotFoundError as error:
            raise missing(argv[0]) from error
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(f"No end after {timeout:g} s:\n  $ {self._shown(argv)}") from error
        if check and done.returncode != 0:
            raise CommandFailed(
                self._shown(argv), done.returncode, self.console.redacted(done.stderr)
            )
        return Result(done.returncode, done.stdout, done.stderr)

    def stream(self, argv: Sequence[str], *, show: bool = True, cwd: Path | None = None) -> int:
        """Run a program on this terminal, to its end; its exit code."""
        if show:
            self.console.command(shlex.join(argv))
        try:
            process = subprocess.Popen(list(argv), env=self.environ, cwd=cwd)  # noqa: S603
        except FileNotFoundError as error:
            raise missing(argv[0]) from error
        with process:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # On a terminal it has heard of Ctrl-C itself, and ends in its own way.
                _end(process, _GRACE)
                raise

    @contextmanager
    def background(self, argv: Sequence[str]) -> Iterator[str]:
        """A program that runs meanwhile; its first line of output, "" if it ended before."""
        try:
            process = subprocess.Popen(  # noqa: S603
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self.environ,
            )
        except FileNotFoundError as error:
            raise missing(argv[0]) from error
        with process:
            try:
                yield process.stdout.readline() if process.stdout else ""
            finally:
                process.terminate()
                _end(process, _GRACE)

    def _shown(self, argv: Sequence[str]) -> str:
        return self.console.redacted(shlex.join(argv))


def _end(process: "subprocess.Popen[Any]", grace: float) -> None:
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()


def missing(tool: str) -> ToolMissing:
    where = f": {WHERE_FROM[tool]}" if tool in WHERE_FROM else "."
    return ToolMissing(f"{tool} is not installed, or not on PATH{where}")

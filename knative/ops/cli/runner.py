"""The only place that starts a program: without a shell, with a time limit, with secrets hidden.

A secret is passed on standard input, never as an argument, which every user of the machine can
read. Values given to `hide` are replaced in everything that is printed.
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

DOWNLOADS = {
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "kn": "https://knative.dev/docs/client/install-kn/",
    "docker": "https://docs.docker.com/engine/install/",
    "cosign": "https://docs.sigstore.dev/cosign/system_config/installation/",
}

_GRACE = 3.0
"""Seconds between asking a program to end and killing it."""


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise OpsError(f"Expected JSON, got: {self.stdout[:200]!r}") from error


class Clock:
    """Time, which tests replace."""

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
        except OSError as error:
            raise missing(argv[0], error) from error
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(
                f"This command did not end within {timeout:g} s:\n  $ {self._redacted(argv)}"
            ) from error
        if check and done.returncode != 0:
            stderr = self.console.redacted(done.stderr)
            raise CommandFailed(self._redacted(argv), done.returncode, stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def stream(self, argv: Sequence[str], *, show: bool = True, cwd: Path | None = None) -> int:
        """Run a program on this terminal until it ends; its exit code."""
        if show:
            self.console.command(shlex.join(argv))
        try:
            process = subprocess.Popen(list(argv), env=self.environ, cwd=cwd)  # noqa: S603
        except OSError as error:
            raise missing(argv[0], error) from error
        with process:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal sent Ctrl-C to the program too, which ends in its own way.
                _wait_or_kill(process)
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
        except OSError as error:
            raise missing(argv[0], error) from error
        with process:
            try:
                yield process.stdout.readline() if process.stdout else ""
            finally:
                process.terminate()
                _wait_or_kill(process)

    def _redacted(self, argv: Sequence[str]) -> str:
        return self.console.redacted(shlex.join(argv))


def _wait_or_kill(process: "subprocess.Popen[Any]") -> None:
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def missing(tool: str, error: OSError | None = None) -> ToolMissing:
    """What to do about a program that cannot be started: absent, of another processor's kind, or
    without the right to execute it."""
    where = f": {DOWNLOADS[tool]}" if tool in DOWNLOADS else "."
    if error is None or isinstance(error, FileNotFoundError):
        return ToolMissing(f"{tool} is not installed, or not on PATH{where}")
    return ToolMissing(f"{tool} cannot be started ({error.strerror}). Install it again{where}")

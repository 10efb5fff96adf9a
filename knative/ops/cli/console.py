"""What a person sees: headings, steps that are under way, the commands that are run, questions.

Plain text; a line is written over only on a terminal. In a log each change of a step is a line.
"""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from knative.ops.cli.errors import WrongOptions


class Step:
    """One thing under way; `update` says how far it is."""

    def __init__(self, console: "Console", title: str) -> None:
        self._console = console
        self.title = title
        self.detail = ""

    def update(self, detail: str) -> None:
        if detail != self.detail:
            self.detail = detail
            self._console.progress(self)

    def done(self, detail: str) -> None:
        """What is shown beside the step when it ends."""
        self.detail = detail

    @property
    def text(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title


class Console:
    def __init__(
        self,
        out: TextIO | None = None,
        *,
        answers: Callable[[str], str] | None = None,
        interactive: bool | None = None,
    ) -> None:
        self.out = out or sys.stdout
        self._terminal = self.out.isatty()
        self._bold = self._terminal and not os.environ.get("NO_COLOR")
        self._answer = answers or input
        self.interactive = sys.stdin.isatty() if interactive is None else interactive
        self.quiet = False
        """On while standard output is for a machine: nothing but `result` is written."""
        self._open = 0
        self.hidden: set[str] = set()
        """Values that are never shown, whatever text they are in."""

    def say(self, text: str = "") -> None:
        if not self.quiet:
            self._close()
            self._write(f"{text}\n")

    def result(self, text: str) -> None:
        """What was asked for, as opposed to how it is got."""
        self._close()
        self._write(f"{text}\n")

    def heading(self, text: str) -> None:
        self.say(f"\n\x1b[1m{text}\x1b[0m" if self._bold else f"\n{text}")

    def command(self, shown: str) -> None:
        """A command that a person could type."""
        self.say(f"  $ {shown}")

    def names(self, what: str, names: Sequence[str]) -> None:
        """A long list, broken into lines."""
        text = textwrap.fill(
            f"{what}: {', '.join(names)}",
            width=100,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.say(text)

    def warn(self, text: str) -> None:
        self.say(f"  ! {text}")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        step = Step(self, title)
        self.progress(step)
        try:
            yield step
        except BaseException:
            self._finish("FAILED", step)
            raise
        self._finish("ok", step)

    def progress(self, step: Step) -> None:
        if self.quiet:
            return
        if not self._terminal:
            if step.detail:
                self._write(f"  ...  {step.text}\n")
            return
        line = f"  ...  {step.text}"[: self._width()]
        self._write("\r" + line + " " * max(0, self._open - len(line)))
        self._open = len(line)

    def confirm(
        self, question: str, *, assume: bool, needs: str = "yes", instead: str = "--yes"
    ) -> bool:
        """Whether `needs` was typed. Raises `WrongOptions` where nobody can be asked, which names
        the option that answers instead."""
        if assume:
            return True
        if not self.interactive:
            raise WrongOptions(f"{question}\nNobody can be asked here: give {instead} to go on.")
        self._close()
        try:
            return self._answer(f"{question} Type {needs!r} to go on: ").strip() == needs
        except EOFError:
            return False

    def _finish(self, mark: str, step: Step) -> None:
        if self.quiet:
            return
        start = "\r" if self._open else ""
        line = f"  {mark:<6} {step.text}"
        self._write(f"{start}{line}{' ' * max(0, self._open - len(line))}\n")
        self._open = 0

    def _close(self) -> None:
        if self._open:
            self._write("\n")
            self._open = 0

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self.out.fileno()).columns - 1
        except (OSError, ValueError):
            return 100

    def _write(self, text: str) -> None:
        text = self.redacted(text)
        try:
            self.out.write(text)
            self.out.flush()
        except UnicodeEncodeError:
            encoding = self.out.encoding or "ascii"
            self.out.write(text.encode(encoding, "replace").decode(encoding))

    def redacted(self, text: str) -> str:
        for value in self.hidden:
            text = text.replace(value, "***")
        return text

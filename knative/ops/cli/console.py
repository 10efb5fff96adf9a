"""Output for a person, by rich: headings, steps in progress, commands, tables, confirmations.

On a terminal steps are a spinner and headings are styled. Elsewhere, and with NO_COLOR, everything
is plain lines without control characters, and each change of a step is a line.
"""

import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TextIO, cast

import rich.console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from knative.ops.cli.errors import WrongOptions

_WIDE = 1000
"""Columns where there is no terminal: lines of a log are not wrapped."""
_HELP_WIDTH = 100


class Step:
    """One operation in progress; `update` reports how far it is."""

    def __init__(self, title: str, report: Callable[["Step"], None]) -> None:
        self.title = title
        self.detail = ""
        self._report = report

    def update(self, detail: str) -> None:
        if detail != self.detail:
            self.detail = detail
            self._report(self)

    def done(self, detail: str) -> None:
        """What is printed beside the title when the step ends."""
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
        self.hidden: set[str] = set()
        """Values that are replaced in everything that is written."""
        self.quiet = False
        """Write results only: standard output is read by a program."""
        self.unread = False
        """The reader of the output has gone away, as `head` does."""
        self.interactive = sys.stdin.isatty() if interactive is None else interactive
        self._out = out or sys.stdout
        self._answer = answers or input
        self.is_terminal = self._out.isatty() and not os.environ.get("NO_COLOR")
        self._rich = self._console(None if self.is_terminal else _WIDE)

    def print(self, text: str | Text = "", style: str | None = None) -> None:
        """Colours inside of the text, such as those of a log, are dropped with the others."""
        if not self.quiet:
            text = self._text(text) if isinstance(text, str) else text
            self._rich.print(text, style=style, soft_wrap=True)

    def result(self, text: str) -> None:
        """The requested output of a command: byte for byte, also while `quiet`."""
        self._rich.file.write(f"{text}\n")
        self._rich.file.flush()

    def heading(self, text: str) -> None:
        self.print()
        self.print(text, "bold")

    def command(self, shown: str) -> None:
        """A command that a person could type."""
        self.print(f"  $ {shown}", "cyan")

    def names(self, heading: str, names: Sequence[str]) -> None:
        """A long list, wrapped and indented."""
        text = textwrap.fill(
            f"{heading}: {', '.join(names)}",
            width=100,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.print(text)

    def warn(self, text: str) -> None:
        self.print(f"  ! {text}", "yellow")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns, indented as other lines."""
        if self.quiet:
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        for row in rows:
            table.add_row("", *map(self._text, row))
        for line in self._rich.render_lines(table, pad=False):
            self.print("".join(segment.text for segment in line).rstrip())

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        with self._spinner(title) as report:
            step = Step(title, report)
            try:
                yield step
            except BaseException:
                self.print(Text.assemble(("  FAILED ", "bold red"), self._text(step.text)))
                raise
            self.print(Text.assemble(("  ok     ", "green"), self._text(step.text)))

    @contextmanager
    def _spinner(self, title: str) -> Iterator[Callable[[Step], None]]:
        """How changes of a step are reported: a line that is rewritten, or a new line each."""
        if not self.is_terminal or self.quiet:
            yield lambda step: self.print(f"  ...  {step.text}")
            return
        with Status(self._text(title), console=self._rich) as status:
            yield lambda step: status.update(self._text(step.text))

    def confirm(
        self, question: str, *, assume: bool, needs: str = "yes", instead: str = "--yes"
    ) -> bool:
        """Whether `needs` was typed. Raises `WrongOptions` where there is no terminal, and names
        the option to give `instead`."""
        if assume:
            return True
        if not self.interactive or self.unread:
            raise WrongOptions(f"{question}\nThere is no terminal to ask: give {instead}.")
        try:
            return self._answer(f"{question} Type {needs!r} to continue: ").strip() == needs
        except EOFError:
            return False

    def _on_lost_reader(self) -> None:
        """The command goes on without output, as of `nox -s deploy | head`: it ends what it has
        begun, and its exit code is true. What it starts writes there too, so the number is kept."""
        self.unread = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._out.fileno())
        os.close(nowhere)

    def _text(self, text: str) -> Text:
        """With secrets replaced before rendering, which may break a line inside of one."""
        return Text.from_ansi(self.redacted(text))

    def redacted(self, text: str) -> str:
        for value in self.hidden:
            text = text.replace(value, "***")
        return text

    def for_help(self) -> rich.console.Console:
        return self._console(None if self.is_terminal else _HELP_WIDTH)

    def _console(self, width: int | None) -> rich.console.Console:
        return rich.console.Console(
            file=cast("IO[str]", _Redacted(self._out, self.redacted, self._on_lost_reader)),
            force_terminal=self.is_terminal,
            color_system="auto" if self.is_terminal else None,
            width=width,
            highlight=False,
            markup=False,
            emoji=False,
        )


class _Redacted(io.TextIOBase):
    """A stream that hides values, and replaces characters that its encoding lacks."""

    def __init__(
        self, out: TextIO, redacted: Callable[[str], str], on_lost_reader: Callable[[], None]
    ) -> None:
        self._out = out
        self._redacted = redacted
        self._on_lost_reader = on_lost_reader

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only in the base class too
        return self._out.encoding or "utf-8"

    def write(self, text: str) -> int:
        text = self._redacted(text)
        try:
            self._out.write(text.encode(self.encoding, "replace").decode(self.encoding))
        except BrokenPipeError:
            self._on_lost_reader()
        return len(text)

    def flush(self) -> None:
        try:
            self._out.flush()
        except BrokenPipeError:
            self._on_lost_reader()

    def isatty(self) -> bool:
        return self._out.isatty()

    def fileno(self) -> int:
        return self._out.fileno()

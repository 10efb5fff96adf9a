"""What is printed on the terminal, by rich: steps, notices, tables and the programs' output.

Colours, spinners and other control characters only go to a terminal, and to none where NO_COLOR is
set (https://no-color.org).
"""

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_COLOURS = {"auth": "cyan", "catalog": "magenta", "purchase": "blue", "broker": "yellow"}
_TIME_AND_LEVEL = r"\d\d:\d\d:\d\d [A-Z]+"
_WIDTH_OF_FILES = 200
"""Columns of a table in output that is not a terminal."""


class _Output(RichConsole):
    def on_broken_pipe(self) -> None:
        """With `nox -s dev | head` the shop keeps running, without output; rich would exit."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Console:
    def __init__(self, out: TextIO | None = None) -> None:
        out = out or sys.stdout
        if isinstance(out, io.TextIOWrapper):
            # A terminal without UTF-8 gets question marks instead of a traceback.
            out.reconfigure(errors="replace")
        controlled = out.isatty() and not os.environ.get("NO_COLOR")
        self._output = _Output(
            file=out,
            force_terminal=controlled,
            width=None if out.isatty() else _WIDTH_OF_FILES,
            soft_wrap=True,
            markup=False,
            emoji=False,
            highlight=False,
        )
        self.show_program_output = False
        """False while the steps are printed; the programs' output is then only in their logs."""

    def print(self, text: str = "", *, style: str = "") -> None:
        self._output.print(Text(text, style=style))

    def notice(self, text: str) -> None:
        self.print(text, style="bold")

    def error(self, text: str) -> None:
        self.print(text, style="red")

    def remark(self, text: str) -> None:
        self._output.print(Text.assemble("   ", ("→", "green"), f" {text}"))

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Rows in aligned columns, indented."""
        grid = Table.grid(padding=(0, 2))
        for row in rows:
            grid.add_row(*(Text(cell, overflow="fold") for cell in row))
        self._output.print(Padding(grid, (0, 0, 0, 2), expand=False), soft_wrap=False)

    @property
    def is_terminal(self) -> bool:
        return self._output.is_terminal

    @contextmanager
    def live(self) -> Iterator[Callable[[Sequence[Sequence[str]], str], None]]:
        """A table that changes in place; the first of its rows has the titles. A text is below."""
        with Live(console=self._output, refresh_per_second=4) as live:

            def show(rows: Sequence[Sequence[str]], below: str) -> None:
                table = Table(box=None, padding=(0, 2))
                for place, title in enumerate(rows[0]):
                    table.add_column(title, justify="right" if place else "left")
                for row in rows[1:]:
                    table.add_row(*(Text(cell) for cell in row))
                live.update(Group(table, Text(""), Text(below)))

            yield show

    def program_line(self, program: str, line: str) -> None:
        """A line of a program's output, after the program's name."""
        if not self.show_program_output:
            return
        line = re.sub(rf"^({_TIME_AND_LEVEL} +){program} ", r"\1", line)  # named already
        colour = _COLOURS.get(program, "white")
        self._output.print(Text.assemble((f"{program:>8}", colour), f" {line}"))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A spinner on a terminal, and a line that says how the step ended."""
        try:
            with self._output.status(text):
                yield
        except BaseException:
            self._output.print(Text.assemble("  ", ("✗", "red"), f" {text}"))
            raise
        self._output.print(Text.assemble("  ", ("✓", "green"), f" {text}"))

    def restore_terminal(self) -> None:
        """Before an exit without clean-up: a spinner hides the cursor."""
        self._output.show_cursor()

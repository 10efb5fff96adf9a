"""What a person sees: steps, notices, and the programs' lines in a colour for each.

Colour only on a terminal, and not where NO_COLOR is set (https://no-color.org).
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_COLOURS = {"auth": 36, "catalog": 35, "purchase": 34, "broker": 33}
_MOMENT = r"\d\d:\d\d:\d\d [A-Z]+"
_BOLD, _RED, _GREEN = 1, 31, 32


class Console:
    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._colour = self._terminal and not os.environ.get("NO_COLOR")
        self._open_step = False
        self.programs_speak = False
        """Off while the steps are shown: what a program says then is only in its log."""

    def bold(self, text: str) -> str:
        return self._paint(text, _BOLD)

    def good(self, text: str) -> str:
        return self._paint(text, _GREEN)

    def bad(self, text: str) -> str:
        return self._paint(text, _RED)

    def say(self, text: str = "") -> None:
        self._end_line()
        self._write(f"{text}\n")

    def notice(self, text: str) -> None:
        self.say(self.bold(text))

    def program_line(self, program: str, line: str) -> None:
        if self.programs_speak:
            line = re.sub(rf"^({_MOMENT} +){program} ", r"\1", line)  # its name is said already
            self.say(f"{self._paint(f'{program:>8}', _COLOURS.get(program, 37))} {line}")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        if self._terminal:
            self._write(f"  … {text}")
            self._open_step = True
        try:
            yield
        except BaseException:
            self._finish_step(self.bad("✗"), text)
            raise
        self._finish_step(self.good("✓"), text)

    def _finish_step(self, mark: str, text: str) -> None:
        start = "\r" if self._open_step else ""
        self._open_step = False
        self._write(f"{start}  {mark} {text}\n")

    def _end_line(self) -> None:
        if self._open_step:
            self._write("\n")
            self._open_step = False

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except UnicodeEncodeError:
            # A console without UTF-8 gets question marks rather than a traceback.
            encoding = self._out.encoding or "ascii"
            self._out.write(text.encode(encoding, "replace").decode(encoding))
        except BrokenPipeError:
            # `nox -s dev | head`: nobody reads any more; the shop goes on.
            self._out = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115

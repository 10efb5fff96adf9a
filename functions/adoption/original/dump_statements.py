"""Gathers the statements of a script from its lines, without their texts and comments.

A statement ends at its `;`, which may stand in any line, or at what DELIMITER says instead, as
around triggers and routines. Of a statement as long as a dump's rows only the beginning is kept.
`dump_changes.py` says what one changes.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from functions.adoption.original.dump_lines import Line, cut_off

KEPT = 65_536
"""Characters of a statement, without its texts. The tables that it changes are named before."""

_TEXT = r"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\""
_NAME = r"`(?:[^`]++|``)*+`"
_COMMENT = r"--(?=\s|$)[^\n]*+|\#[^\n]*+|/\*(?:(?!M?!)|(?=M!999999\\-)).*?\*/"
"""The second form of a closed one switches a client to its sandbox; no server executes it."""
_PLAIN = r"[^'\"`;\#/*-]++"
_DELIMITER = re.compile(r"\s*DELIMITER\s+(\S+)", re.IGNORECASE)
_USE = re.compile(r"\s*(USE\b\s*(?:`(?:[^`]|``)+`|[\w$]+))\s*$", re.IGNORECASE)
"""A whole line: mysql takes it without `;`, too."""
_UNIMPORTANT = re.compile(
    rf"(?:{_PLAIN}|{_TEXT}|{_NAME}|{_COMMENT}|/\*M?!|(?!/\*)[/*-])*+", re.DOTALL
)
_REST = {
    "'": re.compile(r"(?:[^'\\]++|\\.|'')*+'", re.DOTALL),
    '"': re.compile(r"(?:[^\"\\]++|\\.|\"\")*+\"", re.DOTALL),
    "`": re.compile(r"(?:[^`]++|``)*+`"),
    "/*": re.compile(r".*?\*/", re.DOTALL),
}
"""Up to the end of what an earlier line has begun."""


@cache
def _piece(delimiter: str) -> re.Pattern[str]:
    """A comment that a server executes is read as what is in it."""
    plain = _PLAIN.replace("[^", "[^" + re.escape(delimiter[0]))
    return re.compile(
        rf"(?P<end>{re.escape(delimiter)})|(?P<plain>{plain}|{_NAME})|(?P<text>{_TEXT})"
        rf"|(?P<blank>{_COMMENT}|/\*M?!\d*|\*/)|(?P<open>['\"`]|/\*)|(?P<sign>.)",
        re.DOTALL,
    )


class Statements:
    """The statements of one file, line by line."""

    def __init__(self) -> None:
        self._delimiter = ";"
        self._parts: list[str] = []
        self._size = 0
        self._begun = 0
        self._open = ""
        self._is_passed_over = False

    @property
    def is_within(self) -> bool:
        """Whether a statement, or a comment, has begun and not ended."""
        return bool(self._parts or self._open or self._is_passed_over)

    @property
    def is_in_comment(self) -> bool:
        """Whether a comment between two statements has begun and not ended."""
        return self._open == "/*" and not self._parts and not self._is_passed_over

    @property
    def is_in_routine(self) -> bool:
        """Whether statements end at another sign than `;`, so that a routine may have that."""
        return self._delimiter != ";"

    def pass_over(self, line: Line) -> Iterator[Line]:
        """As `gather`, for a line that begins with an INSERT of no interest."""
        self._is_passed_over = True
        return self.gather(line)

    def gather(self, line: Line) -> Iterator[Line]:
        """The statements that end in a line, each with the number of its first one."""
        text, position = line.text, 0
        if not self._open and (match := _DELIMITER.match(text)):
            yield from self._ended(line.file)
            self._delimiter = match[1]
            return
        is_line = not self.is_within and self._delimiter not in text
        if is_line and (match := _USE.match(text)):
            yield Line(line.file, line.number, match[1])
            return
        while position < len(text):
            if self._open:
                rest = _REST[self._open].match(text, position)
                if rest is None:
                    return
                position, self._open = rest.end(), ""
                continue
            skips = self._is_passed_over and not self.is_in_routine
            if skips and (passed := _UNIMPORTANT.match(text, position)):
                position = passed.end()
            piece = _piece(self._delimiter).match(text, position)
            if piece is None:  # the end of the line
                return
            position = piece.end()
            if piece["end"]:
                yield from self._ended(line.file)
            elif piece["open"]:
                self._open = piece["open"]
                self._add(line, " " if self._open == "/*" else "''")
            else:
                self._add(line, {"text": "''", "blank": " "}.get(str(piece.lastgroup), piece[0]))

    def finish(self, file: Path, number: int) -> Iterator[Line]:
        """A last one without `;`. Raises `NotTheOriginal` for one that is cut off."""
        is_cut_off = self._is_passed_over and not self._parts
        if self._open or self.is_in_routine or is_cut_off:
            raise cut_off(file, number)
        yield from self._ended(file)

    def _add(self, line: Line, part: str) -> None:
        if self._is_passed_over or (not self._parts and part.isspace()):
            return
        if not self._parts:
            self._begun = line.number
        self._parts.append(" " if part.isspace() else part)
        self._size += len(self._parts[-1])
        self._is_passed_over = self._size > KEPT

    def _ended(self, file: Path) -> Iterator[Line]:
        text = "".join(self._parts).strip()
        self._parts, self._size, self._is_passed_over = [], 0, False
        if text:
            yield Line(file, self._begun, text)

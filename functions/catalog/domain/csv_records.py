"""CSV as a stream: bytes in as they come, records out as soon as they are whole.

The `csv` module pulls lines and cannot wait for the network, so this finds where a record ends
(a quoted field may hold line breaks) and lets `csv` take the record apart. Never more than one
record and one chunk are held.

Source: RFC 4180, with LF line ends, a byte order mark, and semicolons or tabs between fields too.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

from functions.catalog.errors import MalformedCsv

MAX_RECORD = 64 * 1024
"""Characters of a record; csv's own limit for a field is higher."""

DELIMITERS = (",", ";", "\t")

_QUOTED = re.compile(r'"[^"]*+"')
_TO_CLOSING_QUOTE = re.compile(r'(?:[^"]|"")*+"')


class Record(NamedTuple):
    line: int
    """Of the file, from 1, where the record begins."""
    cells: list[str]
    problem: str | None = None
    """Why it could not be taken apart; then there are no cells."""


class CsvReader:
    """One file; `feed` it chunk by chunk, then `close` it.

    Raises `MalformedCsv` where the file cannot be read on.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._delimiter = ""
        self._rest = ""
        self._record: list[str] = []
        self._size = 0
        self._lines = 0
        self._inside_quotes = False

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that these bytes complete."""
        yield from self._split(data, final=False)

    def close(self) -> Iterator[Record]:
        """The last record, which may lack its line end."""
        yield from self._split(b"", final=True)
        if self._rest:
            yield from self._take(self._rest)
        if self._record:
            raise MalformedCsv(
                f"The quotation mark that opens in line {self._first_line} is never closed."
            )

    @property
    def _first_line(self) -> int:
        """Of the record that is being read."""
        return self._lines - len(self._record) + 1

    def _split(self, data: bytes, *, final: bool) -> Iterator[Record]:
        broken: UnicodeDecodeError | None = None
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            text, broken = error.object[: error.start].decode(), error
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        for line in lines:
            yield from self._take(line + "\n")
        if broken is not None:
            raise MalformedCsv(f"Line {self._lines + 1} is not UTF-8.") from broken
        self._check_size(self._size + len(self._rest))

    def _take(self, line: str) -> Iterator[Record]:
        if not self._delimiter:
            self._delimiter = sniff_delimiter(line)
        self._lines += 1
        self._record.append(line)
        self._size += len(line)
        self._check_size(self._size)
        self._inside_quotes = self._ends_inside_quotes(line)
        if self._inside_quotes:
            return
        first_line, lines = self._first_line, self._record
        self._record, self._size = [], 0
        if len(lines) > 1 or line.strip():
            yield self._parse(first_line, lines)

    def _ends_inside_quotes(self, line: str) -> bool:
        """Whether a field that began with a quotation mark is still open at the line's end."""
        position = 0
        if not self._inside_quotes:
            position = 1 if line.startswith('"') else self._next_opening(line, 0)
        while position >= 0:
            closing = _TO_CLOSING_QUOTE.match(line, position)
            if closing is None:
                return True
            position = self._next_opening(line, closing.end())
        return False

    def _next_opening(self, line: str, position: int) -> int:
        """Just after the next quotation mark that opens a field; -1 where there is none."""
        found = line.find(self._delimiter + '"', position)
        return found if found < 0 else found + 2

    def _parse(self, first_line: int, lines: list[str]) -> Record:
        try:
            (cells,) = csv.reader(lines, delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError) as error:
            return Record(first_line, [], str(error))
        return Record(first_line, cells)

    def _check_size(self, size: int) -> None:
        if size > MAX_RECORD:
            raise MalformedCsv(
                f"The record that begins in line {self._first_line} is longer than {MAX_RECORD}"
                " characters: a quotation mark may not be closed, or the line ends were lost"
                " (with curl, send the file with --data-binary)."
            )


def sniff_delimiter(header: str) -> str:
    """What stands most often between the names of a header."""
    plain = _QUOTED.sub("", header)
    return max(DELIMITERS, key=plain.count)

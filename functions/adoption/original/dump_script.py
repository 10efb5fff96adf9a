"""The statements of a dump, each with the database that it is about, as USE and the headers say it.

`dump.py` reads a file twice by it: for the tables, and for the rows.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from functions.adoption.original import dump_changes
from functions.adoption.original.dump_lines import Line
from functions.adoption.original.dump_statements import Statements

_HEADER = re.compile(r"^-- (?:Host: .*?|)\s*(?:Current )?Database: `?([^`\s]+)`?\s*$")


class Script:
    """One file, line by line."""

    def __init__(self) -> None:
        self._statements = Statements()
        self.database: str | None = None
        """The one that the next statement is about; None: the file has not said it."""

    @property
    def is_between(self) -> bool:
        """Whether the next line begins a statement of a dump: none is open, and no comment."""
        return not self._statements.is_within and not self._statements.is_in_routine

    @property
    def is_hidden(self) -> bool:
        """Whether what the next line begins with is a comment's, or is among routines."""
        return self._statements.is_in_comment or self._statements.is_in_routine

    def gather(self, line: Line) -> Iterator[Line]:
        """The statements that end in a line, each with the number of its first one."""
        if self.is_between and (header := _HEADER.match(line.text)):
            self.database = header[1]
        return self._followed(self._statements.gather(line))

    def pass_over(self, line: Line) -> Iterator[Line]:
        """As `gather`, for a line that begins with an INSERT of no interest."""
        return self._followed(self._statements.pass_over(line))

    def finish(self, file: Path, number: int) -> Iterator[Line]:
        """A last one without `;`. Raises `NotTheOriginal` for one that is cut off."""
        return self._followed(self._statements.finish(file, number))

    def _followed(self, statements: Iterator[Line]) -> Iterator[Line]:
        for each in statements:
            self.database = dump_changes.used(each.text) or self.database
            yield each

"""The rows of an INSERT, as the server would read them."""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from functions.adoption.errors import NotTheOriginal
from functions.adoption.original.dump_lines import Line, check_decoded, is_decoded
from functions.adoption.original.schema import DATABASES, MAX_INTEGER, Table
from functions.adoption.original.staging import Row, Value

_VALUE = re.compile(
    r"\s*(?:(NULL)|(?:_\w+\s*)?'((?:[^'\\]|\\.|'')*)'"
    r"|(-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    # Bytes, bits, and functions such as CURRENT_TIMESTAMP: only columns of one's own have them.
    r"|((?:_\w+\s*)?0[xXbB][0-9A-Fa-f]*|[bBxX]'[0-9A-Fa-f]*'|[A-Za-z_]+(?:\(\d*\))?))"
    r"\s*([,)])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


_Literal = tuple[str | None, bool, bool]
"""Its text, or None for NULL; whether it was quoted; whether a column of the original may have it.
A plain tuple, because a dump has many."""
_NULL: _Literal = (None, False, True)


class Statement(NamedTuple):
    """An INSERT into one of the tables."""

    table: Table
    width: int
    """Values in each row."""
    places: Sequence[int | None]
    """The place of each of the table's columns in the rows; None where it is left out."""
    exact: Collection[str]
    """Amounts that are shown with all of their digits."""


def statement(table: Table, columns: Sequence[str], exact: Collection[str]) -> Statement:
    """`columns` are those of the rows, in their order."""
    places = {name: place for place, name in enumerate(columns)}
    return Statement(table, len(columns), [places.get(name) for name in table.columns], exact)


def rows(of: Statement, line: Line, position: int) -> Iterator[Row]:
    """The rows in a line, from a position on. Raises `NotTheOriginal`."""
    decoded = is_decoded(line.text)
    for values in _tuples(line, position):
        yield _row(of, values, line, decoded=decoded)


def _tuples(line: Line, position: int) -> Iterator[list[_Literal]]:
    text = line.text
    while True:
        while position < len(text) and text[position] in " ,\n\r\t":
            position += 1
        if position >= len(text):
            return
        if text[position] == ";":
            if text[position + 1 :].strip():  # another statement
                raise unreadable(line)
            return
        if text[position] != "(":
            raise unreadable(line)
        position, values = _values(line, position + 1)
        yield values


def _values(line: Line, position: int) -> tuple[int, list[_Literal]]:
    """Where a row ends, and its values."""
    values: list[_Literal] = []
    while True:
        match = _VALUE.match(line.text, position)
        if match is None:
            raise unreadable(line)
        position = match.end()
        if match[1]:
            values.append(_NULL)
        elif match[2] is not None:
            values.append((_unescaped(match[2]), True, True))
        elif match[3]:
            values.append((match[3], False, True))
        else:
            values.append((match[4], False, False))
        if match[5] == ")":
            return position, values


def _unescaped(text: str) -> str:
    if "\\" not in text and "''" not in text:
        return text
    return _ESCAPE.sub(
        lambda match: "'" if match[1] is None else _ESCAPES.get(match[1], match[1]), text
    )


def _row(of: Statement, values: list[_Literal], line: Line, *, decoded: bool) -> Row:
    if len(values) != of.width:
        raise unreadable(line)
    row: list[Value] = []
    for (name, kind), place in zip(of.table.columns.items(), of.places, strict=True):
        value, is_quoted, is_readable = _NULL if place is None else values[place]
        if not is_readable or (name == "id" and (value is None or is_quoted)):
            raise unreadable(line)
        try:
            if value is None:
                row.append(None)
            elif kind == "integer":
                row.append(_integer(value))
            elif kind == "amount":
                row.append(_amount(value))
            else:
                if not decoded:
                    check_decoded(line, value)
                row.append(value)
        except ValueError as error:
            raise unreadable(line) from error
        if kind == "amount":
            row.append(float(value) if value is not None and name in of.exact else None)
    return row


def _integer(text: str) -> int:
    """Raises `ValueError` for what is none, or is beyond every column of the original."""
    number = int(text)
    if abs(number) > MAX_INTEGER:
        raise ValueError(text)
    return number


def _amount(text: str) -> str:
    """Raises `ValueError` for what no FLOAT can be."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return repr(number)


def unreadable(line: Line) -> NotTheOriginal:
    return NotTheOriginal(
        f"{line.file}, línea {line.number}: no es una fila como las escribe mysqldump. Haga el"
        f" volcado otra vez: mysqldump --databases {' '.join(DATABASES.values())}.",
        f"{line.file}, line {line.number}: it is no row as mysqldump writes them. Make the dump"
        f" again: mysqldump --databases {' '.join(DATABASES.values())}.",
    )

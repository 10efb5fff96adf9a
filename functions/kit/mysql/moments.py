"""Translates SQLite's `strftime()` and `datetime()`, as Piccolo prints them.

`expressions.py` uses it for functions in a query, `ddl_columns.py` for defaults.
"""

import re
from collections.abc import Sequence

from functions.kit.mysql.errors import Unsupported
from functions.kit.mysql.tokens import Token

_OFFSET = re.compile(r"([+-]?\d+(?:\.\d+)?) (day|hour|minute|second)s?", re.IGNORECASE)

_WHOLE = {"%Y-%m-%d %H:%M:%f": "{}", "%Y-%m-%d": "DATE({})"}
"""Formats of times and dates as SQLite stores them; on MySQL they are the column's value itself."""

_FORMATS = {
    "%Y": "%Y",
    "%m": "%m",
    "%d": "%d",
    "%H": "%H",
    "%M": "%i",
    "%S": "%s",
    "%j": "%j",
    "%w": "%w",
    "%%": "%%",
}
"""MySQL's names of the parts of a format."""


def offsets(steps: Sequence[Sequence[Token]]) -> str:
    """` + INTERVAL 1 DAY` and so on, for modifiers such as `'+1 days'`."""
    text = ""
    for step in steps:
        found = None
        if len(step) == 1 and step[0].kind == "string":
            found = _OFFSET.fullmatch(step[0].text[1:-1].strip())
        if found is None:
            raise Unsupported("a modifier of a date that is not in days, hours, minutes or seconds")
        unit = found[2].upper()
        if unit != "SECOND" and "." in found[1]:
            raise Unsupported("a fraction of days, hours or minutes")
        text += f" + INTERVAL {found[1].removeprefix('+')} {unit}"
    return text


def formatted(layout: Sequence[Token], moment: str, steps: Sequence[Sequence[Token]]) -> str:
    """`strftime(layout, moment, step, ...)`; `moment` is MySQL's text."""
    if len(layout) != 1 or layout[0].kind != "string":
        raise Unsupported("strftime() with a format that is not in the text")
    asked = layout[0].text[1:-1]
    moment += offsets(steps)
    if asked in _WHOLE and steps:
        return f"({_WHOLE[asked].format(moment)})"
    parts = re.split(r"(%.)", asked)
    unknown = [part for part in parts[1::2] if part not in _FORMATS]
    if unknown or any("%" in part or "'" in part for part in parts[::2]):
        raise Unsupported(f"strftime() with {unknown[0] if unknown else asked!r}")
    return f"DATE_FORMAT({moment}, '{''.join(_FORMATS.get(part, part) for part in parts)}')"

"""What a column of a result is to Python, by what the server says about it.

The wire has fewer types than Piccolo has: TINYINT(1) is a boolean, BINARY(16) a UUID, DATETIME a
moment in UTC, since the session's time zone is UTC and every aware value is sent as such.
`wire.py` applies this.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Protocol
from uuid import UUID

from functions.kit.mysql.plans import Row

_TINY, _NEWDECIMAL, _STRING = 1, 246, 254
_BINARY_CHARSET = 63


class Field(Protocol):
    """The driver's description of a column."""

    name: str
    org_table: str
    type_code: int
    charsetnr: int
    length: int
    scale: int


def datetime_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def time_of_day(text: str) -> time:
    return time.fromisoformat(text)


def date_of(text: str) -> date:
    return date.fromisoformat(text)


def _uuid(value: bytes) -> UUID:
    return UUID(bytes=value)


def _converter(field: Field) -> Callable[[Any], Any] | None:
    """What the type's number alone does not tell, and the driver therefore leaves."""
    if field.type_code == _TINY and field.length == 1:
        return bool
    if field.type_code == _STRING and field.charsetnr == _BINARY_CHARSET and field.length == 16:
        return _uuid
    if field.type_code == _NEWDECIMAL and field.scale == 0 and not field.org_table:
        return int  # SUM of integers; a DECIMAL column of a table stays a Decimal
    return None


def decode(fields: Sequence[Field], rows: Sequence[tuple[Any, ...]]) -> list[Row]:
    """Rows as dicts; of two columns of one name the later one stays, as on SQLite."""
    names = [field.name for field in fields]
    converters = [
        (field.name, convert) for field in fields if (convert := _converter(field)) is not None
    ]
    result = [dict(zip(names, row, strict=True)) for row in rows]
    for name, convert in converters:
        for row in result:
            value = row[name]
            if value is not None:
                row[name] = convert(value)
    return result

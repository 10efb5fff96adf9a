"""Python values as SQL literals.

The protocol that aiomysql speaks has no parameters: values are written into the statement, so
this file is the guard against injection. A literal made here means the same in every SQL mode:
quotes are doubled, and a string with a backslash, whose meaning depends on
NO_BACKSLASH_ESCAPES, is sent in hexadecimal. `statements.py` puts the literals in their places.
"""

import enum
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, NoReturn
from uuid import UUID

from functions.kit.mysql.errors import DataError, Unsupported


def _string(value: str) -> str:
    if "\\" in value:
        # Surrogates are no characters: encoding them fails here, before anything is sent.
        return f"_utf8mb4 x'{value.encode().hex()}'"
    return "'" + value.replace("'", "''") + "'"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return f"x'{value.hex()}'"


def _float(value: float) -> str:
    if not isfinite(value):
        raise DataError("NaN and infinity cannot be stored")
    text = repr(value)
    # With an exponent it is a DOUBLE; without, MySQL reads a DECIMAL and calculates otherwise.
    return text if "e" in text else text + "e0"


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise DataError("NaN and infinity cannot be stored")
    return format(value, "f")


def _datetime(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return f"'{value.isoformat(' ', 'microseconds')}'"


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise Unsupported("a time of day with a time zone")
    return f"'{value.isoformat('microseconds')}'"


def _interval(_: timedelta) -> NoReturn:
    raise Unsupported("a timedelta as a parameter (MySQL has no interval type)")


def _sequence(_: object) -> NoReturn:
    raise Unsupported("a list as a parameter (MySQL has no arrays); for IN, write one {} per value")


def _mapping(_: object) -> NoReturn:
    raise Unsupported("a dict as a parameter; serialise it first")


_LITERALS: dict[type, Callable[[Any], str]] = {
    str: _string,
    int: str,
    bool: lambda value: "1" if value else "0",
    type(None): lambda _: "NULL",
    float: _float,
    Decimal: _decimal,
    datetime: _datetime,
    date: lambda value: f"'{value.isoformat()}'",
    time: _time,
    UUID: lambda value: f"x'{value.hex}'",
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    timedelta: _interval,
    list: _sequence,
    tuple: _sequence,
    set: _sequence,
    frozenset: _sequence,
    dict: _mapping,
}


def literal(value: Any) -> str:
    """SQL text that means this value. Raises `Unsupported` for a type that has none."""
    write = _LITERALS.get(type(value))
    if write is None:
        write = _inherited(value)
    return write(value)


def _inherited(value: Any) -> Callable[[Any], str]:
    """The writer for a subclass, such as a StrEnum or another library's UUID."""
    if isinstance(value, enum.Enum):
        return lambda member: literal(member.value)
    for base in (datetime, *_LITERALS):
        if isinstance(value, base):
            if base is str:
                return lambda text: _string(str.__str__(text))
            if base is int:
                return int.__repr__
            return _LITERALS[base]
    raise Unsupported(f"a {type(value).__qualname__} as a parameter")

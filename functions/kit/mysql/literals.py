"""Python values as SQL literals.

aiomysql does not support the protocol's parameters: values are written into the statement, so this
module prevents SQL injection. A literal means the same in every SQL mode: quotes are doubled, and a
string with a backslash, whose meaning depends on NO_BACKSLASH_ESCAPES, is sent in hexadecimal.
`plans.py` inserts the literals into the statements.
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
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DataError("a string contains an unpaired surrogate") from None
    if "\\" in value:
        return f"_utf8mb4 x'{value.encode().hex()}'"
    return "'" + value.replace("'", "''") + "'"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return f"x'{value.hex()}'"


def _float(value: float) -> str:
    if not isfinite(value):
        raise DataError("NaN and infinity cannot be stored")
    text = repr(value)
    # With an exponent it is a DOUBLE; without one it is a DECIMAL, whose arithmetic differs.
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


def _interval(value: timedelta) -> str:
    """Seconds, as in a column of Piccolo's Interval: MySQL has no type for it."""
    microseconds = value // timedelta(microseconds=1)
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return f"{'-' if microseconds < 0 else ''}{seconds}.{rest:06}"


def _sequence(_: object) -> NoReturn:
    raise Unsupported("a list as a parameter (MySQL has no arrays); for IN, write one {} per value")


def _mapping(_: object) -> NoReturn:
    raise Unsupported("a dict as a parameter; serialise it first")


class Fragment:
    """SQL of this package in the place of a value. The values in it are already literals."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_LITERALS: dict[type, Callable[[Any], str]] = {
    Fragment: lambda value: value.text,
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
    """The SQL literal of a value. Raises `Unsupported` for a type without one."""
    write = _LITERALS.get(type(value))
    if write is None:
        write = _inherited(value)
    return write(value)


_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
    Decimal: Decimal,
    datetime: lambda value: datetime(  # noqa: DTZ001 - its own, or none
        *(value.year, value.month, value.day, value.hour, value.minute, value.second),
        value.microsecond,
        value.tzinfo,
        fold=value.fold,
    ),
    date: lambda value: date(value.year, value.month, value.day),
    time: lambda value: time(
        *(value.hour, value.minute, value.second, value.microsecond, value.tzinfo),
        fold=value.fold,
    ),
    timedelta: lambda value: timedelta(value.days, value.seconds, value.microseconds),
    UUID: lambda value: UUID(int=value.int),
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
}
"""Converts the value of a subclass to its base type. The text that a subclass prints must not get
into SQL: `repr(numpy.float64(1))` is not a number, and a subclass may print anything."""


def _inherited(value: Any) -> Callable[[Any], str]:
    """The writer for a subclass, such as a StrEnum or another library's UUID."""
    if isinstance(value, enum.Enum):
        return lambda member: literal(member.value)
    for base in (datetime, *_LITERALS):
        if isinstance(value, base):
            plain = _PLAIN.get(base)
            if plain is None:  # refused, because its base type is
                return _LITERALS[base]
            return lambda inherited: _written_plainly(base, plain(inherited))
    raise Unsupported(f"a {type(value).__qualname__} as a parameter")


def _written_plainly(base: type, value: Any) -> str:
    if type(value) is not base:
        raise Unsupported(f"a {type(value).__qualname__} as a parameter")
    return _LITERALS[base](value)

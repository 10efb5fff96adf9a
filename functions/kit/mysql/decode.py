"""What a column of a result is to Python, by what the server says about it.

The wire has fewer types than Piccolo has: TINYINT(1) is a boolean, BINARY(16) a UUID, DATETIME a
moment in UTC, since the session's time zone is UTC and every aware value is sent as such.
`results.py` applies this.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

_TINY, _SHORT, _LONG, _FLOAT, _DOUBLE, _TIMESTAMP, _LONGLONG, _INT24 = 1, 2, 3, 4, 5, 7, 8, 9
_DATE, _TIME, _DATETIME, _YEAR, _NEWDATE, _BIT, _JSON = 10, 11, 12, 13, 14, 16, 245
_DECIMAL, _NEWDECIMAL, _STRING = 0, 246, 254
_BINARY_CHARSET = 63


class Field(Protocol):
    """The driver's description of a column."""

    name: str
    org_table: str
    type_code: int
    charsetnr: int
    length: int
    scale: int


Decoder = Callable[[bytes], Any]

_as_text: Decoder = bytes.decode
_as_bool: Decoder = b"0".__ne__


def _as_bytes(value: bytes) -> bytes:
    return value


def _as_datetime(value: bytes) -> datetime:
    return datetime.fromisoformat((value + b"+00:00").decode())


def _as_time(value: bytes) -> time:
    return time.fromisoformat(value.decode())


def _as_date(value: bytes) -> date:
    return date.fromisoformat(value.decode())


def _as_decimal(value: bytes) -> Decimal:
    return Decimal(value.decode())


def _as_uuid(value: bytes) -> UUID:
    return UUID(bytes=value)


_DECODERS: dict[int, Decoder] = {
    **dict.fromkeys((_TINY, _SHORT, _LONG, _LONGLONG, _INT24, _YEAR), int),
    **dict.fromkeys((_FLOAT, _DOUBLE), float),
    **dict.fromkeys((_DECIMAL, _NEWDECIMAL), _as_decimal),
    **dict.fromkeys((_TIMESTAMP, _DATETIME), _as_datetime),
    **dict.fromkeys((_DATE, _NEWDATE), _as_date),
    _TIME: _as_time,
    _JSON: _as_text,  # told as binary, and UTF-8 nevertheless
    _BIT: _as_bytes,
}


def decoder(field: Field) -> Decoder:
    """What makes a value of this column, not NULL, of its bytes."""
    if field.type_code == _TINY and field.length == 1:
        return _as_bool
    if field.type_code == _NEWDECIMAL and field.scale == 0 and not field.org_table:
        return int  # SUM of integers; a DECIMAL column of a table stays a Decimal
    known = _DECODERS.get(field.type_code)
    if known is not None:
        return known
    if field.charsetnr != _BINARY_CHARSET:
        return _as_text
    if field.type_code == _STRING and field.length == 16:
        return _as_uuid
    return _as_bytes

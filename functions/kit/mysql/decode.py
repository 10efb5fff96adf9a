"""What a column of a result is to Python, by what the server says about it.

The wire has fewer types than Piccolo has: TINYINT(1) is a boolean, BINARY(16) a UUID, DATETIME a
moment in UTC, since the session's time zone is UTC and every aware value is sent as such. Where a
column is one of a Piccolo table's Timestamp or Interval, it is read as such. `results.py` applies
this.
"""

import json
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from functions.kit.mysql.expressions import M2M

_TINY, _SHORT, _LONG, _FLOAT, _DOUBLE, _TIMESTAMP, _LONGLONG, _INT24 = 1, 2, 3, 4, 5, 7, 8, 9
_DATE, _TIME, _DATETIME, _YEAR, _NEWDATE, _BIT, _JSON = 10, 11, 12, 13, 14, 16, 245
_DECIMAL, _NEWDECIMAL, _STRING = 0, 246, 254
_BINARY_CHARSET = 63


class Field(Protocol):
    """The driver's description of a column."""

    name: str
    org_table: str
    org_name: str
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


def _as_naive_datetime(value: bytes) -> datetime:
    return datetime.fromisoformat(value.decode())


def _as_interval(value: bytes) -> timedelta:
    seconds = Decimal(value.decode())
    return timedelta(microseconds=int(seconds.scaleb(6)))


def _as_related(value: bytes) -> list[str]:
    """The other side of a many-to-many relation, which Piccolo takes as texts."""
    return [each for each in json.loads(value) if each is not None]


_created: dict[str, dict[str, str]] = {}
"""Types of the columns of tables that this process has made, as they were declared."""


def remember_table(table: str, columns: dict[str, str]) -> None:
    _created[table] = columns


def _declared(table: str, column: str) -> str | None:
    """The type of a column as it was declared: in its DDL, or in Piccolo's last such table."""
    if column in _created.get(table, ()):
        return _created[table][column]
    piccolo_table = sys.modules.get("piccolo.table")
    for each in reversed(piccolo_table.TABLE_REGISTRY if piccolo_table else []):
        if each._meta.tablename == table:  # noqa: SLF001 - Piccolo's way in
            for declared in each._meta.columns:  # noqa: SLF001
                if declared._meta.db_column_name == column:  # noqa: SLF001
                    return str(declared.column_type)
    return None


def described(field: Field) -> tuple[str, Decoder]:
    """The name of a column of a result, and what makes a value, not NULL, of its bytes."""
    if field.name.endswith(M2M):
        return field.name.removesuffix(M2M), _as_related
    if field.org_table and field.type_code in (_DATETIME, _NEWDECIMAL):
        declared = _declared(field.org_table, field.org_name)
        if declared == "TIMESTAMP" and field.type_code == _DATETIME:
            return field.name, _as_naive_datetime
        if declared == "SECONDS" and field.type_code == _NEWDECIMAL:
            return field.name, _as_interval
    return field.name, decoder(field)


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

"""Converts the values of a result to Python, by the column types that the server sends.

The protocol has fewer types than Piccolo: TINYINT(1) is read as a boolean, BINARY(16) as a UUID,
DATETIME as an aware time in UTC, which is the session's time zone and that of all aware values that
are sent. A column that Piccolo declares as Timestamp or Interval is read as that type. `results.py`
uses this module.
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
    _JSON: _as_text,  # the server calls it binary, but it is UTF-8
    _BIT: _as_bytes,
}


def _as_naive_datetime(value: bytes) -> datetime:
    return datetime.fromisoformat(value.decode())


def _as_interval(value: bytes) -> timedelta:
    seconds = Decimal(value.decode())
    return timedelta(microseconds=int(seconds.scaleb(6)))


def _as_related(value: bytes) -> list[str]:
    """The related rows of a many-to-many relation, which Piccolo expects as texts."""
    return [each for each in json.loads(value) if each is not None]


_created: dict[str, dict[str, str]] = {}
"""Declared types of the columns of tables that this process has created."""


def remember_table(table: str, columns: dict[str, str]) -> None:
    _created[table] = columns


def _declared(table: str, column: str) -> str | None:
    """The declared type of a column, from its DDL or from the newest `Table` class of that name."""
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
    """The name of a result's column, and the decoder of its values that are not NULL."""
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
    """The decoder of a column's values that are not NULL, by the server's type."""
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

"""What cannot be a value is refused before anything is sent."""

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from functions.kit.mysql.errors import DatabaseError, DataError, Unsupported
from functions.kit.mysql.literals import literal


class Colour(enum.StrEnum):
    RED = "it's red"


class Size(enum.IntEnum):
    BIG = 3


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "1"),
        (False, "0"),
        (-3, "-3"),
        (1.5, "1.5e0"),
        (1e300, "1e+300"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        ("it's", "'it''s'"),
        ("100% {} ?", "'100% {} ?'"),
        ("\\", "_utf8mb4 x'5c'"),
        (b"\x00\xff", "x'00ff'"),
        (bytearray(b"a"), "x'61'"),
        (memoryview(b"a"), "x'61'"),
        (UUID(int=1), "x'00000000000000000000000000000001'"),
        (date(2040, 1, 2), "'2040-01-02'"),
        (time(1, 2, 3, 4), "'01:02:03.000004'"),
        (datetime(2040, 1, 2, 3, 4, 5, 6, UTC), "'2040-01-02 03:04:05.000006'"),
        (
            datetime(2040, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
            "'2040-01-02 01:00:00.000000'",
        ),
        (Colour.RED, "'it''s red'"),
        (Size.BIG, "3"),
        (Word("a'b"), "'a''b'"),
    ],
)
def test_a_value_is_written_as(value: Any, expected: str) -> None:
    assert expected == literal(value)


@pytest.mark.parametrize(
    ("value", "error", "complaint"),
    [
        ([1], Unsupported, "no arrays"),
        ((1,), Unsupported, "no arrays"),
        ({"a": 1}, Unsupported, "serialise"),
        (timedelta(1), Unsupported, "no interval type"),
        (object(), Unsupported, "object"),
        (time(1, tzinfo=UTC), Unsupported, "time zone"),
        (float("nan"), DataError, "NaN"),
        (float("inf"), DataError, "infinity"),
        (Decimal("NaN"), DataError, "NaN"),
    ],
)
def test_a_value_without_a_literal_is_refused(
    value: Any, error: type[DatabaseError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        literal(value)

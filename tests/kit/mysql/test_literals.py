"""What cannot be a value is refused before anything is sent."""

import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    """A text with a backslash is sent in hexadecimal, and a datetime with a zone in UTC."""
    assert expected == literal(value)


@pytest.mark.parametrize(
    ("value", "error", "complaint"),
    [
        ([1], Unsupported, "no arrays"),
        ((1,), Unsupported, "no arrays"),
        ({"a": 1}, Unsupported, "serialise"),
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
    """Containers raise `Unsupported`, NaN and infinity `DataError`; the message has the reason."""
    with pytest.raises(error, match=complaint):
        literal(value)


class _Liar:
    """Says something else than it is, whatever way it is asked."""

    def _lie(self, *_: Any) -> Any:
        return "1) OR (1=1"

    __repr__ = __str__ = __format__ = hex = isoformat = replace = _lie


def lying(value: Any) -> Any:
    """The same value of a class that has other words for it, as numpy.float64 has."""
    base = type(value)
    liar = type("Liar", (_Liar, base), {})
    if base is datetime:
        return liar(*value.timetuple()[:6], value.microsecond, value.tzinfo)
    if base is date:
        return liar(value.year, value.month, value.day)
    if base is time:
        return liar(value.hour, value.minute, value.second, value.microsecond)
    return liar(str(value)) if base is UUID else liar(value)


@given(
    st.one_of(
        *(st.text(), st.integers(), st.binary(), st.dates(), st.times(), st.uuids()),
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.datetimes(timezones=st.just(UTC)),
        st.binary().map(bytearray),
    )
)
def test_what_a_subclass_prints_never_gets_into_sql(value: Any) -> None:
    """The base type's value is written, or none."""
    assert literal(lying(value)) == literal(value)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff\\"])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    """With a backslash, which is sent in hexadecimal, and without."""
    with pytest.raises(DataError, match="surrogate"):
        literal(text)

"""Intervals, and steps in time that are added to a column; Piccolo's SQLite engine says how."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from piccolo.columns import Date, Interval, Serial, Timestamp, Timestamptz
from piccolo.engine.base import Engine
from piccolo.table import Table


class Trip(Table, tablename="trip"):
    id: Serial
    start = Timestamptz(null=True, default=None)
    naive = Timestamp(null=True, default=None)
    day = Date(null=True, default=None)
    length = Interval(null=True, default=None)


@pytest.mark.parametrize(
    ("column", "before", "step"),
    [
        ("start", datetime(2024, 2, 28, 23, 0, 0, 500000, UTC), timedelta(days=1, seconds=3600.25)),
        ("start", datetime(2024, 2, 28, 23, tzinfo=UTC), timedelta(days=-30)),
        ("naive", datetime(2024, 2, 28, 23), timedelta(hours=2)),  # noqa: DTZ001
        ("day", date(2024, 2, 28), timedelta(days=2)),
        ("length", timedelta(days=3, seconds=4), timedelta(seconds=-5)),
    ],
)
async def test_a_step_in_time_is_added_to_a_column(
    each_engine: Engine[Any], column: str, before: Any, step: timedelta
) -> None:
    """The result is Python's sum, with fractions of a second, negative steps and a leap day."""
    Trip._meta.db = each_engine
    await Trip.create_table()
    await Trip.insert(Trip(**{column: before}))
    await Trip.update({column: getattr(Trip, column) + step}, force=True)
    (found,) = await Trip.select(getattr(Trip, column))

    assert found[column] == before + step


async def test_an_interval_is_read_wherever_its_column_is(each_engine: Engine[Any]) -> None:
    """Negative days and microseconds are read back exactly, and `>` compares durations."""
    Trip._meta.db = each_engine
    await Trip.create_table()
    lengths = [timedelta(days=-400, microseconds=7), timedelta(0), timedelta(seconds=0.5)]
    await Trip.insert(*[Trip(length=length) for length in lengths])
    longer = await Trip.select(Trip.length).where(Trip.length > timedelta(seconds=-1))

    assert await Trip.select(Trip.length).order_by(Trip.id).output(as_list=True) == lengths
    assert {row["length"] for row in longer} == set(lengths[1:])

"""A PingSource fires at the times at which it fires in a cluster."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.local.broker.cron import parse_cron

NOON = datetime(2026, 3, 14, 12, 0, 0, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", datetime(2026, 3, 14, 12, 1, tzinfo=UTC)),
        ("*/10 * * * *", datetime(2026, 3, 14, 12, 10, tzinfo=UTC)),
        ("5/20 * * * *", datetime(2026, 3, 14, 12, 5, tzinfo=UTC)),
        ("0 9-17/4 * * *", datetime(2026, 3, 14, 13, 0, tzinfo=UTC)),
        ("0 0 1,15 * *", datetime(2026, 3, 15, 0, 0, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),
        ("0 0 ? JAN ?", datetime(2027, 1, 1, 0, 0, tzinfo=UTC)),
        ("0 12 * * mon-fri", datetime(2026, 3, 16, 12, 0, tzinfo=UTC)),
        ("*/15 * * * * *", datetime(2026, 3, 14, 12, 0, 15, tzinfo=UTC)),
        ("30 0 12 * * SAT", datetime(2026, 3, 14, 12, 0, 30, tzinfo=UTC)),
        # With two restricted day fields one suffices: Sunday the 15th comes before the 20th.
        ("0 0 20 * SUN", datetime(2026, 3, 15, 0, 0, tzinfo=UTC)),
        # A step restricts a field, unlike in cronsim.
        ("0 0 */10 * WED", datetime(2026, 3, 18, 0, 0, tzinfo=UTC)),
        ("0 0 */1 * WED", datetime(2026, 3, 18, 0, 0, tzinfo=UTC)),
        ("0 0 13,* * FRI", datetime(2026, 3, 20, 0, 0, tzinfo=UTC)),
    ],
)
def test_the_next_firing(expression: str, expected: datetime) -> None:
    """Six fields begin with seconds, five fire at second 0; a step, `*/1` excepted, restricts a day
    field, and of two restricted day fields one has to match."""
    assert expected == parse_cron(expression).next_after(NOON)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * * *", "7 fields"),
        ("@hourly", "1 fields"),
        ("60 * * * *", "minute: '60' is not within 0-59"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of month: '0'"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 7", "day of week: '7'"),
        ("*/0 * * * *", "the step"),
        ("30-10 * * * *", "minute: '30-10'"),
        ("1,,2 * * * *", "minute: '' is not a number"),
        ("-1 * * * *", "minute: '' is not a number"),
        ("1.5 * * * *", "minute: '1.5' is not a number"),
        ("² * * * *", "minute: '²' is not a number"),
        ("* * * FOO *", "month: 'FOO' is not a number"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 L * *", "day of month: 'L' is not a number"),
        ("0 0 * * MON#2", "day of week: 'MON#2' is not a number"),
    ],
)
def test_an_invalid_schedule_is_refused(expression: str, error: str) -> None:
    """The ValueError names the invalid field or the number of fields; `@hourly`, `L`, `#` and a
    date that no year has are refused too."""
    with pytest.raises(ValueError, match=error.replace("(", r"\(")):
        parse_cron(expression)


def test_a_value_is_not_extended_to_the_end_of_its_field() -> None:
    """cronsim reads `5-5/10` as `5-59/10`, and Friday with a step of 2 as Friday and Sunday."""
    minute = parse_cron("5-5/10 * * * *").next_after(NOON + timedelta(minutes=5))
    weekday = parse_cron("0 0 ? * 5/2").next_after(datetime(2026, 3, 20, tzinfo=UTC))

    assert (minute, weekday) == (
        datetime(2026, 3, 14, 13, 5, tzinfo=UTC),
        datetime(2026, 3, 27, tzinfo=UTC),
    )


def test_a_time_that_the_clocks_skip_does_not_fire() -> None:
    """In Madrid, 2026-03-29 has no 02:30."""
    schedule = parse_cron("30 2 * * *", ZoneInfo("Europe/Madrid"))

    following = schedule.next_after(datetime(2026, 3, 28, 12, 0, tzinfo=UTC))

    assert datetime(2026, 3, 30, 0, 30, tzinfo=UTC) == following


def test_a_time_that_the_clocks_repeat_fires_twice() -> None:
    """In New York, 2026-11-01 has 01:30 twice."""
    schedule = parse_cron("30 1 1 NOV *", ZoneInfo("America/New_York"))

    first = schedule.next_after(NOON)
    assert first is not None
    second = schedule.next_after(first)

    assert (first, second) == (
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    )


def test_a_schedule_is_read_in_its_time_zone() -> None:
    """09:00 in Bogotá is 14:00 UTC; the result is in UTC."""
    schedule = parse_cron("0 9 * * *", ZoneInfo("America/Bogota"))

    assert datetime(2026, 3, 14, 14, 0, tzinfo=UTC) == schedule.next_after(NOON)


moments = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(2030, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def minutes_and_hours(draw: st.DrawFn) -> tuple[str, set[int], set[int]]:
    """A schedule with the minutes and hours at which it fires."""
    minutes = draw(st.sets(st.integers(0, 59), min_size=1, max_size=5))
    first = draw(st.integers(0, 23))
    last = draw(st.integers(first, 23))
    step = draw(st.integers(1, 5))
    expression = f"{','.join(map(str, minutes))} {first}-{last}/{step} * * *"
    return expression, minutes, set(range(first, last + 1, step))


@given(minutes_and_hours(), moments)
def test_the_next_firing_is_the_first_minute_that_matches(
    schedule: tuple[str, set[int], set[int]], moment: datetime
) -> None:
    """A search minute by minute finds the same time for any list of minutes and any range of hours
    with a step."""
    expression, minutes, hours = schedule
    candidate = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while candidate.minute not in minutes or candidate.hour not in hours:
        candidate += timedelta(minutes=1)

    assert candidate == parse_cron(expression).next_after(moment)


@given(st.integers(1, 31), st.integers(1, 12), st.integers(0, 6), moments)
def test_a_firing_matches_one_of_two_restricted_day_fields(
    day: int, month: int, weekday: int, moment: datetime
) -> None:
    """The day of the month or the weekday matches, and always the month."""
    firing = parse_cron(f"0 0 {day} {month} {weekday}").next_after(moment)

    assert firing is not None
    assert firing > moment
    assert firing.month == month
    assert firing.day == day or firing.isoweekday() % 7 == weekday


@given(st.text(alphabet="*/,-?0123456789 ABCJFMONSU@", max_size=24))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    """`parse_cron` raises no other exception, and a schedule that it accepts has a next firing."""
    try:
        schedule = parse_cron(text)
    except ValueError:
        return
    assert schedule.next_after(NOON) is not None

"""When a PingSource fires: the cron dialect of Knative's PingSource, and no more.

Five fields (minute hour day month weekday), or six with seconds first; `*`, `?`, lists,
ranges, steps, and the English names of months and weekdays. What the cluster's webhook
refuses (weekday 7, an empty field) is refused here too. `@hourly` and its kind, which it
takes, are not read: write the fields.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

# A leap day that falls on a given weekday is at most 40 years away (over 2100).
_HORIZON_DAYS = 366 * 41


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int]

    def parse(self, text: str) -> frozenset[int]:
        values: set[int] = set()
        for part in text.split(","):
            values.update(self._part(part))
        return frozenset(values)

    def _part(self, text: str) -> range:
        span, slash, step_text = text.partition("/")
        step = self._number(step_text) if slash else 1
        if step < 1:
            raise ValueError(f"{self.name}: the step in {text!r} must be at least 1")
        if span in {"*", "?"}:
            low, high = self.low, self.high
        elif "-" in span:
            first, _, last = span.partition("-")
            low, high = self._number(first), self._number(last)
        else:
            low = self._number(span)
            # "5/15" counts from 5 to the end, as in the cron library that Knative uses.
            high = self.high if slash else low
        if not self.low <= low <= high <= self.high:
            raise ValueError(f"{self.name}: {text!r} is not within {self.low}-{self.high}")
        return range(low, high + 1, step)

    def _number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.names[text.upper()]
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{self.name}: {text!r} is no number")
        return int(text)


_SECOND = _Field("second", 0, 59, {})
_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True)
class Schedule:
    seconds: Sequence[int]
    minutes: Sequence[int]
    hours: Sequence[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    # Cron's old rule: two restricted day fields are an "or", a free one restricts nothing.
    either_day: bool
    zone: tzinfo

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing later than `moment`, in UTC; None when there is none in sight."""
        local = moment.astimezone(self.zone)
        for offset in range(_HORIZON_DAYS):
            day = local.date() + timedelta(days=offset)
            if not self._falls_on(day):
                continue
            for wall in self._wall_times(day):
                # Cheap first: on the day itself most of its times are over.
                if wall < local.replace(tzinfo=None, microsecond=0):
                    continue
                instant = wall.replace(tzinfo=self.zone).astimezone(UTC)
                # A time that the clocks jump over comes back as another one.
                exists = instant.astimezone(self.zone).replace(tzinfo=None) == wall
                if exists and instant > moment:
                    return instant
        return None

    def _falls_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_number = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_number or by_weekday if self.either_day else by_number and by_weekday

    def _wall_times(self, day: date) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    yield datetime.combine(day, time(hour, minute, second))


def parse_cron(expression: str, zone: tzinfo = UTC) -> Schedule:
    texts = expression.split()
    if len(texts) not in {5, 6}:
        raise ValueError(f"{expression!r} has {len(texts)} fields; cron has 5, or 6 with seconds")
    seconds = _SECOND.parse(texts[0]) if len(texts) == 6 else frozenset({0})
    minutes, hours, days, months, weekdays = (
        field.parse(text) for field, text in zip(_FIELDS, texts[-5:], strict=True)
    )
    schedule = Schedule(
        seconds=sorted(seconds),
        minutes=sorted(minutes),
        hours=sorted(hours),
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=not any(text[0] in "*?" for text in (texts[-3], texts[-1])),
        zone=zone,
    )
    if schedule.next_after(datetime.now(UTC)) is None:
        raise ValueError(f"{expression!r} never fires")
    return schedule

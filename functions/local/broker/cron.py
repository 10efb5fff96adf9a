"""Firing times of a PingSource, computed by cronsim, in the cron dialect that Knative accepts.

Five fields (minute, hour, day of month, month, weekday), or six with seconds first; `*`, `?`,
lists, ranges, steps, and the English names of months and weekdays. cronsim's dialect differs: it
has `L` and `#`, takes 7 for Sunday, and treats `*/2` in a day field as unrestricted. Each field is
therefore checked here and passed on as a list of numbers. Descriptors such as `@hourly`, which
Knative accepts, are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)

    def translate(self, text: str) -> str:
        """`*` for an unrestricted field, otherwise a list of numbers. Raises ValueError."""
        values: set[int] = set()
        unrestricted = False
        for term in text.split(","):
            term_values = self._term(term)
            values.update(term_values)
            # As in robfig/cron, which Knative uses: a step above 1 restricts the field.
            unrestricted |= term[:1] in {"*", "?"} and term_values.step == 1
        return "*" if unrestricted else ",".join(map(str, sorted(values)))

    def _term(self, text: str) -> range:
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
            # robfig/cron reads "5/15" as "5-59/15".
            high = self.high if slash else low
        if not self.low <= low <= high <= self.high:
            raise ValueError(f"{self.name}: {text!r} is not within {self.low}-{self.high}")
        return range(low, high + 1, step)

    def _number(self, text: str) -> int:
        if text.upper() in self.names:
            return self.names[text.upper()]
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{self.name}: {text!r} is not a number")
        return int(text)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True)
class Schedule:
    expression: str
    """Always six fields. To five, cronsim applies Debian's rules for daylight saving time, which
    Knative does not have: there, a time that the clocks skip does not fire."""
    zone: tzinfo

    def next_after(self, moment: datetime) -> datetime | None:
        """The first firing later than `moment`, in UTC; None when there is none within 50 years."""
        try:
            firing = next(CronSim(self.expression, moment.astimezone(self.zone)), None)
        except CronSimError:  # a day that none of its months has, such as 30 February
            return None
        return None if firing is None else firing.astimezone(UTC)


def parse_cron(expression: str, zone: tzinfo = UTC) -> Schedule:
    """Raises ValueError, which names the field, and for a schedule that never fires."""
    texts = expression.split()
    if len(texts) not in {5, 6}:
        raise ValueError(
            f"{expression!r} has {len(texts)} fields; a schedule has 5, or 6 with seconds"
        )
    if len(texts) == 5:
        texts = ["0", *texts]
    translated = (each.translate(text) for each, text in zip(_FIELDS, texts, strict=True))
    schedule = Schedule(" ".join(translated), zone)
    if schedule.next_after(datetime.now(UTC)) is None:
        raise ValueError(f"{expression!r} never fires")
    return schedule

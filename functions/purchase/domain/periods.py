"""Days between which something was made, as a list or a sum is asked for them."""

import re
from datetime import UTC, date, datetime, time
from typing import NamedTuple, Self

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)
"""Other days overflow in another time zone or in a MySQL DATETIME, and nothing was made on them."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Period(NamedTuple):
    """Days in UTC, both included; None leaves a side open."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def parse(cls, first: str | None, last: str | None) -> Self:
        """Of the parameters `created_from` and `created_to`. Raises `InvalidInput`."""
        return cls(_day("created_from", first), _day("created_to", last))

    @property
    def start(self) -> datetime | None:
        return None if self.first is None else datetime.combine(self.first, time.min, UTC)

    @property
    def end(self) -> datetime | None:
        """The last moment that is included."""
        return None if self.last is None else datetime.combine(self.last, time.max, UTC)


ANY_TIME = Period()


def _day(name: str, written: str | None) -> date | None:
    if written is None:
        return None
    try:
        if not _DAY.fullmatch(written):
            raise ValueError(written)
        day = date.fromisoformat(written)
    except ValueError as error:
        message = Text(
            "debe ser un día del calendario, como 2026-11-30",
            "must be a day of the calendar, such as 2026-11-30",
        )
        raise InvalidInput(listed([(name, message)]), errors=[FieldError(name, message)]) from error
    return min(max(day, FIRST_DAY), LAST_DAY)

"""Time, passed in: tests hand over a clock of their own and never patch `datetime`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def isoformat(moment: datetime) -> str:
    """RFC 3339 with microseconds and a Z: one width, so that texts sort as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

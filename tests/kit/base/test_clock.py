"""Time as text."""

from datetime import UTC, datetime, timedelta, timezone

from functions.kit.base.clock import isoformat, utc_now


def test_the_systems_clock_is_aware_and_in_utc() -> None:
    """A naive moment would compare with no other."""
    assert utc_now().tzinfo is UTC


def test_moments_have_one_width_and_end_with_z() -> None:
    """So texts sort as times do, whichever zone they were given in."""
    bogota = timezone(timedelta(hours=-5))
    moment = datetime(2026, 3, 14, 4, 26, 53, tzinfo=bogota)

    assert isoformat(moment) == "2026-03-14T09:26:53.000000Z"

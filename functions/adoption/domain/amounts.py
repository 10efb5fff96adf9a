"""Amounts of the original: FLOAT columns, of which MySQL shows six digits."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from functions.kit.base.money import MAX_MONEY_MINOR

SIX_DIGITS_FROM = Decimal(10_000)
"""From here on, six digits show less than cents."""


class FloatValue(NamedTuple):
    """A value of a FLOAT column."""

    shown: Decimal
    """As MySQL shows it, and as every client of the original read it: six digits."""
    stored: Decimal | None = None
    """As it is stored; None where it was read from a dump, which has six digits."""


class Amount(NamedTuple):
    minor: int
    """Minor units, half up. Negative or too large amounts are not changed here."""
    rounded: bool
    """Whether it had more than two decimals."""
    hides_digits: bool
    """Whether six digits may hide a part of it."""

    @property
    def is_payable(self) -> bool:
        return 0 <= self.minor <= MAX_MONEY_MINOR


def amount(value: FloatValue | None, *, as_stored: bool = False) -> Amount | None:
    """The amount of a column; None for NULL.

    The stored value of a FLOAT is a binary fraction near the amount: below 131,072 two decimals
    identify it, above they do not.
    """
    if value is None:
        return None
    shown = to_minor(value.shown)
    minor = shown
    hides = abs(value.shown) >= SIX_DIGITS_FROM
    if value.stored is not None:
        hides = to_minor(value.stored) != shown and hides
        if as_stored and hides:
            minor = to_minor(value.stored)
    return Amount(minor, value.shown != Decimal(shown).scaleb(-2), hides)


def to_minor(value: Decimal) -> int:
    return int(value.scaleb(2).to_integral_value(ROUND_HALF_UP))

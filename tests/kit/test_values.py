"""Amounts of money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.values import MAX_MONEY_MINOR, from_minor, money, to_minor


@given(st.integers(min_value=0, max_value=MAX_MONEY_MINOR))
def test_an_amount_survives_the_way_out_and_in(minor: int) -> None:
    """To a decimal with two places and back, to the last cent."""
    amount = from_minor(minor)

    assert to_minor(amount) == minor
    assert amount.as_tuple().exponent == -2


@pytest.mark.parametrize(
    "amount",
    ["0.001", "-0.01", "NaN", "Infinity", "-Infinity", "sNaN", "1e30", "1e-30", "1000000000.01"],
)
def test_what_is_no_amount_is_refused(amount: str) -> None:
    """Fractions of a cent, debts, and what is no number or beyond all bounds."""
    with pytest.raises(ValueError, match="must"):
        to_minor(Decimal(amount))


@pytest.mark.parametrize(("text", "minor"), [("1", 100), ("12.5", 1250), ("1e2", 10000), ("-0", 0)])
def test_an_amount_may_be_written_in_several_ways(text: str, minor: int) -> None:
    """The value counts, not the digits."""
    assert to_minor(Decimal(text)) == minor


@pytest.mark.parametrize(
    ("minor", "text"),
    [(1450, "14.50 USD"), (0, "0.00 USD"), (5, "0.05 USD"), (10**11, "1000000000.00 USD")],
)
def test_people_are_told_an_amount_with_its_currency(minor: int, text: str) -> None:
    """Never in minor units."""
    assert money(minor, "USD") == text

"""Amounts of money."""

import math
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from functions.kit.base.money import (
    MAX_MONEY_MINOR,
    from_minor,
    money,
    to_minor,
    without_float_noise,
)

PRICES = st.integers(min_value=1, max_value=100_000_00)
LINES = st.lists(
    st.tuples(PRICES, st.integers(min_value=1, max_value=1000)), min_size=1, max_size=50
)
"""Price in minor units and quantity of each book of a purchase."""


def one_product_a_line(lines: list[tuple[int, int]]) -> float:
    """What a client adds up that multiplies."""
    total = 0.0
    for price, quantity in lines:
        total += price / 100 * quantity
    return total


def copy_by_copy(lines: list[tuple[int, int]]) -> float:
    """What a client adds up that knows no quantities; of few copies, or it would take long."""
    total = 0.0
    for price, quantity in lines[:5]:
        for _ in range(min(quantity, 10)):
            total += price / 100
    return total


def exact(lines: list[tuple[int, int]]) -> int:
    return sum(price * quantity for price, quantity in lines)


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


@pytest.mark.parametrize("digits", [3, 28, 29, 35, 40, 1000])
def test_no_digit_is_too_far_away_to_count(digits: int) -> None:
    """Decimal's context would round to 28 of them, and sell something for nothing."""
    with pytest.raises(ValueError, match="decimals"):
        to_minor(Decimal("19.90" + "0" * (digits - 3) + "1"))
    with pytest.raises(ValueError, match="decimals"):
        to_minor(Decimal("19." + "9" * digits))

    assert to_minor(Decimal("19.9" + "0" * digits)) == 1990


@given(st.integers(min_value=0, max_value=MAX_MONEY_MINOR), st.integers(1, 9), st.integers(3, 60))
def test_a_fraction_of_a_minor_unit_is_refused_wherever_it_stands(
    minor: int, digit: int, place: int
) -> None:
    """As the text of a number."""
    text = f"{minor // 100}.{minor % 100:02}" + "0" * (place - 3) + str(digit)
    with pytest.raises(ValueError, match="must"):
        to_minor(Decimal(text))


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("30.299999999999997", "30.3"),
        ("0.30000000000000004", "0.3"),
        ("59.699999999999996", "59.7"),
        ("39.800000000000004", "39.8"),
        ("3.3000000000000003", "3.3"),
        ("0.1", "0.1"),
        ("19.9", "19.9"),
        ("7", "7"),
    ],
)
def test_a_float_product_is_the_amount_that_was_meant(printed: str, meant: str) -> None:
    """As JavaScript and Python print 10.1 * 3, 0.1 + 0.2, 19.9 * 3 and so on."""
    assert without_float_noise(Decimal(printed)) == Decimal(meant)


@pytest.mark.parametrize(
    "sent",
    [
        "30.29", "30.299", "30.2999999", "30.29999999999", "30.301",
        "30.3000000001", "30.29999999999999999999", "30.2999999999999971578",
        "0.001", "0.004999999999999999", "19.899999", "1E-20", "5E-324", "1E+400", "NaN",
    ],
)  # fmt: skip
def test_a_near_miss_stays_what_it_is(sent: str) -> None:
    """Somebody's rounding, or digits that no float prints: the rule of two decimals decides."""
    assert str(without_float_noise(Decimal(sent))) == sent


@example([(1010, 3)])
@example([(1990, 3), (330, 3)])
@given(LINES)
def test_what_a_client_adds_up_in_floats_is_understood(lines: list[tuple[int, int]]) -> None:
    """Exactly the total, of any purchase, never less."""
    total = exact(lines)
    assume(total <= MAX_MONEY_MINOR)
    sent = Decimal(repr(one_product_a_line(lines)))

    assert to_minor(without_float_noise(sent)) == total


@given(LINES)
def test_what_a_client_adds_up_copy_by_copy_is_understood(lines: list[tuple[int, int]]) -> None:
    """Some tens of additions miss by some units in the last place each."""
    total = sum(price * min(quantity, 10) for price, quantity in lines[:5])
    sent = Decimal(repr(copy_by_copy(lines)))

    assert to_minor(without_float_noise(sent)) == total


@given(
    minor=st.integers(min_value=0, max_value=MAX_MONEY_MINOR),
    units=st.integers(65, 10**6),
    below=st.booleans(),
)
def test_no_amount_is_understood_from_afar(minor: int, units: int, *, below: bool) -> None:
    """More than 64 units in the last place away it is no noise, so it is refused or itself."""
    number = minor / 100
    number += (-units if below else units) * math.ulp(number)
    assume(number >= 0 and Decimal(repr(number)) != Decimal(repr(round(number, 2))))
    assume(abs(number - round(number, 2)) > 64 * math.ulp(round(number, 2)))

    with pytest.raises(ValueError, match="must"):
        to_minor(without_float_noise(Decimal(repr(number))))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_what_is_understood_is_what_it_is_nearest_to(sent: Decimal) -> None:
    """Whatever number comes: it is itself, or the amount of two decimals within a millionth."""
    understood = without_float_noise(sent)

    assert understood == sent or (
        abs(understood - sent) <= abs(sent) / 10**6 and understood == round(understood, 2)
    )


@pytest.mark.parametrize(
    ("minor", "text"),
    [(1450, "14.50 USD"), (0, "0.00 USD"), (5, "0.05 USD"), (10**11, "1000000000.00 USD")],
)
def test_people_are_told_an_amount_with_its_currency(minor: int, text: str) -> None:
    """Never in minor units."""
    assert money(minor, "USD") == text

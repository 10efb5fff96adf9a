"""Bounds of ids and amounts of money, with no framework: what a domain may use."""

import math
from decimal import Decimal

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed

MAX_ID = 2**63 - 1
MAX_MONEY_MINOR = 10**11
"""The largest amount, in minor units: a thousand million. Sums of a thousand lines still fit."""


NO_AMOUNT = Text(
    f"debe ser un importe de 0 a {MAX_MONEY_MINOR // 100} con dos decimales como máximo,"
    " como 12.50",
    f"must be an amount from 0 to {MAX_MONEY_MINOR // 100} with at most two decimals, such as"
    " 12.50",
)
"""What an amount must be, in both languages."""

_LARGEST_EXPONENT = 20
"""Of a number that may be an amount; beyond it nothing is computed."""
_NOISE_ULPS = 64
"""Units in the last place by which a sum or product of binary floats may miss an amount."""


def to_minor(amount: Decimal) -> int:
    """Minor units of an amount; exact, however many digits it has.

    Raises `ValueError` when it has a fraction of a minor unit or is out of bounds.
    """
    if not amount.is_finite() or abs(amount.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(NO_AMOUNT.en)
    sign, digits, exponent = amount.as_tuple()
    number = int("".join(map(str, digits)))
    shift = int(exponent) + 2
    if shift < 0:  # arithmetic on Decimal would round to the context's 28 digits
        number, rest = divmod(number, 10**-shift)
        if rest:
            raise ValueError(NO_AMOUNT.en)
    else:
        number *= int(10**shift)
    if (sign and number) or number > MAX_MONEY_MINOR:
        raise ValueError(NO_AMOUNT.en)
    return number


def minor_units(field: str, amount: Decimal) -> int:
    """Minor units of a field's amount.

    Raises `InvalidInput`, which names the field.
    """
    try:
        return to_minor(amount)
    except ValueError as error:
        raise InvalidInput(
            listed([(field, NO_AMOUNT)]), errors=[FieldError(field, NO_AMOUNT)]
        ) from error


def from_minor(minor: int) -> Decimal:
    """An amount with two decimals."""
    return Decimal(minor).scaleb(-2).quantize(Decimal("0.01"))


def without_float_noise(amount: Decimal) -> Decimal:
    """The amount of two decimals that a client meant who multiplied binary floats.

    `10.1 * 3` is 30.299999999999997 in most languages, and is understood as 30.30. The rule: the
    number is what such a float prints (at most 17 digits that mean that float and no other), and
    it is at most 64 units in the last place away from the float of an amount. Anything else is
    answered as it came, so that a fraction of a minor unit is still refused.
    """
    if not amount.is_finite() or abs(amount.adjusted()) > _LARGEST_EXPONENT:
        return amount
    number = float(amount)
    if Decimal(repr(number)) != amount:
        return amount
    nearest = round(number, 2)
    if abs(number - nearest) > _NOISE_ULPS * math.ulp(nearest):
        return amount
    return Decimal(repr(nearest))


def money(minor: int, currency: str) -> str:
    """An amount as people are told of it, in any language: `14.50 USD`."""
    return f"{from_minor(minor)} {currency}"

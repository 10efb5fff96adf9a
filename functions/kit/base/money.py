"""Bounds of ids and amounts of money. It imports no framework, so that domains can use it."""

import math
from decimal import Decimal

from functions.kit.base.errors import FieldError, InvalidInput, Text
from functions.kit.base.language import listed

MAX_ID = 2**63 - 1
MAX_MONEY_MINOR = 10**11
"""The largest amount, in minor units: a thousand million. A sum of a thousand fits 64 bits."""


NO_AMOUNT = Text(
    f"debe ser un importe de 0 a {MAX_MONEY_MINOR // 100} con dos decimales como máximo,"
    " como 12.50",
    f"must be an amount from 0 to {MAX_MONEY_MINOR // 100} with at most two decimals, such as"
    " 12.50",
)
"""The message for an invalid amount, in both languages."""

_LARGEST_EXPONENT = 20
"""Largest decimal exponent of an amount; a number beyond it is rejected without arithmetic."""
_NOISE_ULPS = 64
"""Units in the last place by which a sum or product of binary floats may miss an amount."""


def to_minor(amount: Decimal) -> int:
    """The amount in minor units; exact for any number of digits.

    Raises `ValueError` for a fraction of a minor unit, and outside 0 to `MAX_MONEY_MINOR`.
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
    """A field's amount in minor units.

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
    """The amount without the rounding error of a client's arithmetic with binary floats.

    `10.1 * 3` is 30.299999999999997 in most languages, and is read as 30.30. A number is corrected
    if it is the shortest text of a binary float (at most 17 digits), and that float is at most 64
    units in the last place away from a float of two decimals. Any other number is returned
    unchanged, so that a fraction of a minor unit is still an error.
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
    """An amount for texts in any language: `14.50 USD`."""
    return f"{from_minor(minor)} {currency}"

"""Bounds of ids and amounts of money, with no framework: what a domain may use."""

from decimal import Decimal

MAX_ID = 2**63 - 1
MAX_MONEY_MINOR = 10**11
"""The largest amount, in minor units: a thousand million. Sums of a thousand lines still fit."""


def to_minor(amount: Decimal) -> int:
    """Minor units of an amount; exact.

    Raises `ValueError` when it has a fraction of a minor unit or is out of bounds.
    """
    if not amount.is_finite() or abs(amount.adjusted()) > 20:
        raise ValueError("must be an amount of money")
    minor = amount * 100
    if minor != minor.to_integral_value():
        raise ValueError("must not have more than two decimals")
    if not 0 <= minor <= MAX_MONEY_MINOR:
        raise ValueError(f"must be between 0 and {MAX_MONEY_MINOR // 100}")
    return int(minor)


def from_minor(minor: int) -> Decimal:
    """An amount with two decimals."""
    return Decimal(minor).scaleb(-2).quantize(Decimal("0.01"))


def money(minor: int, currency: str) -> str:
    """An amount as people are told of it, in any language: `14.50 USD`."""
    return f"{from_minor(minor)} {currency}"

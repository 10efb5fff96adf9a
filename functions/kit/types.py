"""Types of fields that several schemas share: bounded, and without control characters."""

from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from functions.kit.errors import InvalidInput

MAX_ID = 2**63 - 1
MAX_MONEY_MINOR = 10**11
"""The largest amount, in minor units: a thousand million. Sums of a thousand lines still fit."""

# Look-aheads, because `$` in Python also matches before a newline at the end.
_NO_CONTROLS = r"^(?![\s\S]*[\x00-\x1f\x7f])"
_NO_CONTROLS_BUT_SPACE = r"^(?![\s\S]*[\x00-\x08\x0b\x0c\x0e-\x1f\x7f])"

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
"""An id in a body."""


def line(max_length: int, min_length: int = 1) -> Meta:
    """A single line of text."""
    return Meta(min_length=min_length, max_length=max_length, pattern=_NO_CONTROLS)


def prose(max_length: int) -> Meta:
    """Text that may have several lines."""
    return Meta(max_length=max_length, pattern=_NO_CONTROLS_BUT_SPACE)


Amount = Annotated[Decimal, Meta(description="An amount of money, with at most two decimals")]


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


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body: what it does not know, it refuses."""

    lacking: ClassVar[type[InvalidInput]] = InvalidInput
    """The refusal of a body without a required member, for routes whose text clients know."""

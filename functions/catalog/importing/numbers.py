"""Numbers as people and spreadsheets write them: `1.234,50`, `1,234.50`, `19,90 €`, `$5.00`.

Ambiguous numbers such as `1,000` are refused unless the caller gives the decimal sign.
"""

import re
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from functions.kit.base.characters import plain
from functions.kit.base.errors import Text

_SIGNS = {
    "$": frozenset(
        ("USD", "ARS", "AUD", "BRL", "CAD", "CLP", "COP", "CUP", "DOP", "HKD", "MXN", "NZD", "SGD",
         "TWD", "UYU")
    ),
    "US$": frozenset({"USD"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP", "EGP"}),
    "R$": frozenset({"BRL"}),
    "S/": frozenset({"PEN"}),
    "₡": frozenset({"CRC"}),
    "₲": frozenset({"PYG"}),
    "₹": frozenset({"INR"}),
    "₺": frozenset({"TRY"}),
    "₴": frozenset({"UAH"}),
    "zł": frozenset({"PLN"}),
}  # fmt: skip
"""Currency signs, and the ISO 4217 codes that each may stand for."""

_SIGN = "|".join([*map(re.escape, sorted(_SIGNS, key=len, reverse=True)), "[A-Z]{3}"])
_AMOUNT = re.compile(
    rf"(?P<before>{_SIGN})?\s*(?P<number>[0-9][0-9.,'’\s]*|[.,][0-9]+)\s*(?P<after>{_SIGN})?"
)
_LONGEST = 40

NO_NUMBER = Text("debe ser un número, como 12.50", "must be a number, such as 12.50")


class DecimalSign(StrEnum):
    """What stands before the decimals."""

    POINT = "point"
    COMMA = "comma"

    @property
    def sign(self) -> str:
        return "." if self is DecimalSign.POINT else ","


class Amount(NamedTuple):
    number: Decimal
    currency: str = ""
    """The sign or code as written; empty where there is none."""

    def is_in(self, currency: str) -> bool:
        """Whether it may be in this currency, a code. Without a sign it may be in any."""
        if not self.currency:
            return True
        return currency in _SIGNS.get(self.currency, {self.currency})


def parse_amount(cell: str, decimal: DecimalSign | None = None) -> Amount:
    """A non-negative number, with or without a currency.

    Raises `ValueError` with the reason, a `Text`.
    """
    text = " ".join(plain(cell[:_LONGEST]).split())
    found = _AMOUNT.fullmatch(text)
    if found is None or (found["before"] and found["after"]) or len(cell) > _LONGEST:
        raise ValueError(NO_NUMBER)
    number = parse_number(found["number"].strip(), decimal)
    return Amount(number, found["before"] or found["after"] or "")


def parse_number(text: str, decimal: DecimalSign | None = None) -> Decimal:
    """Digits with or without a decimal sign and thousands separators.

    Raises `ValueError` with the reason, a `Text`.
    """
    readings = _readings(text)
    if decimal is not None:
        kept = {number for number, sign in readings if sign in {None, decimal.sign}}
        if readings and not kept:
            raise ValueError(
                Text(
                    f"no tiene {decimal.sign} como signo decimal, y se pidió decimal={decimal}",
                    f"has no {decimal.sign} as its decimal sign, and decimal={decimal} was asked",
                )
            )
    else:
        kept = {number for number, _ in readings}
    if not kept:
        raise ValueError(NO_NUMBER)
    if len(kept) > 1:
        less, more = map(_formatted, sorted(kept))
        raise ValueError(
            Text(
                f"puede ser {less} o {more}: escríbalo así, o indique decimal=point o"
                " decimal=comma para todo el archivo",
                f"may be {less} or {more}: write it so, or say decimal=point or decimal=comma"
                " for the whole file",
            )
        )
    return kept.pop()


def _formatted(number: Decimal) -> str:
    return f"{number.normalize():f}" if number * 100 % 1 else f"{number:.2f}"


def _readings(text: str) -> set[tuple[Decimal, str | None]]:
    """Each number that a text may mean, with the decimal sign it implies; None for either sign."""
    found = set()
    for sign, other in ((".", ","), (",", ".")):
        whole, point, rest = text.partition(sign)
        if point and not (rest.isdecimal() and rest.isascii()):
            continue
        digits = _without_groups(whole, other)
        if digits is None or not (digits or rest):
            continue
        has_sign = any(char in text for char in ".,")
        found.add((Decimal(f"{digits or 0}.{rest or 0}"), sign if has_sign else None))
    return found


def _without_groups(whole: str, sign: str) -> str | None:
    """The digits of an integer; None where it is none, or its separators are misplaced."""
    if whole.isdecimal() or not whole:
        return whole
    for separator in (sign, "'", "’", " "):
        first, *groups = whole.split(separator)
        if (
            groups
            and first.isdecimal()
            and len(first) <= 3
            and not first.startswith("0")
            and all(group.isdecimal() and len(group) == 3 for group in groups)
        ):
            return first + "".join(groups)
    return None

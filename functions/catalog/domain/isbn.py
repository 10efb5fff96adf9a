"""ISBNs: read in any spelling, checked, and kept as thirteen digits.

Source: ISO 2108; the ISBN Users' Manual, seventh edition, for the check digits.
"""

import re

_SEPARATORS = re.compile(r"[\s\u2010-\u2015\u2212-]+")
_TEN = re.compile(r"[0-9]{9}[0-9X]\Z")
_THIRTEEN = re.compile(r"97[89][0-9]{10}\Z")
_WHOLE_NUMBER_AS_FLOAT = re.compile(r"([0-9]{7,13})\.0\Z")
_SHORTENED = re.compile(r"[0-9]{6,8}[0-9X]\Z")


def parse_isbn(text: str) -> str:
    """An ISBN-10 or ISBN-13 as an ISBN-13.

    Raises `ValueError` with the reason.
    """
    compact = _SEPARATORS.sub("", text[:40]).upper()
    if _THIRTEEN.match(compact):
        if compact[12] != _check_digit_13(compact[:12]):
            raise ValueError("has a wrong check digit")
        return compact
    if _TEN.match(compact) and compact != "0" * 10:
        weighted = sum(
            weight * (10 if digit == "X" else int(digit))
            for weight, digit in zip(range(10, 0, -1), compact, strict=True)
        )
        if weighted % 11:
            raise ValueError("has a wrong check digit")
        body = "978" + compact[:9]
        return body + _check_digit_13(body)
    raise ValueError("must be an ISBN of 10 or 13 digits")


def parse_spreadsheet_isbn(text: str) -> str:
    """An ISBN that a spreadsheet has had in its hands.

    It takes leading zeros away, which are put back, and writes `9.78043902348e+12`, whose last
    digits are gone: that is refused, since it could be any of ten thousand books.
    Raises `ValueError` with the reason.
    """
    compact = _SEPARATORS.sub("", text[:40]).upper()
    if "E+" in compact:
        raise ValueError("is in scientific notation, which has lost its last digits")
    if whole := _WHOLE_NUMBER_AS_FLOAT.match(compact):
        compact = whole[1]
    if _SHORTENED.match(compact):
        compact = compact.zfill(10)
    return parse_isbn(compact)


def _check_digit_13(digits: str) -> str:
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return str(-total % 10)

"""ISBNs: parsed from any spelling, validated, and stored as thirteen digits.

Source: ISO 2108; the ISBN Users' Manual, seventh edition, for the check digits.
"""

import re
from collections.abc import Callable
from contextlib import suppress

from functions.kit.base.characters import plain
from functions.kit.base.errors import Text

WRONG_CHECK_DIGIT = Text("tiene un dígito de control erróneo", "has a wrong check digit")
NO_ISBN = Text("debe ser un ISBN de 10 o 13 dígitos", "must be an ISBN of 10 or 13 digits")
SCIENTIFIC = Text(
    "está en notación científica, que ha perdido las últimas cifras: dé formato de texto a la"
    " columna y escríbalo de nuevo",
    "is in scientific notation, which has lost its last digits: format the column as text and"
    " enter it again",
)
SEVERAL = Text("nombra más de un libro", "names more than one book")

_SEPARATORS = re.compile(r"[\s\u2010-\u2015\u2212\u2043\ufe58\ufe63\uff0d-]+")
_TEN = re.compile(r"[0-9]{9}[0-9X]\Z")
_THIRTEEN = re.compile(r"97[89][0-9]{10}\Z")
_INTEGER_AS_FLOAT = re.compile(r"([0-9]{7,13})[.,]0+\Z")
_WITH_THOUSANDS = re.compile(r"9([.,])7[89][0-9](?:\1[0-9]{3}){3}\Z")
_SHORTENED = re.compile(r"[0-9]{6,8}[0-9X]\Z")
_SCIENTIFIC = re.compile(r"[0-9][.,]?[0-9]*E\+?[0-9]+", re.IGNORECASE)

_LABEL = re.compile(
    r"\A(?:ISBN|EAN|GTIN)(?P<kind>[-\s]?1[03])?\s*[:=#.]?\s*(?P<number>.*)",
    re.IGNORECASE | re.DOTALL,
)
_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_REMARK = re.compile(r"(?<=[0-9Xx])\s*(?::.*|[;,.]?\s+(?![Xx]\Z)[^\W\d_]\D*)\Z")
_BETWEEN = re.compile(r"\s*[;,/|]\s*|\s+(?=97[89][- ]?[0-9])")

_HYPHEN = r"[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
_THIRTEEN_SPACED = rf"97[89](?:(?:{_HYPHEN}|\s)?[0-9]){{10}}"
_IN_QUERY = re.compile(
    # Ten digits may have spaces inside only after a label: "1984 2001 42" is three words.
    rf"(?<!\w)(?:isbn(?:{_HYPHEN}?1[03])?\s*:?\s*"
    rf"(?:{_THIRTEEN_SPACED}|(?:[0-9](?:{_HYPHEN}|\s)?){{9}}[0-9x])"
    rf"|{_THIRTEEN_SPACED}"
    rf"|(?:[0-9]{_HYPHEN}?){{9}}[0-9x])(?!\w)",
    re.IGNORECASE,
)
_LONGEST = 200
"""Characters of a text that may be an ISBN, with labels and remarks."""
_MAYBE = re.compile(r"(?:\d\W*){9}")


def parse_isbn(text: str) -> str:
    """An ISBN-10 or ISBN-13 as an ISBN-13.

    Raises `ValueError` with the reason, a `Text`.
    """
    compact = _compact(text)
    if _THIRTEEN.match(compact):
        if compact[12] != _check_digit_13(compact[:12]):
            raise ValueError(WRONG_CHECK_DIGIT)
        return compact
    if _TEN.match(compact) and compact != "0" * 10:
        if compact[9] != _check_digit_10(compact[:9]):
            raise ValueError(WRONG_CHECK_DIGIT)
        body = "978" + compact[:9]
        return body + _check_digit_13(body)
    raise ValueError(NO_ISBN)


def parse_spreadsheet_isbn(text: str) -> str:
    """An ISBN from a supplier's file: with a label or a remark, or altered by a spreadsheet.

    Leading zeros that a spreadsheet removed are restored. `9.78043902348e+12` is refused: its last
    digits are lost, so it could be any of ten thousand books.
    Raises `ValueError` with the reason, a `Text`.
    """
    if len(text) > _LONGEST:
        raise ValueError(NO_ISBN)
    readings = [_without_remarks(number) for number in _without_label(_cell(text))]
    if any(_SCIENTIFIC.fullmatch(number) for number in readings):
        raise ValueError(SCIENTIFIC)
    try:
        return _first_isbn(readings, _parse_number)
    except ValueError:
        numbers = [number for number in _BETWEEN.split(readings[-1]) if number]
        if len(numbers) < 2:
            raise
    named = {_first_isbn(_without_label(number), _parse_number) for number in numbers}
    if len(named) > 1:
        raise ValueError(SEVERAL)
    return named.pop()


def isbn_10(isbn: str) -> str | None:
    """The ISBN-10 of an ISBN-13, in lower case; None where none exists."""
    if not isbn.startswith("978"):
        return None
    return (isbn[3:12] + _check_digit_10(isbn[3:12])).lower()


def normalize_isbns(query: str) -> str:
    """The text with each ISBN in it replaced by its thirteen digits, as a separate word."""

    def thirteen(found: re.Match[str]) -> str:
        try:
            return f" {_first_isbn(_without_label(found[0]), parse_isbn)} "
        except ValueError:
            return found[0]

    return _IN_QUERY.sub(thirteen, plain(query)) if _MAYBE.search(query) else query


def _without_label(text: str) -> list[str]:
    """What may be the number in a text, the likeliest first; the text itself without a label.

    The 13 in "ISBN 13..." is a part of the label or the number's first digits: only the check
    digit tells.
    """
    label = _LABEL.match(text)
    if not label:
        return [text]
    if not label["kind"]:
        return [label["number"]]
    return [label["kind"] + label[0][label.end("kind") :], label["number"]]


def _first_isbn(readings: list[str], parse: Callable[[str], str]) -> str:
    """The ISBN of the first reading that is one; `parse` reads the last one, and has its error."""
    *others, last = readings
    for number in others:
        with suppress(ValueError):
            return parse_isbn(number)
    return parse(last)


def _cell(text: str) -> str:
    """A spreadsheet's cell as plain text, without the apostrophe that makes it a text there."""
    return plain(text).strip().lstrip("'").strip()


def _without_remarks(number: str) -> str:
    return _REMARK.sub("", _IN_BRACKETS.sub(" ", number).strip()).strip().rstrip(".,;:").strip()


def _parse_number(text: str) -> str:
    compact = _compact(text)
    if whole := _INTEGER_AS_FLOAT.match(compact):
        compact = whole[1]
    elif _WITH_THOUSANDS.match(compact):
        compact = re.sub("[.,]", "", compact)
    if _SHORTENED.match(compact):
        compact = compact.zfill(10)
    return parse_isbn(compact)


def _compact(text: str) -> str:
    return _SEPARATORS.sub("", plain(text)).upper() if len(text) <= _LONGEST else ""


def _check_digit_10(digits: str) -> str:
    total = sum(place * int(digit) for place, digit in enumerate(digits, 1)) % 11
    return "X" if total == 10 else str(total)


def _check_digit_13(digits: str) -> str:
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return str(-total % 10)

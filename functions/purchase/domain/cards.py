"""Finds card numbers in texts, so that none enters a table, an event or a log."""

import re
import unicodedata
from collections.abc import Iterator

from functions.kit.base.errors import FieldError, Text
from functions.purchase.errors import CardNumberRefused

SHORTEST, LONGEST = 12, 19
"""Digits of a card number (ISO/IEC 7812-1)."""

_GROUP = re.compile("[0-9]+")
_SPACING = re.compile(r"[\W_]*|[\W_]+[^\W_]{1,3}[\W_]+")
"""What may separate two groups of one number: punctuation, spaces, up to three letters."""
_GLUED = re.compile(r"\w{1,3}")
"""Letters next to digits. Equal ones throughout separate the groups of a number, as in
4111x1111x1111x1111; different ones belong to a token or a UUID."""
_ISBN13 = re.compile("97[89][0-9]{10}")
_COMMON_LENGTHS = (15, 16)
_LONGEST_PHONE = 15
"""Digits of a telephone number (E.164)."""


def check_no_card_number(field: str, text: str | None, *, phones: bool = False) -> None:
    """Raises `CardNumberRefused` where the text contains a card number.

    `phones` permits telephone numbers in international form, `+57 300 ...`. The refusal does not
    repeat the text.
    """
    if text is not None and holds_card_number(text, phones=phones):
        raise CardNumberRefused(
            Text(
                "Envíe el token que el proveedor de pagos dio para la tarjeta, nunca su número.",
                "Send the token that the payment provider gave for the card, never its number.",
            ),
            errors=[
                FieldError(field, Text("contiene un número de tarjeta", "contains a card number"))
            ],
        )


def holds_card_number(text: str, *, phones: bool = False) -> bool:
    """Whether a text contains 12 to 19 digits with a valid Luhn checksum.

    Digits of every script count, with separators between their groups. ISBN-13s are excluded, of
    which one in ten has a valid Luhn checksum.
    """
    plain = _plain(text)
    groups = list(_GROUP.finditer(plain))
    if sum(len(group[0]) for group in groups) < SHORTEST:
        return False
    for first, group in enumerate(groups):
        if _begins_with_card_number(group[0]):
            return True
        chains = list(_chains(plain, groups, first))
        dialled = phones and plain.endswith("+", 0, group.start())
        if dialled and chains and len(chains[-1]) <= _LONGEST_PHONE:
            continue
        if any(map(_is_card_number, chains)):
            return True
    return False


def _chains(plain: str, groups: list[re.Match[str]], first: int) -> Iterator[str]:
    """The digits of a group, then with the next group appended, and so on.

    The last one is the first that is too long for a card number, so that a long text is searched in
    a time that grows as its length does.
    """
    digits = groups[first][0]
    separators: set[str] = set()
    yield digits
    for number in range(first + 1, len(groups)):
        if len(digits) > LONGEST:
            return
        separator = plain[groups[number - 1].end() : groups[number].start()]
        separators.add(separator)
        if not _SPACING.fullmatch(separator) and not (
            _GLUED.fullmatch(separator) and len(separators) == 1
        ):
            return
        digits += groups[number][0]
        yield digits


def _begins_with_card_number(digits: str) -> bool:
    """Whether a long run of digits is a card number followed by its expiry date or code."""
    return any(
        digits[0] in "23456" and _is_card_number(digits[:length])
        for length in _COMMON_LENGTHS
        if len(digits) > max(_COMMON_LENGTHS)
    )


def _is_card_number(digits: str) -> bool:
    if not SHORTEST <= len(digits) <= LONGEST:
        return False
    return _luhn(digits) and not (_ISBN13.fullmatch(digits) and _ean(digits))


def _luhn(digits: str) -> bool:
    """The checksum of ISO/IEC 7812-1, annex B."""
    values = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * value, 10)) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def _ean(digits: str) -> bool:
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _plain(text: str) -> str:
    """NFKC, with the digits of every script as 0 to 9, without invisible characters."""
    kept = []
    for character in unicodedata.normalize("NFKC", text):
        if unicodedata.category(character) in {"Cf", "Mn", "Me"}:
            continue
        digit = unicodedata.digit(character, None)
        kept.append(character if digit is None else str(digit))
    return "".join(kept)

"""Cleans the texts of the original, and finds UTF-8 that was read as Latin-1."""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from functions.kit.base.characters import is_visible
from functions.purchase.domain.cards import holds_card_number

TextRule = Literal["refuse", "repair", "keep"]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROLS_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_DIGIT_RUNS = re.compile(r"\d(?:[\d\W_]*\d)?")


def one_line(text: str | None) -> str:
    """NFC, single spaces, no control characters; empty where nothing would be seen."""
    spaced = _CONTROLS.sub(" ", text or "")
    tidy = " ".join(unicodedata.normalize("NFC", spaced).split())
    return tidy if is_visible(tidy) else ""


def prose(text: str | None) -> str:
    """The same for a text of several lines."""
    lines = _CONTROLS_BUT_LINES.sub("", (text or "").replace("\r\n", "\n"))
    tidy = unicodedata.normalize("NFC", lines).strip()
    return tidy if is_visible(tidy) else ""


def repaired(text: str) -> str | None:
    """The text whose UTF-8 was read as Latin-1 (Windows' 1252), such as `MarÃ­a`; else None.

    What went through the wrong client twice is misread twice, and is repaired as often.
    """
    found = None
    while (better := _repaired_once(text)) is not None:
        found = text = better
    return found


def _repaired_once(text: str) -> str | None:
    if not _BEYOND_ASCII.search(text):
        return None
    encoded = bytearray()
    for character in text:
        try:
            encoded += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 0xFF:
                return None
            encoded.append(ord(character))  # bytes that 1252 does not define are kept by MySQL
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return None


@lru_cache(maxsize=1_000)  # a few payment methods are in a million rows
def without_card_number(text: str) -> str | None:
    """A text with its card number masked but for the last four digits; None where it has none."""
    if not holds_card_number(text):
        return None
    masked = _DIGIT_RUNS.sub(_mask, text)
    return "card" if holds_card_number(masked) else masked


def cut(text: str, limit: int) -> str:
    """At most so many characters. Composing them (NFC) may have made more than were stored."""
    return text if len(text) <= limit else text[:limit].rstrip()


def fitted(text: str, limit: int) -> str:
    """A text without a card number, of at most so many characters: masking makes some longer."""
    short = cut(text, limit)
    masked = without_card_number(short)
    if masked is None:
        return short
    return without_card_number(cut(masked, limit)) or cut(masked, limit)


def _mask(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"****{digits[-4:]}" if 12 <= len(digits) <= 19 else "****"

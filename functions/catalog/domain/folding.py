"""Texts as they are compared: what looks or sounds the same to a reader is the same.

Case, accents, the kind of a dash or an apostrophe, and characters that show nothing play no part;
Arabic letters are folded as Lucene folds them. Everything that books are found or recognised by
is folded here, when a book is written and when somebody asks.
"""

import re
import unicodedata
from collections.abc import Mapping

# Letters that Unicode does not take apart into a plain one and a mark.
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h"}

# Source: Lucene's ArabicNormalizer and PersianNormalizer. The forms of alef with hamza or madda
# and the vowel signs are gone once marks are dropped.
_ARABIC = {
    "\u0629": "\u0647",  # teh marbuta: heh
    "\u0649": "\u064a",  # alef maksura: yeh
    "\u0671": "\u0627",  # alef wasla: alef
    "\u06cc": "\u064a",  # Persian yeh
    "\u06d2": "\u064a",  # yeh barree
    "\u06a9": "\u0643",  # keheh: kaf
    "\u06c1": "\u0647",  # heh goal
    "\u06be": "\u0647",  # heh doachashmee
    "\u06d5": "\u0647",  # ae
}
_TATWEEL = "\u0640"

# Beside the category Pd: hyphen bullet, minus signs, a line of box drawing. The soft hyphen is a
# format character.
_DASHES = "\u2043\u207b\u208b\u2212\u2500\u02d7\u058a\u05be"
_APOSTROPHES = "'`´‘’‛ʹʻʼʽ′＇\u055a\u05f3\ua78b\ua78c"

# Default_Ignorable_Code_Point beyond the category Cf (Unicode, DerivedCoreProperties.txt), and the
# braille pattern of no dots.
_SHOWS_NOTHING = frozenset(
    map(
        chr,
        (
            0x034F,
            0x115F,
            0x1160,
            0x17B4,
            0x17B5,
            *range(0x180B, 0x1810),
            0x2800,
            0x3164,
            *range(0xFE00, 0xFE10),
            0xFFA0,
            *range(0xE0100, 0xE01F0),
        ),
    )
)

# Thai to Lao, Myanmar, Khmer, kana, Han: written without spaces, so a word may begin anywhere.
_UNSPACED_RANGES = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3005", "\u3007"),
    ("\u3041", "\u30ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
_UNSPACED = "".join(f"{first}-{last}" for first, last in _UNSPACED_RANGES)
_FIRST_UNSPACED = _UNSPACED_RANGES[0][0]
_INNER_BLANK = re.compile(f"(?<=[{_UNSPACED}]) (?=[{_UNSPACED}])")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")

_KEPT = 0x700
"""Characters up to here are looked up once: Latin to Arabic, of which nearly all texts are made. A
million others could fill the memory."""


class _Folded(dict[int, str]):
    """What is compared in place of a decomposed, small character, by its number."""

    def __missing__(self, number: int) -> str:
        folded = _folded(chr(number))
        if number < _KEPT:
            self[number] = folded
        return folded


def _folded(char: str) -> str:
    if char in _FIXED:
        return _FIXED[char]
    if char in _SHOWS_NOTHING or unicodedata.combining(char):
        return ""
    category = unicodedata.category(char)
    if category == "Cf":
        return ""
    if category == "Pd":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return char


_FIXED: Mapping[str, str] = {
    **_LETTERS,
    "ı": "i",
    **_ARABIC,
    _TATWEEL: "",
    "\u2044": "/",  # of a fraction
    "\u30fb": " ",  # katakana middle dot: between the words of a foreign name
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_APOSTROPHES, "'"),
}
_TABLE = _Folded()
_ASCII = str.maketrans("`", "'")
_SPACING = str.maketrans({"´": "'"})
_VISIBLE = re.compile("[!-~]")


def fold(text: str) -> str:
    """A text as it is compared, with single spaces.

    Source: Unicode Standard, section 3.13, compatibility caseless matching, marks dropped.
    """
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    # A spacing accent decomposes into a space and a mark, so those are folded before.
    text = text.translate(_SPACING)
    text = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(unicodedata.normalize("NFKD", text).translate(_TABLE).split())


def joined_unspaced(folded: str) -> str:
    """Without the spaces between two letters of a script that is written without."""
    return folded if folded.isascii() else _INNER_BLANK.sub("", folded)


def is_unspaced(char: str) -> bool:
    """Whether its script is written without spaces."""
    return char >= _FIRST_UNSPACED and _IS_UNSPACED.match(char) is not None


def shows_something(text: str) -> bool:
    """Whether a reader sees anything of a text: more than spaces, format characters and marks."""
    return _VISIBLE.search(text) is not None or any(
        char not in _SHOWS_NOTHING
        and unicodedata.category(char) not in {"Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Me", "Mc"}
        for char in text
    )


def plain(text: str) -> str:
    """An identifier or a number in plain characters, without those that show nothing."""
    if text.isascii():
        return text
    return "".join(
        char
        for char in unicodedata.normalize("NFKC", text)
        if char not in _SHOWS_NOTHING and unicodedata.category(char) != "Cf"
    )

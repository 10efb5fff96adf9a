"""Texts in the form in which they are compared.

Case, accents, the kind of a dash or an apostrophe, and invisible characters are ignored; Arabic
letters are folded as Lucene folds them. Stored columns and queries go through the same function.
"""

import re
import unicodedata
from collections.abc import Mapping

from functions.kit.base.characters import INVISIBLE

# Letters that Unicode does not decompose into a base letter and a mark.
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h"}

# Source: Lucene's ArabicNormalizer and PersianNormalizer. Alef with hamza or madda and the vowel
# signs need no entry: dropping combining marks folds them.
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

# Dashes outside the category Pd: hyphen bullet, minus signs, a box drawing line. The soft hyphen
# is a format character.
_DASHES = "\u2043\u207b\u208b\u2212\u2500\u02d7\u058a\u05be"
_APOSTROPHES = "'`´‘’‛ʹʻʼʽ′＇\u055a\u05f3\ua78b\ua78c"

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

_MEMOIZED = 0x700
"""Code points below are memoized: Latin to Arabic, which nearly all texts are made of. The million
others would let input grow the table without bound."""


class _FoldTable(dict[int, str]):
    """The replacement of each decomposed, lowercase character, by its code point."""

    def __missing__(self, number: int) -> str:
        folded = _fold_character(chr(number))
        if number < _MEMOIZED:
            self[number] = folded
        return folded


def _fold_character(char: str) -> str:
    if char in _FIXED:
        return _FIXED[char]
    if char in INVISIBLE or unicodedata.combining(char):
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
    "\u2044": "/",  # fraction slash
    "\u30fb": " ",  # katakana middle dot: between the words of a foreign name
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_APOSTROPHES, "'"),
}
_TABLE = _FoldTable()
_ASCII = str.maketrans("`", "'")
_SPACING = str.maketrans({"´": "'"})


def fold(text: str) -> str:
    """The form of a text that is compared, with single spaces.

    Source: Unicode Standard, section 3.13, compatibility caseless matching; marks are dropped.
    """
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    # Replaced before normalizing: NFKD decomposes a spacing accent into a space and a mark.
    text = text.translate(_SPACING)
    text = unicodedata.normalize("NFKD", text).casefold()
    return " ".join(unicodedata.normalize("NFKD", text).translate(_TABLE).split())


def without_inner_spaces(folded: str) -> str:
    """Removes the spaces between two letters of scripts that are written without spaces."""
    return folded if folded.isascii() else _INNER_BLANK.sub("", folded)


def is_unspaced(char: str) -> bool:
    """Whether the character's script is written without spaces."""
    return char >= _FIRST_UNSPACED and _IS_UNSPACED.match(char) is not None

"""Sort keys of titles and prices, stored with the book so that an index has the order.

Titles sort by library rules: accents, case, punctuation and a leading article are ignored, and
numbers compare by value, so Vol. 2 comes before Vol. 10.
"""

import re
import unicodedata

from functions.catalog.search.folding import fold

KEY_LENGTH = 90
"""Characters of a folded title that are compared, within the limits of an index and a cursor."""

# English and Spanish articles (MARC 21, appendix F). "A" is also a letter and a Spanish
# preposition, which the next word tells: "A is for Alibi", "A to Z", "A la deriva".
_ARTICLE = re.compile(
    r"(?:the|an|a(?! (?:is|to|el|la|lo|los|las|un|una)\b)"
    r"|el|la|lo|los|las|un|una|unos|unas) (?=\S)"
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+)(?![\d.,]*\d)")
_NUMBER = re.compile(r"\d+")
_NO_SPACE = re.compile(r"['.](?=\S)")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")


def title_order(title: str, uid: str) -> str:
    """The key of a title; `uid` orders equal titles."""
    folded = fold(title)
    first = next((index for index, char in enumerate(folded) if char.isalnum()), 0)
    whole = folded[first:]
    rest = _words(_ARTICLE.sub("", whole, count=1)) if _ARTICLE.match(whole) else ""
    key = _NUMBER.sub(_natural, rest or _words(whole) or folded)
    return f"{key[:KEY_LENGTH]}\x1f{uid}"


def price_order(price_minor: int, uid: str) -> str:
    """The key of a price; `uid` orders equal prices."""
    return f"{price_minor:012d}\x1f{uid}"


def _words(folded: str) -> str:
    """Replaces punctuation by spaces; "C++" keeps its plus signs."""
    text = _THOUSANDS.sub(lambda found: re.sub("[.,]", "", found[0]), folded)
    text = _NO_SPACE.sub("", _DECIMAL_POINT.sub(" ", text)).replace("&", " and ")
    kept = (char if char.isalnum() or _is_kept(char) else " " for char in text)
    return " ".join("".join(kept).split())


def _is_kept(char: str) -> bool:
    return unicodedata.category(char)[0] in "MS"


def _natural(found: re.Match[str]) -> str:
    """The number of digits, then the digits: such texts compare as their numbers do."""
    digits = found[0].lstrip("0") or "0"
    count = len(digits)
    return f"{count}{digits}" if count < 9 else f"9{count:03d}{digits}"

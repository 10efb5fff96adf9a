"""What books are sorted by, as a librarian would: kept beside the book, so an index has the order.

Accents, case and punctuation do not count, nor an article in front; numbers are numbers, so Vol. 2
comes before Vol. 10.
"""

import re
import unicodedata

from functions.catalog.domain.folding import fold

KEY_LENGTH = 90
"""Characters of a folded text that are sorted by; an index has a limit, and so has a cursor."""

# English and Spanish (MARC 21, appendix F). "A" is a letter and a Spanish preposition too: what
# follows shows it in "A is for Alibi", "A to Z" and "A la deriva".
_ARTICLE = re.compile(
    r"(?:the|an|a(?! (?:is|to|el|la|lo|los|las|un|una)\b)"
    r"|el|la|lo|los|las|un|una|unos|unas) (?=\S)"
)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+)(?![\d.,]*\d)")
_NUMBER = re.compile(r"\d+")
_NO_SPACE = re.compile(r"['.](?=\S)")
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")


def title_order(title: str, uid: str) -> str:
    """What a title is sorted by; `uid` puts equal ones into an order."""
    folded = fold(title)
    first = next((index for index, char in enumerate(folded) if char.isalnum()), 0)
    whole = folded[first:]
    rest = _words(_ARTICLE.sub("", whole, count=1)) if _ARTICLE.match(whole) else ""
    key = _NUMBER.sub(_natural, rest or _words(whole) or folded)
    return f"{key[:KEY_LENGTH]}\x1f{uid}"


def price_order(price_minor: int, uid: str) -> str:
    """What a price is sorted by."""
    return f"{price_minor:012d}\x1f{uid}"


def _words(folded: str) -> str:
    """With spaces in place of punctuation; "C++" keeps its plus signs."""
    text = _THOUSANDS.sub(lambda found: re.sub("[.,]", "", found[0]), folded)
    text = _NO_SPACE.sub("", _DECIMAL_POINT.sub(" ", text)).replace("&", " and ")
    kept = (char if char.isalnum() or _is_kept(char) else " " for char in text)
    return " ".join("".join(kept).split())


def _is_kept(char: str) -> bool:
    return unicodedata.category(char)[0] in "MS"


def _natural(found: re.Match[str]) -> str:
    """A number behind the count of its digits, so that texts compare as the numbers do."""
    digits = found[0].lstrip("0") or "0"
    count = len(digits)
    return f"{count}{digits}" if count < 9 else f"9{count:03d}{digits}"

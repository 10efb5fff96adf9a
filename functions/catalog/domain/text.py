"""Texts as they are compared: accents and case aside, and without what nobody types.

Computed once, when a book is written, and kept beside it; a query is folded the same way.
"""

import hashlib
import re
import unicodedata

KEY_LENGTH = 90
"""Characters of a folded text that are sorted by; an index has a limit, and so has a cursor."""

# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i"}
)
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼʹ`"))
_SEPARATORS = re.compile(r"[,;&]")
# The dots of "J.R.R.", but not the one of "#1.5".
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)")


def fold(text: str) -> str:
    """Without accents, case and superfluous spaces.

    Source: Unicode Standard, section 3.13, compatibility caseless matching, marks dropped.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).casefold()
        text = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in text if not unicodedata.combining(char)).translate(_PLAIN)
    return " ".join(text.casefold().split())


def searchable(text: str) -> str:
    """Folded, and without apostrophes and the dots of initials: JRR Tolkien is J.R.R. Tolkien."""
    return " ".join(_DOTS.sub("", fold(text).translate(_APOSTROPHES)).split())


def names(author: str) -> tuple[str, ...]:
    """The people of an author field, which may name several."""
    folded = (searchable(name) for name in _SEPARATORS.split(author))
    return tuple(name for name in folded if name)


def title_order(title: str, uid: str) -> str:
    """What a title is sorted by: punctuation in front does not count."""
    folded = searchable(title)
    first = next((index for index, char in enumerate(folded) if char.isalnum()), 0)
    return f"{folded[first : first + KEY_LENGTH]}\x1f{uid}"


def price_order(price_minor: int, uid: str) -> str:
    """What a price is sorted by."""
    return f"{price_minor:012d}\x1f{uid}"


def category_key(category: str) -> str:
    """What a category is found by."""
    return fold(category)[:KEY_LENGTH].rstrip()


def match_key(title: str, author: str) -> str:
    """Equal for the same title and author: what a book without an ISBN is known by."""
    text = f"{fold(title)}\x1f{fold(author)}".encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=16).hexdigest()

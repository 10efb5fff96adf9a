"""Texts that render nothing: of every such Unicode category, and of the known invisible letters."""

import sys
import unicodedata
from collections.abc import Iterator
from typing import Literal

from hypothesis import strategies as st

from functions.kit.base.characters import INVISIBLE

CATEGORIES: tuple[Literal["Cf", "Zs", "Mn", "Mc", "Me"], ...] = ("Cf", "Zs", "Mn", "Mc", "Me")
"""Without the controls and the ends of lines, which a line may have nowhere."""
LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159") | INVISIBLE
"""What renders nothing though its category is of letters or symbols: the Hangul fillers, the blank
braille pattern, the null notehead and the like."""
IN_WORDS = ("می\u200cخواهم", "க்\u200dஷ", "👩\u200d💻", "n\u0303", "\u2066abc\u2069", "❤\ufe0f")
"""Words of Persian, Tamil and others that joiners, marks and isolates are a part of."""


def texts(max_size: int = 20) -> st.SearchStrategy[str]:
    """Any mixture of characters that render nothing."""
    characters = st.characters(categories=CATEGORIES) | st.sampled_from(sorted(LETTERS))
    return st.text(characters, min_size=1, max_size=max_size)


def samples() -> Iterator[str]:
    """The first and the last character of each category, each known letter, and a mixture."""
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    for category in CATEGORIES:
        members = [char for char in everything if unicodedata.category(char) == category]
        yield from {members[0], members[-1]}
    yield from sorted(char for char in LETTERS if ord(char) < 0xFE00)
    yield "\u200b \u0301\u2800\u3164\u202e\ufeff"

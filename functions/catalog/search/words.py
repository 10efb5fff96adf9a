"""The tokenizer, shared by indexed texts and queries.

Tokens are separated by spaces. A token is compared by its letters, digits and marks: "Spider-Man"
is "spiderman", and is found from each place where a word begins in it. Punctuation is ignored,
except symbols that distinguish words ("C++", "#1") and tokens of punctuation alone. `&`, `and` and
`y` are the same word. Spaces are ignored in scripts that are written without them.

Next file: `terms.py`, which encodes the words for an index and builds the terms of a query.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from functions.catalog.search.folding import fold, is_unspaced, without_inner_spaces

AND = "and"
"""The indexed form of each of `CONJUNCTIONS`."""
CONJUNCTIONS = frozenset({"&", "and", "y", "et", "und"})

OUTER = ',;:.!?…()[]{}"«»“”„¿¡'
"""Punctuation that is trimmed from both ends of a token. # and + are kept, as in "#1" and "C++"."""

# The dots of "J.R.R.", but not the one of "#1.5".
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)")
_DECIMAL = re.compile(r"\d\.\d")
_LONE_LETTER = re.compile(r"[^\W\d_]\.?")
_SYMBOLS = frozenset("#+%*@$<>=~^|")


class Token(NamedTuple):
    """What stands between two spaces, folded."""

    text: str
    """Its letters, digits and marks; empty where it has none. `AND` for a conjunction."""
    word_starts: tuple[int, ...]
    """Indexes in `text` where a word begins."""
    parts: tuple[str, ...]
    """`text` divided at punctuation: "jack-in-the-box" has four parts."""
    verbatim: tuple[str, ...]
    """The token with its inner punctuation, from each place where a word begins."""
    variant: str = ""
    """Another form of `text`: the conjunction as written, or "rb" for "r&b"."""

    @property
    def has_symbol(self) -> bool:
        """Whether a symbol distinguishes it from words of the same letters; 1.5 is not 15."""
        if not self.verbatim:
            return False
        text = self.verbatim[0]
        return _DECIMAL.search(text) is not None or any(map(_is_symbol, text))

    @property
    def is_conjunction(self) -> bool:
        return self.text == AND

    @property
    def is_initial(self) -> bool:
        """Whether it is one letter of a script that is written with spaces."""
        return len(self.text) == 1 and not is_unspaced(self.text)


def tokenize(text: str) -> list[Token]:
    """The tokens of a text that is indexed; consecutive initials are one token."""
    folded = without_inner_spaces(fold(text))
    return [_token(piece) for piece in _merge_initials(folded.split())]


def tokenize_query(text: str) -> list[Token]:
    """The tokens of a query. Spaces are kept, so that each piece is found independently."""
    return [_token(piece) for piece in fold(text).split()]


def _merge_initials(pieces: list[str]) -> Iterator[str]:
    """Yields "j.r.r." and "tolkien" for "j.", "r.", "r." and "tolkien"."""
    letters: list[str] = []
    for piece in pieces:
        if (
            _LONE_LETTER.fullmatch(piece)
            and piece not in CONJUNCTIONS
            and not is_unspaced(piece[0])
        ):
            letters.append(f"{piece[0]}.")
            continue
        if letters:
            yield "".join(letters)
            letters.clear()
        yield piece
    if letters:
        yield "".join(letters)


def _token(piece: str) -> Token:
    if piece.isascii() and piece.isalnum() and piece not in CONJUNCTIONS:
        return Token(piece, (0,), (piece,), ())
    trimmed = _trim(piece)
    if trimmed in CONJUNCTIONS:
        return Token(AND, (0,), (AND,), (), "" if trimmed == AND else trimmed)
    text = ""
    parts: list[str] = []
    starts: dict[int, int] = {}
    for place, char in enumerate(piece):
        before = piece[place - 1] if place else ""
        if char == "&" and parts and _is_word(before) and _is_word(piece[place + 1 : place + 2]):
            starts[len(text)] = place
            parts.append(AND)
            text += AND
        elif _is_word(char):
            if not parts or not _is_word(before):
                parts.append("")
            if not text or _begins_word(piece, place):
                starts[len(text)] = place
            text += char
            parts[-1] += char
    suffixes = ((_trim(piece[place:]), text[start:]) for start, place in starts.items())
    verbatim = dict.fromkeys([_trim(piece)])
    verbatim |= dict.fromkeys(written for written, letters in suffixes if written != letters)
    return Token(
        text,
        tuple(starts),
        tuple(parts),
        tuple(written for written in verbatim if written and written != text),
        "".join(part for part in parts if part != AND) if "&" in piece else "",
    )


def _begins_word(piece: str, place: int) -> bool:
    """Whether a word begins here. An apostrophe separates words, but not a final single letter:
    the s of "philosopher's" begins none."""
    before = piece[place - 1]
    if _is_word(before):
        return is_unspaced(piece[place])
    return before != "'" or _is_word(piece[place + 1 : place + 2])


def _trim(piece: str) -> str:
    """Removes outer punctuation, apostrophes, and the dots of initials."""
    text = _DOTS.sub("", piece.replace("'", ""))
    return text.strip(OUTER) or text


def _is_word(char: str) -> bool:
    return char.isalnum() or (not char.isascii() and _is_mark(char))


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


def _is_symbol(char: str) -> bool:
    if char.isascii():
        return char in _SYMBOLS
    return unicodedata.category(char)[0] == "S"

"""The words of a text: one tokenizer, for what is indexed and for what is asked.

A text is chunks with spaces between. Of a chunk the letters, digits and marks are compared, joined:
"Spider-Man" is "spiderman", found from each place where a word begins in it. Punctuation plays no
part, except a symbol that tells words apart ("C++", "#1") and a chunk of nothing else. `&`, `and`
and `y` are one word. In scripts that are written without spaces a space means nothing.

Next file: `search`, which writes the words for an index and looks for them.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from functions.catalog.domain.folding import fold, is_unspaced, joined_unspaced

AND = "and"
"""What is indexed for each of `CONJUNCTIONS`."""
CONJUNCTIONS = frozenset({"&", "and", "y", "et", "und"})

OUTER = ',;:.!?…()[]{}"«»“”„¿¡'
"""Around a word these are no part of it; a # and a + are, as in "#1" and "C++"."""

# The dots of "J.R.R.", but not the one of "#1.5".
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)")
_DECIMAL = re.compile(r"\d\.\d")
_LONE_LETTER = re.compile(r"[^\W\d_]\.?")
_SYMBOLS = frozenset("#+%*@$<>=~^|")


class Chunk(NamedTuple):
    """What stands between two spaces."""

    joined: str
    """Its letters, digits and marks; empty where it has none. A conjunction is `AND`."""
    beginnings: tuple[int, ...]
    """Where in `joined` a word begins."""
    parts: tuple[str, ...]
    """What punctuation separates: of "jack-in-the-box" four."""
    written: tuple[str, ...]
    """The chunk with its punctuation, but that around it, from each place where a word begins."""
    other: str = ""
    """Another form of `joined`: the conjunction as it stands, or "rb" for "r&b"."""

    @property
    def has_symbol(self) -> bool:
        """Whether a symbol tells it from other words of the same letters; 1.5 is not 15."""
        if not self.written:
            return False
        text = self.written[0]
        return _DECIMAL.search(text) is not None or any(map(_is_symbol, text))

    @property
    def is_conjunction(self) -> bool:
        return self.joined == AND


def of_text(text: str) -> list[Chunk]:
    """The chunks of a text that is indexed."""
    folded = joined_unspaced(fold(text))
    return [_chunk(piece) for piece in _lone_letters_joined(folded.split())]


def of_query(text: str) -> list[Chunk]:
    """The chunks of a query: of each, what stands between spaces may be found anywhere."""
    return [_chunk(piece) for piece in fold(text).split()]


def is_lone_letter(chunk: Chunk) -> bool:
    """Whether it may be an initial."""
    return len(chunk.joined) == 1 and not is_unspaced(chunk.joined)


def _lone_letters_joined(pieces: list[str]) -> Iterator[str]:
    """ "j. r. r. tolkien" is "j.r.r. tolkien"."""
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


def _chunk(piece: str) -> Chunk:
    if piece.isascii() and piece.isalnum() and piece not in CONJUNCTIONS:
        return Chunk(piece, (0,), (piece,), ())
    bare = _trimmed(piece)
    if bare in CONJUNCTIONS:
        return Chunk(AND, (0,), (AND,), (), "" if bare == AND else bare)
    joined = ""
    parts: list[str] = []
    places: dict[int, int] = {}
    for place, char in enumerate(piece):
        before = piece[place - 1] if place else ""
        if char == "&" and parts and _is_word(before) and _is_word(piece[place + 1 : place + 2]):
            places[len(joined)] = place
            parts.append(AND)
            joined += AND
        elif _is_word(char):
            if not parts or not _is_word(before):
                parts.append("")
            if not joined or _begins_word(piece, place):
                places[len(joined)] = place
            joined += char
            parts[-1] += char
    suffixes = ((_trimmed(piece[place:]), joined[at:]) for at, place in places.items())
    with_punctuation = dict.fromkeys([_trimmed(piece)])
    with_punctuation |= dict.fromkeys(text for text, letters in suffixes if text != letters)
    return Chunk(
        joined,
        tuple(places),
        tuple(parts),
        tuple(text for text in with_punctuation if text and text != joined),
        "".join(part for part in parts if part != AND) if "&" in piece else "",
    )


def _begins_word(piece: str, place: int) -> bool:
    """An apostrophe separates, and yet the s of "philosopher's" is no word."""
    before = piece[place - 1]
    if _is_word(before):
        return is_unspaced(piece[place])
    return before != "'" or _is_word(piece[place + 1 : place + 2])


def _trimmed(piece: str) -> str:
    """A chunk without the punctuation around it, apostrophes, and the dots of initials."""
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

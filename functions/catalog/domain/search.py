"""What a book is found by: its words, written so that every full-text index reads the same ones.

A database's index has a tokenizer and stop words of its own, and leaves out short words. So a
word is spelt in small ASCII letters, digits and underscores: with a mark in front that makes it
no stop word and long enough, and with whatever else is in it ("c++", "楼") as its number. If one
word begins another, then its spelling begins the other's; nothing is lost.

`queries.py` looks for them.
"""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

from functions.catalog.domain.text import fold, searchable

MARK = "__"
LONGEST = 40
"""Characters of a word as it is written; InnoDB leaves out what is longer than 84."""
MAX_BYTES = 60_000
"""Of a text: a MySQL TEXT holds 65,535."""

_OUTER = ',;:.!?…()[]{}"«»“”„¿¡'
"""Around a word these are no part of it; a # and a + are, as in "#1" and "C++"."""
_APOSTROPHES = "'’‘ʼʹ`"
# Thai to Lao, Myanmar, Khmer, kana, Han: written without spaces, so a word may begin anywhere.
_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3041", "\u30ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\U00020000", "\U0003ffff"),
)
_PLAIN = re.compile("[a-z0-9]*")
_DIGITS = string.digits + string.ascii_lowercase
_KEPT = 0x250
"""Latin letters, of which nearly all words are made; a million others could fill the memory."""


class Sample(NamedTuple):
    """What was seen of a search in some books that were drawn by lot."""

    books: int
    """How many there are of all, or a few more."""
    looked: int
    found: int
    with_each: tuple[int, ...]
    """How many have each of the search's words, whether they are found or not."""

    def is_page_near(self, page: int) -> bool:
        """Whether a page is full before as many books are gone through as have the rarest word."""
        if not self.found:
            return False
        gone_through = page * self.looked / self.found
        return gone_through <= self.books * min(self.with_each) / self.looked


class _Spelling(dict[int, str]):
    """What is written for a character, by its number; none begins another's."""

    def __missing__(self, number: int) -> str:
        written = chr(number)
        if not is_plain(written):
            written, rest = "", number
            for _ in range(4):
                rest, digit = divmod(rest, len(_DIGITS))
                written = _DIGITS[digit] + written
            written = f"_{written}"
        if number < _KEPT:
            self[number] = written
        return written


_SPELLING = _Spelling()


def words(query: str) -> tuple[str, ...]:
    """The different words of a query."""
    return tuple(dict.fromkeys(map(_bare, searchable(query).split())))


def spelt(word: str) -> str:
    """A word as it is written in a search text; what begins with it, begins with this."""
    return (MARK + word.translate(_SPELLING))[:LONGEST]


def is_plain(word: str) -> bool:
    """Whether a word is spelt as it is."""
    return _PLAIN.fullmatch(word) is not None


def is_cut(word: str) -> bool:
    """Whether a word is longer than what is written of it."""
    return len(MARK) + len(word.translate(_SPELLING)) > LONGEST


def search_text(title: str, author: str) -> str:
    """The words of a book, each with a space before it.

    After them come, as they are, those that do not stand in their spelling: the release before
    this one looks for a word anywhere in the text, and so do we for one that was cut.
    """
    written: dict[str, None] = {}
    as_they_are: dict[str, None] = {}
    for chunk in fold(f"{title} {author}").split():
        for place, word in enumerate(_begun(chunk)):
            written[spelt(word)] = None
            if place == 0 and (is_cut(word) or not is_plain(word)):
                as_they_are[word] = None
    return _within(MAX_BYTES, [*written, *as_they_are])


def _begun(chunk: str) -> Iterator[str]:
    """What is between two spaces, from each place where a word begins: also "man" in "x-man".

    An apostrophe is left out and yet separates: "l'étranger" is found by "letranger" and by
    "etranger"; the s of "philosopher's" is no word.
    """
    for index, char in enumerate(chunk):
        if index == 0 or (
            char.isalnum()
            and (not chunk[index - 1].isalnum() or _is_unspaced(char))
            and (chunk[index - 1] not in _APOSTROPHES or chunk[index + 1 : index + 2].isalnum())
        ):
            word = _bare(searchable(chunk[index:]))
            if word:
                yield word


def _bare(word: str) -> str:
    return word.strip(_OUTER) or word


def _within(limit: int, found: list[str]) -> str:
    text = ""
    for word in found:
        limit -= 1 + len(word.encode("utf-8", "replace"))
        if limit < 0:
            break
        text += f" {word}"
    return text


def _is_unspaced(char: str) -> bool:
    return char >= _UNSPACED[0][0] and any(first <= char <= last for first, last in _UNSPACED)

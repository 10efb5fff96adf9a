"""What a book is found by: its words, written so that every full-text index reads the same ones.

A database's index has a tokenizer and stop words of its own, and leaves out short words. So a
word is spelt in small ASCII letters, digits and underscores: with a mark in front that makes it
no stop word and long enough, and with whatever else is in it ("c++", "楼") as its number. If one
word begins another, then its spelling begins the other's; nothing is lost.

`words.py` takes texts apart; `queries.py` looks for what is wanted.
"""

import itertools
import re
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

from functions.catalog.domain import words
from functions.catalog.domain.isbn import isbn_10, isbns_replaced
from functions.catalog.domain.words import Chunk

MARK = "__"
LONGEST = 40
"""Characters of a word as it is written; InnoDB leaves out what is longer than 84."""
MAX_BYTES = 60_000
"""Of a text: a MySQL TEXT holds 65,535."""

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


class Wanted(NamedTuple):
    """One thing that a query asks of a book: all words of one of these begin words of the book."""

    any_of: tuple[tuple[str, ...], ...]

    def is_met(self, has: Callable[[str], bool]) -> bool:
        """Whether a book has it, of which `has` says whether some word of it begins so."""
        return any(all(map(has, alternative)) for alternative in self.any_of)

    def narrowing(self) -> list[str]:
        """Words of which a book that has it has one."""
        return list(dict.fromkeys(max(alternative, key=len) for alternative in self.any_of))


class _Spelling(dict[int, str]):
    """What is written for a character, by its number; none begins another's."""

    def __missing__(self, number: int) -> str:
        written = chr(number)
        if not _PLAIN.fullmatch(written):
            written, rest = "", number
            for _ in range(4):
                rest, digit = divmod(rest, len(_DIGITS))
                written = _DIGITS[digit] + written
            written = f"_{written}"
        if number < _KEPT:
            self[number] = written
        return written


_SPELLING = _Spelling()


def wanted(query: str) -> tuple[Wanted, ...]:
    """What a query asks for: one thing a word; nothing where there is no word in it.

    A word with punctuation inside is one word or several ("spider-man"), and two words may be one
    ("spider man" finds Spiderman). An ISBN is looked for as a whole.
    """
    chunks = words.of_query(isbns_replaced(query))
    if any(chunk.joined or chunk.has_symbol for chunk in chunks):
        chunks = [chunk for chunk in chunks if chunk.joined or chunk.has_symbol]
    asked = (_asked(chunks, place) for place in range(len(chunks)))
    return tuple(dict.fromkeys(each for each in asked if each.any_of))


def _asked(chunks: list[Chunk], place: int) -> Wanted:
    chunk = chunks[place]
    found: list[tuple[str, ...]] = []
    if chunk.joined and not chunk.has_symbol:
        found.append((chunk.joined,))
        if len(chunk.parts) > 2:
            found.append(tuple(map("".join, itertools.pairwise(chunk.parts))))
        if chunk.is_conjunction:
            found += [(chunk.other,)] if chunk.other else []
        else:
            found += ((before + chunk.joined,) for before in _before(chunks, place))
    found += ((written,) for written in chunk.written[:1])
    return Wanted(tuple(dict.fromkeys(found)))


def _before(chunks: list[Chunk], place: int) -> Iterator[str]:
    """What the words of a query may be joined to: the one before, and a row of initials."""
    if place and not chunks[place - 1].has_symbol:
        yield chunks[place - 1].joined
    first = place
    while first and words.is_lone_letter(chunks[first]) and words.is_lone_letter(chunks[first - 1]):
        first -= 1
    if first < place - 1:
        yield "".join(chunk.joined for chunk in chunks[first:place])


def spelt(word: str) -> str:
    """A word as it is written in a search text; what begins with it, begins with this."""
    return (MARK + word[:LONGEST].translate(_SPELLING))[:LONGEST]


def is_cut(word: str) -> bool:
    """Whether a word is longer than what is written of it."""
    return len(word) > LONGEST or len(MARK + word.translate(_SPELLING)) > LONGEST


def search_text(title: str, author: str, isbn: str | None = None) -> str:
    """The words of a book, each with a space before it.

    Each is followed by the word after it, so that "spiderman" is found in "Spider Man". Behind
    them come, as they are, the texts that have words which were cut.

    The release before this one looks for words with the punctuation in them, and finds them.
    """
    found: dict[str, None] = {}
    whole: dict[str, None] = {}
    for text in (title, author):
        chunks = words.of_text(isbns_replaced(text))
        entries = dict.fromkeys(_entries(chunks))
        found |= dict.fromkeys(map(spelt, entries))
        if any(map(is_cut, entries)):
            whole["".join(chunk.joined for chunk in chunks)] = None
            whole |= dict.fromkeys(text for chunk in chunks for text in chunk.written[:1])
    if isbn is not None:
        found |= dict.fromkeys(spelt(number) for number in (isbn, isbn_10(isbn)) if number)
    return _within(MAX_BYTES, [*found, *whole])


def _entries(chunks: list[Chunk]) -> Iterator[str]:
    """What is found of some chunks: each word with the one after it, in each of their forms."""
    with_words = [chunk for chunk in chunks if chunk.joined]
    for chunk, follower in itertools.zip_longest(with_words, with_words[1:]):
        followers = [""] if follower is None else [follower.joined]
        if follower is not None and follower.is_conjunction and follower.other:
            followers.append(follower.other)
        for after in followers:
            for place in chunk.beginnings:
                yield chunk.joined[place:] + after
            if chunk.other:
                yield chunk.other + after
    for chunk in chunks:
        yield from chunk.written


def _within(limit: int, found: list[str]) -> str:
    text = ""
    for word in filter(None, found):
        limit -= 1 + len(word.encode("utf-8", "replace"))
        if limit < 0:
            break
        text += f" {word}"
    return text

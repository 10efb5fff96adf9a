"""The words of a book, encoded for a full-text index, and the terms of a query.

A database's index has its own tokenizer, stop words and minimum length. A word is therefore encoded
in lowercase ASCII letters, digits and underscores: a prefix makes it long enough and no stop word,
and any other character ("c++", "楼") becomes its code point. The encoding keeps prefixes: a word
begins with another if and only if its encoding begins with the other's.

`words.py` is the tokenizer; `queries.py` turns terms into SQL.
"""

import itertools
import re
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

from functions.catalog.domain.isbn import isbn_10, normalize_isbns
from functions.catalog.search import words
from functions.catalog.search.words import Token

PREFIX = "__"
MAX_ENCODED = 40
"""Characters of an encoded word; InnoDB ignores words longer than 84."""
MAX_BYTES = 60_000
"""Of a search text; a MySQL TEXT holds 65,535."""

_PLAIN = re.compile("[a-z0-9]*")
_DIGITS = string.digits + string.ascii_lowercase
_MEMOIZED = 0x250
"""Code points below are memoized: Latin, which nearly all words are made of. The million others
would let input grow the table without bound."""


class QueryTerm(NamedTuple):
    """One term of a query. A book matches where all words of one alternative begin words of it."""

    alternatives: tuple[tuple[str, ...], ...]

    def matches(self, has_prefix: Callable[[str], bool]) -> bool:
        """`has_prefix` says whether a word of the book begins with the given text."""
        return any(all(map(has_prefix, alternative)) for alternative in self.alternatives)

    def index_prefixes(self) -> list[str]:
        """Prefixes of which every matching book has at least one."""
        return list(dict.fromkeys(max(alternative, key=len) for alternative in self.alternatives))


class _EncodingTable(dict[int, str]):
    """The encoding of each character, by its code point; none is a prefix of another's."""

    def __missing__(self, number: int) -> str:
        encoded = chr(number)
        if not _PLAIN.fullmatch(encoded):
            encoded, rest = "", number
            for _ in range(4):
                rest, digit = divmod(rest, len(_DIGITS))
                encoded = _DIGITS[digit] + encoded
            encoded = f"_{encoded}"
        if number < _MEMOIZED:
            self[number] = encoded
        return encoded


_ENCODING = _EncodingTable()


def query_terms(query: str) -> tuple[QueryTerm, ...]:
    """One term per word of the query; empty where the query has no word.

    A word with punctuation inside matches as one word or as several ("spider-man"), and two
    adjacent words match as one ("spider man" finds Spiderman). An ISBN is one word.
    """
    tokens = words.tokenize_query(normalize_isbns(query))
    if any(token.text or token.has_symbol for token in tokens):
        tokens = [token for token in tokens if token.text or token.has_symbol]
    terms = (_term(tokens, place) for place in range(len(tokens)))
    return tuple(dict.fromkeys(term for term in terms if term.alternatives))


def _term(tokens: list[Token], place: int) -> QueryTerm:
    token = tokens[place]
    found: list[tuple[str, ...]] = []
    if token.text and not token.has_symbol:
        found.append((token.text,))
        if len(token.parts) > 2:
            found.append(tuple(map("".join, itertools.pairwise(token.parts))))
        if token.is_conjunction:
            found += [(token.variant,)] if token.variant else []
        else:
            found += ((before + token.text,) for before in _texts_before(tokens, place))
    found += ((written,) for written in token.verbatim[:1])
    return QueryTerm(tuple(dict.fromkeys(found)))


def _texts_before(tokens: list[Token], place: int) -> Iterator[str]:
    """What a token may be appended to: the token before it, and the initials before it."""
    if place and not tokens[place - 1].has_symbol:
        yield tokens[place - 1].text
    first = place
    while first and tokens[first].is_initial and tokens[first - 1].is_initial:
        first -= 1
    if first < place - 1:
        yield "".join(token.text for token in tokens[first:place])


def encode_word(word: str) -> str:
    """A word as the index has it, truncated; prefixes of words encode to prefixes of this."""
    return (PREFIX + word[:MAX_ENCODED].translate(_ENCODING))[:MAX_ENCODED]


def is_truncated(word: str) -> bool:
    """Whether `encode_word` cuts this word."""
    return len(word) > MAX_ENCODED or len(PREFIX + word.translate(_ENCODING)) > MAX_ENCODED


def search_text(title: str, author: str, isbn: str | None = None) -> str:
    """The encoded words of a book, each after a space.

    Each word is followed by the next without a space, so that "spiderman" is found in "Spider Man".
    Texts with a truncated word are appended verbatim. Words with punctuation are included, because
    the previous release searches for them.
    """
    found: dict[str, None] = {}
    whole: dict[str, None] = {}
    for text in (title, author):
        tokens = words.tokenize(normalize_isbns(text))
        entries = dict.fromkeys(_entries(tokens))
        found |= dict.fromkeys(map(encode_word, entries))
        if any(map(is_truncated, entries)):
            whole["".join(token.text for token in tokens)] = None
            whole |= dict.fromkeys(text for token in tokens for text in token.verbatim[:1])
    if isbn is not None:
        found |= dict.fromkeys(encode_word(number) for number in (isbn, isbn_10(isbn)) if number)
    return _within(MAX_BYTES, [*found, *whole])


def _entries(tokens: list[Token]) -> Iterator[str]:
    """The index entries of tokens: each word with the next one, in each of their forms."""
    with_words = [token for token in tokens if token.text]
    for token, follower in itertools.zip_longest(with_words, with_words[1:]):
        followers = [""] if follower is None else [follower.text]
        if follower is not None and follower.is_conjunction and follower.variant:
            followers.append(follower.variant)
        for after in followers:
            for start in token.word_starts:
                yield token.text[start:] + after
            if token.variant:
                yield token.variant + after
    for token in tokens:
        yield from token.verbatim


def _within(limit: int, found: list[str]) -> str:
    text = ""
    for word in filter(None, found):
        limit -= 1 + len(word.encode("utf-8", "replace"))
        if limit < 0:
            break
        text += f" {word}"
    return text

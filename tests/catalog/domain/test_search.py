"""The spelling of words: the same for every index, and nothing of a word is lost in it."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.catalog.domain import search

words = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1)


@pytest.mark.parametrize(
    ("word", "spelt"),
    [
        ("harry", "__harry"),
        ("1984", "__1984"),
        ("o", "__o"),
        ("quijote", "__quijote"),
        ("c++", "__c_0017_0017"),
        ("楼", "___0ku4"),
    ],
)
def test_a_word_is_spelt_in_letters_and_digits(word: str, spelt: str) -> None:
    """With a mark in front, so that none is too short for an index, or a stop word."""
    assert spelt == search.spelt(word)
    assert re.fullmatch("__[a-z0-9_]+", search.spelt(word))


@given(words, words)
@example("_", "__")
@example("a", "a\u0301")
def test_what_begins_a_word_begins_its_spelling(one: str, other: str) -> None:
    """And nothing else does, so an index that knows spellings only finds the right words."""
    if not (search.is_cut(one) or search.is_cut(other)):
        assert other.startswith(one) == search.spelt(other).startswith(search.spelt(one))
    assert search.spelt(one + other).startswith(search.spelt(one))


@given(words)
def test_a_spelling_is_short_enough_for_innodb(word: str) -> None:
    """It leaves out words of less than 3 and of more than 84 characters."""
    assert 3 <= len(search.spelt(word)) <= search.LONGEST


@given(st.text(max_size=255), st.text(max_size=255))
def test_a_book_is_found_by_its_own_words(title: str, author: str) -> None:
    """As we look for them, and as the release before this one does: anywhere in the text."""
    found_in = search.search_text(title, author)

    for word in (*search.words(title), *search.words(author)):
        assert f" {search.spelt(word)}" in found_in
        assert not search.is_cut(word) or word in found_in
        assert word in found_in


def test_a_text_fits_its_column() -> None:
    """Whatever a title of 255 and an author of 1000 characters become."""
    title = "".join(map(chr, range(0x4E00, 0x4E00 + 255)))
    author = "".join(map(chr, range(0x3300, 0x3358))) * 11

    assert len(search.search_text(title, author).encode()) <= search.MAX_BYTES


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("  Cien   AÑOS  cien", ("cien", "anos")),
        ("J.R.R. (Tolkien),", ("jrr", "tolkien")),
        ("¿Qué? «C++» #1", ("que", "c++", "#1")),
        ("x-men !", ("x-men", "!")),
        (". '", ()),
    ],
)
def test_the_words_of_a_query(query: str, found: tuple[str, ...]) -> None:
    """Each once, and without the punctuation around it."""
    assert found == search.words(query)


@pytest.mark.parametrize(
    ("written", "begun"),
    [
        ("(Mid-Summer,", ["mid-summer", "summer"]),
        ("L’Étranger", ["letranger", "etranger"]),
        ("Philosopher's", ["philosophers"]),
        ("J.R.R.", ["jrr", "rr", "r"]),
        ("#3.5)", ["#3.5", "3.5", "5"]),
        ("wolf_man", ["wolf_man", "man"]),
        ("红楼梦", ["红楼梦", "楼梦", "梦"]),
        ("&", ["&"]),
    ],
)
def test_where_words_begin(written: str, begun: list[str]) -> None:
    """After a space, after punctuation, and anywhere where a script has no spaces."""
    text = search.search_text(written, "")
    spelt = [word for word in text.split() if word.startswith(search.MARK)]

    assert spelt == list(map(search.spelt, begun))


@pytest.mark.parametrize(
    ("books", "found", "with_each", "is_near"),
    [
        (10_000, 0, (34,), False),
        (10_000, 34, (34,), True),
        (10_000, 1, (1,), False),
        (1_000_000, 1, (2,), False),
        (1_000_000, 1, (3,), True),
        (10_000, 6, (34, 34), True),
        (10_000, 5, (34, 34), False),
        (1_000_000, 1, (34, 34), True),
        (1_000_000, 0, (34, 34), False),
        # Of the common word's books, a filter lets few through.
        (10_000, 2, (120,), True),
        (10_000, 1, (120,), False),
    ],
)
def test_the_index_is_asked_where_a_page_is_further_than_its_books(
    books: int, found: int, with_each: tuple[int, ...], is_near: bool
) -> None:
    """200 of the books were looked at; a page of 51 needs 51 * 200 / found of them."""
    assert search.Sample(books, 200, found, with_each).is_page_near(51) == is_near


def test_without_books_there_is_nothing_near() -> None:
    assert not search.Sample(0, 0, 0, (0,)).is_page_near(51)

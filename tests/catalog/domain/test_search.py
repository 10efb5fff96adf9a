"""The spelling of words: the same for every index, and nothing of a word is lost in it."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.catalog.domain import search
from functions.catalog.domain.folding import fold

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


def finds(text: str, query: str) -> bool:
    """Whether a book of this search text is found, as `queries.py` asks a database."""

    def has(word: str) -> bool:
        return f" {search.spelt(word)}" in text and (not search.is_cut(word) or word in text)

    return all(wanted.is_met(has) for wanted in search.wanted(query))


LETTERS = "aeéñ1x楼楽كةابя"
ODD = "-\u2010\u2011\u2013\u2014\u2212'’.,:;!?/&_#+*\u00ad\u200b\u2060"
titles = st.one_of(
    st.text(st.sampled_from(f"{LETTERS}{ODD}  "), max_size=40),
    st.text(max_size=255),
    st.lists(st.sampled_from(["Spider", "Man", "y", "&", "of", "J.", "R.R.", "x-men", "C++"])).map(
        " ".join
    ),
)


def without_punctuation(word: str) -> str:
    """Letters, digits and marks; a letter in a circle is one."""
    return "".join(
        char
        for char in word
        if unicodedata.category(char)[0] == "M" or any(map(str.isalnum, fold(char)))
    )


@given(titles, titles)
@example("Spider-Man", "Moby\u2011Dick")
@example("R&B", "AT&T & Co")
@example("0-321-71411-3", "9780321714114")
@example("L\u2019Étranger", "Rock \u2018n\u2019 Roll")
def test_a_book_is_found_by_each_of_its_words(title: str, author: str) -> None:
    """With the punctuation in and around it and without, whichever dash stands in it."""
    text = search.search_text(title, author)

    for word in (*title.split(), *author.split()):
        assert finds(text, word)
        assert finds(text, without_punctuation(word))
        assert finds(text, re.sub("[\u2010-\u2015\u2212-]", "\u2014", word))
        assert finds(text, "\u00ad".join(word))
    assert finds(text, title)
    assert finds(text, f"{author} {title}")


plain_words = st.from_regex(r"[b-x]{2,8}", fullmatch=True)


@given(st.lists(plain_words, min_size=2, max_size=4), st.lists(plain_words, max_size=2))
def test_one_word_or_several_are_the_same(parts: list[str], around: list[str]) -> None:
    """Joined, with hyphens or with spaces: each finds the other; two spaced words joined too."""
    spaced, hyphens, joined = " ".join(parts), "-".join(parts), "".join(parts)
    for kept in (hyphens, spaced, joined) if len(parts) == 2 else (hyphens, spaced):
        text = search.search_text(" ".join([*around, kept, *around]), "")

        assert finds(text, spaced)
        assert finds(text, hyphens)
        assert finds(text, joined) or (kept == spaced and len(parts) > 2)


@given(st.text("春樹村上ノルウェイの森รักประเทศ", min_size=2, max_size=8), st.data())
def test_blanks_mean_nothing_where_none_are_written(name: str, data: st.DataObject) -> None:
    """A title that has them is found without, and the other way round."""
    place = data.draw(st.integers(1, len(name) - 1))
    blank = f"{name[:place]} {name[place:]}"

    assert finds(search.search_text(blank, ""), name)
    assert finds(search.search_text(name, ""), blank)


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("C", "C++"),
        ("C#", "C++"),
        ("Harry", "harry*"),
        ("15", "1.5"),
        ("1", "#1"),
        ("Man of Spiders", "spiderman"),
        ("Jack of the Box", "jack-in-the-box"),
        ("Spider", "spider-man"),
        ("Harry Potter", "arry"),
    ],
)
def test_other_words_are_not_found(title: str, query: str) -> None:
    assert not finds(search.search_text(title, ""), query)


def test_a_text_fits_its_column() -> None:
    """Whatever a title of 255 and an author of 1000 characters become."""
    title = "".join(map(chr, range(0x4E00, 0x4E00 + 255)))
    author = "".join(map(chr, range(0x3300, 0x3358))) * 11

    assert len(search.search_text(title, author).encode()) <= search.MAX_BYTES


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("  Cien   AÑOS  cien", [[("cien",)], [("anos",), ("cienanos",)]]),
        ("J.R.R. (Tolkien),", [[("jrr",), ("jr", "rr")], [("tolkien",), ("jrrtolkien",)]]),
        ("«C++» #1", [[("c++",)], [("#1",)]]),
        ("x-men !", [[("xmen",), ("x-men",)]]),
        ("!", [[("!",)]]),
        ("a & b", [[("a",)], [("and",), ("&",)], [("b",), ("andb",)]]),
        (". '", []),
    ],
)
def test_what_a_query_wants(query: str, found: list[list[tuple[str, ...]]]) -> None:
    """One thing a word, in each way in which a book may have it."""
    assert [list(wanted.any_of) for wanted in search.wanted(query)][: len(found)] == found


@pytest.mark.parametrize(
    ("written", "begun"),
    [
        ("(Mid-Summer,", ["midsummer", "summer", "mid-summer"]),
        ("L’Étranger", ["letranger", "etranger"]),
        ("Philosopher's", ["philosophers"]),
        ("J. R.R.", ["jrr", "rr", "r"]),
        ("#3.5)", ["35", "5", "#3.5", "3.5"]),
        ("wolf_man", ["wolfman", "man", "wolf_man"]),
        ("红 楼梦", ["红楼梦", "楼梦", "梦"]),
        ("Spider Man", ["spiderman", "man"]),
        ("&", ["and", "&"]),
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

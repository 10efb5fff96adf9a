"""The spelling of words: the same for every index, and nothing of a word is lost in it."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.catalog.search import terms
from functions.catalog.search.folding import fold

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
def test_a_word_is_encoded_in_letters_and_digits(word: str, spelt: str) -> None:
    """The prefix makes every word long enough for an index and no stop word."""
    assert spelt == terms.encode_word(word)
    assert re.fullmatch("__[a-z0-9_]+", terms.encode_word(word))


@given(words, words)
@example("_", "__")
@example("a", "a\u0301")
def test_the_encoding_keeps_prefixes(one: str, other: str) -> None:
    """A word begins with another if and only if its encoding begins with the other's."""
    if not (terms.is_truncated(one) or terms.is_truncated(other)):
        assert other.startswith(one) == terms.encode_word(other).startswith(terms.encode_word(one))
    assert terms.encode_word(one + other).startswith(terms.encode_word(one))


@given(words)
def test_an_encoded_word_has_a_length_that_innodb_indexes(word: str) -> None:
    """InnoDB ignores words of less than 3 and of more than 84 characters."""
    assert 3 <= len(terms.encode_word(word)) <= terms.MAX_ENCODED


def finds(text: str, query: str) -> bool:
    """Whether a book of this search text is found, as `queries.py` asks a database."""

    def has_prefix(word: str) -> bool:
        return f" {terms.encode_word(word)}" in text and (
            not terms.is_truncated(word) or word in text
        )

    return all(term.matches(has_prefix) for term in terms.query_terms(query))


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
    """With or without punctuation, with any kind of dash, and with invisible characters."""
    text = terms.search_text(title, author)

    for word in (*title.split(), *author.split()):
        assert finds(text, word)
        assert finds(text, without_punctuation(word))
        assert finds(text, re.sub("[\u2010-\u2015\u2212-]", "\u2014", word))
        assert finds(text, "\u00ad".join(word))
    assert finds(text, title)
    assert finds(text, f"{author} {title}")


plain_words = st.from_regex(r"[b-x]{2,8}", fullmatch=True)


@given(st.lists(plain_words, min_size=2, max_size=4), st.lists(plain_words, max_size=2))
def test_hyphenated_spaced_and_joined_words_match(parts: list[str], around: list[str]) -> None:
    """Hyphenated and spaced words find each other; two spaced words also match joined."""
    spaced, hyphens, joined = " ".join(parts), "-".join(parts), "".join(parts)
    for kept in (hyphens, spaced, joined) if len(parts) == 2 else (hyphens, spaced):
        text = terms.search_text(" ".join([*around, kept, *around]), "")

        assert finds(text, spaced)
        assert finds(text, hyphens)
        assert finds(text, joined) or (kept == spaced and len(parts) > 2)


@given(st.text("春樹村上ノルウェイの森รักประเทศ", min_size=2, max_size=8), st.data())
def test_spaces_are_ignored_in_scripts_without_spaces(name: str, data: st.DataObject) -> None:
    """Spaces are ignored in scripts that are written without them."""
    place = data.draw(st.integers(1, len(name) - 1))
    blank = f"{name[:place]} {name[place:]}"

    assert finds(terms.search_text(blank, ""), name)
    assert finds(terms.search_text(name, ""), blank)


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
    """Symbols, word order and beginnings of words distinguish a book from others."""
    assert not finds(terms.search_text(title, ""), query)


def test_a_text_fits_its_column() -> None:
    """The longest title and author stay within the column."""
    title = "".join(map(chr, range(0x4E00, 0x4E00 + 255)))
    author = "".join(map(chr, range(0x3300, 0x3358))) * 11

    assert len(terms.search_text(title, author).encode()) <= terms.MAX_BYTES


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
def test_the_terms_of_a_query(query: str, found: list[list[tuple[str, ...]]]) -> None:
    """A query has one term per word, with the alternatives that match it."""
    assert [list(term.alternatives) for term in terms.query_terms(query)][: len(found)] == found


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
    """A word begins after a space, after punctuation, and anywhere in scripts without spaces."""
    text = terms.search_text(written, "")
    spelt = [word for word in text.split() if word.startswith(terms.PREFIX)]

    assert spelt == list(map(terms.encode_word, begun))

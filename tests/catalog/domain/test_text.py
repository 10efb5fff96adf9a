import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain import text

lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=120)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("  Cien   AÑOS  ", "cien anos"),
        ("Gabriel García Márquez", "gabriel garcia marquez"),
        ("Søren Kierkegaard", "soren kierkegaard"),
        ("Stanisław Lem", "stanislaw lem"),
        ("STRASSE straße", "strasse strasse"),
        ("Œuvres ﬁn", "oeuvres fin"),
        ("İstanbul", "istanbul"),
    ],
)
def test_accents_and_case_do_not_count(written: str, folded: str) -> None:
    assert text.fold(written) == folded


@given(st.text())
def test_folding_twice_is_folding_once(written: str) -> None:
    assert text.fold(text.fold(written)) == text.fold(written)


@given(st.text())
def test_case_never_counts(written: str) -> None:
    """Where Unicode has an upper and a lower form of the same letters."""
    if written.upper().casefold() == written.casefold():
        assert text.fold(written.upper()) == text.fold(written)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("J.R.R. Tolkien", "jrr tolkien"),
        ("Sorcerer’s Stone", "sorcerers stone"),
        ("Kate Daniels, #3.5", "kate daniels, #3.5"),
        ("C++", "c++"),
    ],
)
def test_what_nobody_types_is_left_out(written: str, found: str) -> None:
    assert text.searchable(written) == found


def test_books_of_one_number_are_not_those_of_another() -> None:
    """A dot between digits counts."""
    assert text.match_key("Vol. 1.5", "A") != text.match_key("Vol. 15", "A")
    assert text.match_key("Él", "Ñ") == text.match_key("EL", "n")
    assert text.match_key("a b", "c") != text.match_key("a", "b c")


@given(lines, lines)
def test_titles_sort_by_their_letters_first(one: str, other: str) -> None:
    """What is added to tell equal ones apart never counts before the letters do."""
    first, second = (text.title_order(title, "").rstrip("\x1f") for title in (one, other))

    if first != second:
        order = text.title_order(one, "z") < text.title_order(other, "a")
        assert order == (first < second)


@given(st.integers(0, 10**11), st.integers(0, 10**11))
def test_prices_sort_as_numbers(one: int, other: int) -> None:
    order = text.price_order(one, "a") < text.price_order(other, "a")

    assert order == (one < other)


def test_the_people_of_an_author_field() -> None:
    assert text.names("J.K. Rowling, Mary GrandPré & Ana; ") == (
        "jk rowling",
        "mary grandpre",
        "ana",
    )

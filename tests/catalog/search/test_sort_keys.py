from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.search import sort_keys

lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=120)


@given(lines, lines)
def test_titles_sort_by_their_letters_first(one: str, other: str) -> None:
    """The suffix that makes keys unique never decides between different titles."""
    first, second = (sort_keys.title_order(title, "").rstrip("\x1f") for title in (one, other))

    if first != second:
        order = sort_keys.title_order(one, "z") < sort_keys.title_order(other, "a")
        assert order == (first < second)


@given(st.integers(0, 10**11), st.integers(0, 10**11))
def test_prices_sort_as_numbers(one: int, other: int) -> None:
    """The sort keys of two prices compare as the prices do."""
    order = sort_keys.price_order(one, "a") < sort_keys.price_order(other, "a")

    assert order == (one < other)


SORTED = [
    "!!!",
    "100 Years",
    "1984",
    "20.000 leguas de viaje submarino",
    "20,001 Leagues",
    "A is for Alibi",
    "A-Z of Birds",
    "Ábaco",
    "El amor",
    "An Apple",
    "«La casa»",
    "Catch-22",
    "Los de abajo",
    "The Hobbit",
    "Lo que el viento se llevó",
    "The",
    "Vol. 2",
    "Vol. 2.9",
    "Vol. 2.10",
    "Vol. 10",
    "War & Peace, 1",
    "War and Peace, 2",
]


def test_titles_sort_by_library_rules() -> None:
    """Leading articles and punctuation are ignored, and numbers compare by value."""
    shuffled = [*SORTED[1::2], *SORTED[::2]]

    assert sorted(shuffled, key=lambda title: sort_keys.title_order(title, "")) == SORTED
    assert sort_keys.title_order("Unit 007", "") == sort_keys.title_order("unit 7", "")


@given(st.integers(0, 10**30), st.integers(0, 10**30), lines)
def test_numbers_in_titles_sort_as_numbers(one: int, other: int, before: str) -> None:
    """The sort keys of two titles compare as the numbers in them do, within the key's length."""
    keys = [sort_keys.title_order(f"x{before[:20]} {number}", "") for number in (one, other)]

    assert (keys[0] < keys[1]) == (one < other)
    assert all(len(key) <= sort_keys.KEY_LENGTH + 1 for key in keys)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.search.folding import fold


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
def test_accents_and_case_are_folded(written: str, folded: str) -> None:
    """Letters without a decomposition, such as ø and ł, are folded too."""
    assert fold(written) == folded


@given(st.text())
def test_folding_is_idempotent(written: str) -> None:
    """A folded text folds to itself."""
    assert fold(fold(written)) == fold(written)


@given(st.text())
def test_case_is_folded(written: str) -> None:
    """Upper and lower case fold alike where Unicode has both."""
    if written.upper().casefold() == written.casefold():
        assert fold(written.upper()) == fold(written)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("كتـــاب", "كتاب"),
        ("مكتبة", "مكتبه"),
        ("إسلام أحمد آدم ٱلله", "اسلام احمد ادم الله"),
        ("على", "علي"),
        ("كِتَابٌ", "كتاب"),
        ("کتاب‌ها ی", "كتابها ي"),
        ("٣ ۴ ५", "3 4 5"),
        ("soft\u00adhy\u200bphen\ufeff", "softhyphen"),
        ("a\u2010b\u2011c\u2012d\u2013e\u2014f\u2015g\u2212h\ufe63i\uff0dj", "a-b-c-d-e-f-g-h-i-j"),
        ("l\u2019a l\u2018a l\u02bca l`a", "l'a l'a l'a l'a"),
        ("①②", "12"),
        ("½", "1/2"),
    ],
)
def test_variants_of_a_character_fold_alike(one: str, other: str) -> None:
    """Arabic letters fold as in Lucene; dashes, apostrophes and digits of all kinds fold alike."""
    assert fold(one) == fold(other)


@given(st.text())
def test_format_characters_are_removed(written: str) -> None:
    """Soft hyphens and joiners between letters do not change the folded text."""
    inside = "\u00ad".join(f"\u200d{char}" for char in written)

    assert fold(inside) == fold(written)

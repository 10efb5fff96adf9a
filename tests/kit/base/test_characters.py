"""What a reader cannot see."""

import pytest
from hypothesis import given

from functions.kit.base.characters import is_visible
from tests.support import unseen


@given(unseen.texts())
def test_text_of_invisible_characters_is_not_visible(nothing: str) -> None:
    """Spaces, format characters, marks and fillers are invisible until a letter is added."""
    assert not is_visible(nothing)
    assert is_visible(f"{nothing}!{nothing}")
    assert is_visible(f"{nothing}ñ{nothing}")


@pytest.mark.parametrize("nothing", ["", " ", "\u2065", "\ufff0", "\U000e0fff", "\ud800"], ids=repr)
def test_reserved_code_points_and_lone_surrogates_are_not_visible(nothing: str) -> None:
    """Unicode reserves some for more characters that render nothing."""
    assert not is_visible(nothing)


@pytest.mark.parametrize("word", unseen.IN_WORDS)
def test_a_word_with_joiners_and_marks_is_visible(word: str) -> None:
    """Persian, Indian scripts and emoji need them."""
    assert is_visible(word)

import pytest

from functions.catalog.domain.characters import is_visible


@pytest.mark.parametrize(
    "nothing", ["", " ", "\u00ad", "\u200b\u200e", "\u3164", "\u2800", "\u0301", "\ufe0f", "\u3000"]
)
def test_text_of_invisible_characters_is_not_visible(nothing: str) -> None:
    """Spaces, format characters and combining marks are invisible until a letter is added."""
    assert not is_visible(nothing)
    assert is_visible(f"{nothing}!{nothing}")

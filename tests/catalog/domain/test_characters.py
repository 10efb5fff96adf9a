import pytest

from functions.catalog.domain.characters import is_visible


@pytest.mark.parametrize(
    "nothing", ["", " ", "\u00ad", "\u200b\u200e", "\u3164", "\u2800", "\u0301", "\ufe0f", "\u3000"]
)
def test_what_shows_nothing(nothing: str) -> None:
    assert not is_visible(nothing)
    assert is_visible(f"{nothing}!{nothing}")

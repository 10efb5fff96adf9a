"""Texts to search for: one line, and otherwise as they were typed."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.domain.search_texts import one_line


@given(st.text())
def test_any_text_is_one_line(typed: str) -> None:
    """Without control characters, which the services refuse; a second time nothing changes."""
    line = one_line(typed)

    assert "Cc" not in map(unicodedata.category, line)
    assert line == " ".join(line.split())
    assert one_line(line) == line


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=1)))
def test_words_stay_as_they_were_typed(words: list[str]) -> None:
    """With the characters that join and direct them, whatever divides the words."""
    assert one_line("\t".join(words)) == one_line("\u2003 \x00".join(words)) == " ".join(words)

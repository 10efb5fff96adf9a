"""Codes and names of languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.domain.languages import parse_language, parse_named_language


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("es", "es"), ("ES", "es"), ("eng", "en"), ("en-US", "en"), ("pt_BR", "pt"),
        ("zh-Hant-TW", "zh"), ("fre", "fr"), ("fra", "fr"), ("per", "fa"), ("nor", "no"),
        ("mul", "mul"), ("fil", "fil"), ("quc", "quc"), ("iw", "he"), (" en ", "en"),
    ],
)  # fmt: skip
def test_a_tag_is_read_as_its_code(written: str, code: str) -> None:
    """Two letters where there are such; regions and scripts are dropped."""
    assert parse_language(written) == code


@pytest.mark.parametrize("written", ["", "e", "english", "e1", "xx", "zzz", "en-", "-", "en US"])
def test_what_is_no_tag_is_refused(written: str) -> None:
    """So are well-formed codes that no language has."""
    with pytest.raises(ValueError, match="ISO 639"):
        parse_language(written)


@pytest.mark.parametrize(
    ("written", "code"),
    [("English", "en"), ("inglés", "en"), ("Español", "es"), ("castellano", "es"),
     ("FRENCH", "fr"), ("alemán", "de"), ("eng", "en")],
)  # fmt: skip
def test_a_file_may_have_a_name(written: str, code: str) -> None:
    """In Spanish or in English, in any case."""
    assert parse_named_language(written) == code


@given(st.text(max_size=200))
def test_any_text_is_a_code_or_refused(written: str) -> None:
    """A code reads as itself."""
    try:
        code = parse_named_language(written)
    except ValueError:
        return

    assert parse_language(code) == code

"""Texts are Spanish, unless the request prefers English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.errors import Text
from functions.kit.base.language import LANGUAGES, localized, preferred


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("", "es"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("es-CO,en;q=0.8", "es"),
        ("en;q=0.8, es;q=0.9", "es"),
        ("es;q=0.8, en;q=0.9", "en"),
        ("de, en;q=0.5", "en"),
        ("de, fr;q=0.5", "es"),
        ("*", "es"),
        ("en;q=0", "es"),
        ("es;q=0, en;q=0.1", "en"),
        ("en;Q=0.1, es;q=0.2", "es"),
        ("en; q=0.9, es;q=0.8", "en"),
        ("en;q=nan", "es"),
        ("en;q=inf", "es"),
        ("en;q=1e9", "es"),
        ("en;q=-1", "es"),
        ("en;q=2, es;q=0.1", "es"),
        ("en;q=0.1, *;q=0.5", "es"),
        ("es;q=0, *", "en"),
        ("es;q=0.2, *;q=0.1", "es"),
        ("*;q=0, en", "en"),
        ("en, es", "en"),
        ("es;q=0", "es"),
    ],
)
def test_the_best_of_the_shops_languages_is_chosen(header: str | None, language: str) -> None:
    """By RFC 9110, section 12.5.4; what is no quality is passed over."""
    assert preferred(header) == language


_ranges = st.tuples(
    st.sampled_from(["es", "es-CO", "en", "EN-gb", "fr", "*"]),
    st.sampled_from(["", ";q=0", ";q=0.001", ";q=0.5", "; q=0.9", ";Q=1.000"]),
)


@given(st.lists(_ranges, max_size=8))
def test_no_other_language_of_the_shop_is_wanted_more(ranges: list[tuple[str, str]]) -> None:
    """A language has the best quality of what names it; otherwise, that of `*`."""
    chosen = preferred(", ".join(name + quality for name, quality in ranges))

    def wanted(language: str) -> float:
        named = [_quality(each) for name, each in ranges if name[:2].lower() == language]
        others = [_quality(each) for name, each in ranges if name == "*"]
        return max(named or others, default=0.0)

    assert wanted(chosen) == max(map(wanted, LANGUAGES))
    assert wanted(chosen) or chosen == "es"


def _quality(text: str) -> float:
    return float(text.lower().partition("q=")[2] or 1)


@given(st.text(max_size=300))
def test_any_header_chooses_one_of_the_shops_languages(header: str) -> None:
    """No header is a reason to fail."""
    assert preferred(header) in LANGUAGES


def test_a_text_is_said_in_the_language_of_the_request() -> None:
    """The original's Spanish where nothing is asked for."""
    text = Text("Compra creada", "Purchase created")

    assert [localized(headers, text) for headers in ({}, {"accept-language": "en"})] == [
        "Compra creada",
        "Purchase created",
    ]

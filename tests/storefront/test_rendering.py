"""Amounts, moments and parts of pages as CLDR and the templates write them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from functions.storefront.countries import CODES, countries, country_name
from functions.storefront.rendering import KEPT, environment, kept, moment, money, status_kind


@pytest.mark.parametrize(
    ("currency", "language", "shown"),
    [
        ("USD", "en", "$1,234.50"),
        ("USD", "es", "USD\N{NO-BREAK SPACE}1,234.50"),
        ("EUR", "en", "€1,234.50"),
        ("COP", "en", "COP\N{NO-BREAK SPACE}1,234.50"),
    ],
)
def test_a_code_does_not_touch_its_digits(currency: str, language: str, shown: str) -> None:
    """CLDR's currencySpacing; a sign stands beside them."""
    assert money(Decimal("1234.5"), currency, language) == shown


def test_a_moment_has_its_day_its_minute_and_its_zone() -> None:
    at = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)

    assert moment(at, "en").replace("\N{NARROW NO-BREAK SPACE}", " ") == "Mar 14, 2026, 9:26 AM UTC"
    assert moment(at, "es").startswith("14 mar 2026, 9:26")


def test_a_country_has_a_name_in_each_language() -> None:
    """A code that CLDR does not know stays a code."""
    assert country_name("DE", "es") == "Alemania"
    assert country_name("XX", "en") == "XX"
    assert {len(countries(language)) for language in ("es", "en")} == {len(CODES)}


def test_states_are_told_apart_by_more_than_their_words() -> None:
    assert [status_kind(each) for each in ("Paid", "Cancelled", "Pending Payment")] == [
        "good",
        "bad",
        "",
    ]


class Visit:
    def __init__(self, language: str) -> None:
        self.language = language


def test_a_part_is_rendered_once_for_a_subject_and_a_language() -> None:
    """And the oldest part goes where there are too many."""
    template = environment("en").from_string(
        "{% macro part(visit, subject) %}{{ visit.language }} <{{ subject }}>{% endmacro %}"
    )
    macro = template.module.part  # type: ignore[attr-defined]
    texts = [kept(macro, Visit(language), "a&b") for language in ("en", "es", "en")]
    for number in range(KEPT):
        kept(macro, Visit("en"), number)

    assert texts == ["en <a&amp;b>", "es <a&amp;b>", "en <a&amp;b>"]
    assert kept(macro, Visit("en"), "a&b") is not texts[0]

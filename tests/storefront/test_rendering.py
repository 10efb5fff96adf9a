"""Amounts, moments and parts of pages as CLDR and the templates write them."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from functions.kit.base.countries import country_name
from functions.storefront.countries import CODES, countries
from functions.storefront.covers import cover
from functions.storefront.rendering import (
    KEPT,
    category_name,
    duration,
    environment,
    kept,
    moment,
    money,
    sentence,
    status_kind,
    try_again,
)


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
    """2026-03-14 09:26:53 UTC is written without seconds, in English and in Spanish."""
    at = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)

    assert moment(at, "en").replace("\N{NARROW NO-BREAK SPACE}", " ") == "Mar 14, 2026, 9:26 AM UTC"
    assert moment(at, "es").startswith("14 mar 2026, 9:26")


@pytest.mark.parametrize(
    ("seconds", "english", "spanish"),
    [
        (0.4251, "0.43\N{NO-BREAK SPACE}s", "0.43\N{NO-BREAK SPACE}s"),
        (59, "59 seconds", "59 segundos"),
        (1500, "25 minutes", "25 minutos"),
        (3 * 86400, "3 days", "3 días"),
    ],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, english: str, spanish: str) -> None:
    """Below ten seconds with two decimals, as for a start."""
    assert (duration(seconds, "en"), duration(seconds, "es")) == (english, spanish)


def test_a_country_has_a_name_in_each_language() -> None:
    """A code that CLDR does not know stays a code."""
    assert country_name("DE", "es") == "Alemania"
    assert country_name("XX", "en") == "XX"
    assert {len(countries(language)) for language in ("es", "en")} == {len(CODES)}


def test_states_are_told_apart_by_more_than_their_words() -> None:
    """`status_kind` gives paid, cancelled and unpaid purchases different CSS classes."""
    assert [status_kind(each) for each in ("Paid", "Cancelled", "Pending Payment")] == [
        "good",
        "bad",
        "",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1, "Try again in 1 second."),
        (90, "Try again in 90 seconds."),
        (91, "Try again in 2 minutes."),
        (898, "Try again in 15 minutes."),
    ],
)
def test_a_long_wait_is_told_in_minutes(seconds: int, shown: str) -> None:
    """Rounded up: who waits that long is not refused again."""
    assert try_again(seconds, "en") == shown


def test_a_wait_is_told_in_the_readers_language() -> None:
    """600 seconds are written as 10 minutes, in a Spanish sentence."""
    assert try_again(600, "es") == "Inténtelo de nuevo en 10 minutos."


def test_a_message_of_a_service_is_shown_as_a_sentence() -> None:
    """Services write them to follow the name of the field."""
    assert sentence("must not be empty") == "Must not be empty."
    assert sentence("Write an amount such as 12.50.") == "Write an amount such as 12.50."
    assert sentence("¿algo?") == "¿algo?"


def test_a_known_category_has_a_name_in_each_language() -> None:
    """Any other one is shown as catalog has it, also where its name is a text of the pages."""
    assert category_name("Novel", "es") == "Novela"
    assert category_name("Novel", "en") == "Novel"
    assert category_name("Cart", "es") == "Cart"


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


def test_each_line_of_a_cover_has_the_direction_of_its_letters() -> None:
    """Its first strong letter decides (UAX #9); controls that anybody may type are left out."""
    drawn = cover(1, "שלום! (2)\u202e", "עמוס עוז, תשע.")

    assert re.findall("<tspan[^>]*>(.*?)</tspan>", drawn) == [
        "\u2068שלום! (2)\u2069",
        "\u2068עמוס עוז, תשע.\u2069",
    ]

"""Year, language and rating of a file's record."""

from typing import Any

import pytest

from functions.catalog.importing.facts import FACTS, read_facts

EMPTY = dict.fromkeys(FACTS, "")


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("year", "1967", 1967),
        ("year", "2008.0", 2008),
        ("year", "-750.0", -750),
        ("year", "\u2212750", -750),
        ("year", "750 a. C.", -750),
        ("year", "44 BCE", -44),
        ("year", "'1967", 1967),
        ("language", "en-US", "en"),
        ("language", "Inglés", "en"),
        ("external_rating_hundredths", "4.34", 434),
        ("external_rating_hundredths", "4,3", 430),
        ("external_rating_hundredths", "5", 500),
        ("external_ratings_count", "4780653", 4780653),
    ],
)
def test_a_cell_is_read_as_people_write_it(name: str, cell: str, value: Any) -> None:
    """Spreadsheets make decimals of years."""
    assert read_facts({**EMPTY, name: cell}, None) == ({name: value}, ())


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("year", "0"),
        ("year", "c. 1850"),
        ("year", "3000"),
        ("year", "-750 BC"),
        ("year", "1967.5"),
        ("language", "Klingonese"),
        ("external_rating_hundredths", "5.01"),
        ("external_rating_hundredths", "4.345"),
        ("external_rating_hundredths", "-1"),
        ("external_ratings_count", "1.5"),
        ("external_ratings_count", "many"),
    ],
)
def test_a_cell_that_cannot_be_read_is_left_out_with_a_warning(name: str, cell: str) -> None:
    """The warning names the field and what was written, so that the book is still sold."""
    facts, warnings = read_facts({**EMPTY, name: cell}, None)

    assert facts == {}
    assert [warning.field for warning in warnings] == [name]
    assert cell in str(warnings[0].message)

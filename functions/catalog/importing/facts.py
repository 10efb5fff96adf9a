"""Parses what a file says about a book that no sale depends on: year, language and rating.

A value that cannot be read is left out with a warning, so that the book is still sold.
"""

import re
from collections.abc import Callable, Mapping

from functions.catalog.domain.books import (
    MAX_RATING,
    MAX_RATINGS,
    checked_year,
    whole_number,
)
from functions.catalog.domain.field_checks import reason
from functions.catalog.domain.languages import parse_named_language
from functions.catalog.importing.numbers import DecimalSign, parse_number
from functions.kit.base.characters import plain
from functions.kit.base.errors import FieldError, Text
from functions.kit.base.language import in_language

NO_YEAR = Text("debe ser un año, como 1967 o -750", "must be a year, such as 1967 or -750")
NO_RATING = Text(
    f"debe ser una calificación de 0 a {MAX_RATING // 100} con dos decimales como máximo",
    f"must be a rating from 0 to {MAX_RATING // 100} with at most two decimals",
)

_YEAR = re.compile(
    r"(?P<minus>[-\u2212\u2013])?\s*(?P<year>[0-9]{1,4})(?:[.,]0+)?"
    r"\s*(?P<era>a\.?\s?c\.?|a\.?\s?e\.?\s?c\.?|b\.?\s?c\.?(?:\s?e\.?)?)?",
    re.IGNORECASE,
)
"""Spreadsheets turn a column of years with gaps into decimals: 2008.0."""


def _year(cell: str, decimal: DecimalSign | None) -> int:
    del decimal
    found = _YEAR.fullmatch(plain(cell[:40]).strip())
    if found is None or (found["minus"] and found["era"]):
        raise ValueError(NO_YEAR)
    year = int(found["year"])
    return checked_year(-year if found["minus"] or found["era"] else year)


def _language(cell: str, decimal: DecimalSign | None) -> str:
    del decimal
    return parse_named_language(cell)


def _rating(cell: str, decimal: DecimalSign | None) -> int:
    hundredths = parse_number(cell, decimal) * 100
    if hundredths % 1 or hundredths > MAX_RATING:
        raise ValueError(NO_RATING)
    return int(hundredths)


def _ratings_count(cell: str, decimal: DecimalSign | None) -> int:
    number = parse_number(cell, decimal)
    if number % 1 or number > MAX_RATINGS:
        return whole_number(-1, MAX_RATINGS)
    return int(number)


FACTS: Mapping[str, Callable[[str, DecimalSign | None], str | int]] = {
    "year": _year,
    "language": _language,
    "external_rating_hundredths": _rating,
    "external_ratings_count": _ratings_count,
}


def read_facts(
    found: Mapping[str, str], decimal: DecimalSign | None
) -> tuple[dict[str, str | int], tuple[FieldError, ...]]:
    """The values of the cells that could be read, and a warning for each that could not.

    `found` has the cell of each field, empty where the file has none.
    """
    facts: dict[str, str | int] = {}
    warnings: list[FieldError] = []
    for name, parse in FACTS.items():
        cell = found[name].lstrip("'")
        if not cell:
            continue
        try:
            facts[name] = parse(cell, decimal)
        except ValueError as error:
            warnings.append(FieldError(name, _left_out(cell, error)))
    return facts, tuple(warnings)


def _left_out(cell: str, error: ValueError) -> Text:
    written, why = cell[:40], reason(error)
    return Text(
        f"no se tomó: {written} {in_language('es', why)}",
        f"left out: {written} {in_language('en', why)}",
    )

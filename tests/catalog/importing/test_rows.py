from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.importing.csv_records import Record
from functions.catalog.importing.rows import Columns, Defaults, ImportRow, RefusedRow

HEADER = Record(1, ["title", "author", "price", "stock", "isbn", "isbn13"])
DEFAULTS = Defaults()


def row(*cells: str) -> ImportRow | RefusedRow:
    return Columns.from_header(HEADER, DEFAULTS).read(Record(2, list(cells)), DEFAULTS)


@pytest.mark.parametrize(
    ("cell", "minor"),
    [
        ("12.5", 1250),
        ("12,50", 1250),
        ("0", 0),
        ("1000000000", 10**11),
        ("1.234,50", 123450),
        ("$5", 500),
    ],
)
def test_a_price_is_read_into_minor_units(cell: str, minor: int) -> None:
    """With either decimal sign, with thousands separators or a currency sign."""
    read = row("t", "a", cell, "", "", "")

    assert isinstance(read, ImportRow)
    assert read.details.price_minor == minor


@pytest.mark.parametrize(
    "cell",
    ["", "free", "1,234", "7.000", "-1", "1e3", "NaN", "1000000000.01", "٣", "1.005", "1.2.3"],
)
def test_an_invalid_or_ambiguous_price_refuses_the_row(cell: str) -> None:
    """The refusal names the price alone."""
    read = row("t", "a", cell, "", "", "")

    assert isinstance(read, RefusedRow)
    assert [error.field for error in read.errors] == ["price"]


def test_the_isbn_13_column_precedes_the_isbn_10_column() -> None:
    """Of two ISBN columns the one of thirteen digits counts."""
    read = row("t", "a", "1", "", "0439023483", "9780439554930")

    assert isinstance(read, ImportRow)
    assert read.details.isbn == "9780439554930"


def test_a_readable_isbn_replaces_an_unreadable_one() -> None:
    """A second ISBN column is read where the first is damaged, without a warning."""
    read = row("t", "a", "1", "", "439023483", "9.78043902348e+12")

    assert isinstance(read, ImportRow)
    assert (read.details.isbn, read.warnings) == ("9780439023481", ())


def test_only_filled_cells_are_given() -> None:
    """A default counts as no value of the file."""
    read = Columns.from_header(HEADER, Defaults(Decimal(5))).read(
        Record(2, ["t", "a", "", "3", "", ""]), Defaults(Decimal(5))
    )

    assert isinstance(read, ImportRow)
    assert read.given == {"title", "author"}
    assert (read.details.price_minor, read.stock) == (500, 3)


@given(st.lists(st.text(max_size=40), min_size=6, max_size=6))
def test_any_cells_are_a_row_or_a_refusal(cells: list[str]) -> None:
    """Any cells give a row or a refusal with reasons."""
    read = row(*cells)

    assert isinstance(read, ImportRow) or all(error.message for error in read.errors)

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
def test_prices(cell: str, minor: int) -> None:
    read = row("t", "a", cell, "", "", "")

    assert isinstance(read, ImportRow)
    assert read.details.price_minor == minor


@pytest.mark.parametrize(
    "cell",
    ["", "free", "1,234", "7.000", "-1", "1e3", "NaN", "1000000000.01", "٣", "1.005", "1.2.3"],
)
def test_what_is_no_price(cell: str) -> None:
    read = row("t", "a", cell, "", "", "")

    assert isinstance(read, RefusedRow)
    assert [error.field for error in read.errors] == ["price"]


def test_thirteen_digits_go_before_ten() -> None:
    read = row("t", "a", "1", "", "0439023483", "9780439554930")

    assert isinstance(read, ImportRow)
    assert read.details.isbn == "9780439554930"


def test_an_isbn_that_is_whole_is_taken_where_the_other_is_not() -> None:
    read = row("t", "a", "1", "", "439023483", "9.78043902348e+12")

    assert isinstance(read, ImportRow)
    assert (read.details.isbn, read.warnings) == ("9780439023481", ())


def test_only_what_is_filled_is_said() -> None:
    read = Columns.from_header(HEADER, Defaults(Decimal(5))).read(
        Record(2, ["t", "a", "", "3", "", ""]), Defaults(Decimal(5))
    )

    assert isinstance(read, ImportRow)
    assert read.given == {"title", "author"}
    assert (read.details.price_minor, read.stock) == (500, 3)


@given(st.lists(st.text(max_size=40), min_size=6, max_size=6))
def test_no_cells_surprise(cells: list[str]) -> None:
    """A book, or reasons."""
    read = row(*cells)

    assert isinstance(read, ImportRow) or all(error.message for error in read.errors)

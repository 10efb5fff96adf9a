import contextlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import isbn as stdnum

from functions.catalog.domain.isbn import (
    isbn_10,
    normalize_isbns,
    parse_isbn,
    parse_spreadsheet_isbn,
)

digits = st.integers(min_value=1, max_value=10**9 - 1).map(lambda number: f"{number:09d}")
starting_like_a_label = st.builds(
    "{}{}".format, st.sampled_from(["10", "13"]), st.from_regex("[0-9]{7}", fullmatch=True)
)


def isbn10(nine: str) -> str:
    """With its check digit, computed from the left as the manual does."""
    check = sum(position * int(digit) for position, digit in enumerate(nine, 1)) % 11
    return nine + ("X" if check == 10 else str(check))


def test_known_isbns() -> None:
    """The manual's own example, and one that ends with X."""
    assert parse_isbn("978-92-95055-02-5") == "9789295055025"
    assert parse_isbn("0-8044-2957-X") == parse_isbn("080442957x") == "9780804429573"
    assert parse_isbn("979\u201010\u201090636\u201007\u20101") == "9791090636071"


@given(digits)
def test_ten_digits_become_thirteen_that_are_valid(nine: str) -> None:
    """The result has the prefix 978, and parses to itself."""
    thirteen = parse_isbn(isbn10(nine))

    assert thirteen[:12] == "978" + nine
    assert parse_isbn(thirteen) == thirteen


@given(digits, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_detected(nine: str, place: int, off: int) -> None:
    """The check digit detects any single changed digit."""
    thirteen = parse_isbn(isbn10(nine))
    digit = str((int(thirteen[place]) + off) % 10)
    wrong = thirteen[:place] + digit + thirteen[place + 1 :]

    with pytest.raises(ValueError, match=r"ISBN|check digit"):
        parse_isbn(wrong)


@given(digits)
def test_leading_zeros_that_a_spreadsheet_removed_are_restored(nine: str) -> None:
    """Up to three leading zeros are restored; a shorter number is no ISBN."""
    ten = isbn10("000" + nine[3:])
    shortened = ten.lstrip("0")
    if len(shortened) < 7:
        with pytest.raises(ValueError, match="10 or 13"):
            parse_spreadsheet_isbn(shortened)
    else:
        assert parse_spreadsheet_isbn(shortened) == parse_isbn(ten)


@given(digits)
def test_an_isbn_that_a_spreadsheet_made_a_float_is_read(nine: str) -> None:
    """A trailing `.0` is removed."""
    thirteen = parse_isbn(isbn10(nine))

    assert parse_spreadsheet_isbn(f"{thirteen}.0") == thirteen


@pytest.mark.parametrize("text", ["9.78043902348e+12", "9,78043902348E+12", "4.39E+08"])
def test_scientific_notation_is_refused(text: str) -> None:
    """Its last digits are lost, so it names no single book."""
    with pytest.raises(ValueError, match="scientific"):
        parse_spreadsheet_isbn(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Any text parses to thirteen digits or raises `ValueError`."""
    for parse in (parse_isbn, parse_spreadsheet_isbn):
        with contextlib.suppress(ValueError):
            assert re.fullmatch("97[89][0-9]{10}", parse(text))


@pytest.mark.parametrize("text", ["", "0", "0000000000", "1234567890123", "97804390234811"])
def test_other_numbers_are_no_isbn(text: str) -> None:
    """Neither zeros, nor thirteen digits of another prefix, nor fourteen digits are an ISBN."""
    with pytest.raises(ValueError, match="10 or 13"):
        parse_spreadsheet_isbn(text)


@given(digits, st.sampled_from(["978", "979"]), st.integers(0, 9))
def test_parsing_agrees_with_python_stdnum(nine: str, prefix: str, check: int) -> None:
    """python-stdnum is the oracle for validity, ISBN-10 and hyphenation."""
    written = f"{prefix}{nine}{check}"
    if not stdnum.is_valid(written):
        with pytest.raises(ValueError, match="check digit"):
            parse_isbn(written)
        return

    assert parse_isbn(written) == parse_isbn(stdnum.format(written)) == written
    ten = isbn_10(written)
    assert (ten and ten.upper()) == (stdnum.to_isbn10(written) if prefix == "978" else None)
    if ten is not None:
        assert parse_isbn(ten) == parse_isbn(stdnum.format(ten.upper())) == written


dashes = st.sampled_from(["", "-", "\u2010", "\u2011", "\u2013", "\u2212"])


@given(digits | starting_like_a_label, dashes)
@example(nine="130000000", dash="")
def test_an_isbn_in_a_query_is_one_word(nine: str, dash: str) -> None:
    """It has 10 or 13 digits, any kind of hyphen, and may have a label."""
    thirteen = parse_isbn(isbn10(nine))
    for number in (thirteen, isbn10(nine), isbn10(nine).lower()):
        spelt = dash.join((number[:-9], number[-9:-5], number[-5:-1], number[-1])).strip(dash)
        for label in ("", "ISBN ", "isbn: ", "ISBN-13:"):
            assert normalize_isbns(f"hobbit {label}{spelt} x").split() == ["hobbit", thirteen, "x"]


@given(
    starting_like_a_label | digits,
    dashes | st.just(" "),
    st.sampled_from(
        ["ISBN ", "ISBN", "ISBN: ", "ISBN-10 ", "ISBN 10: ", "ISBN10", "ean ", "ISBN-10:"]
    ),
)
@example(nine="130000000", dash="", label="ISBN ")
@example(nine="103902348", dash="", label="ISBN-10 ")
def test_a_label_takes_no_digit_of_the_number(nine: str, dash: str, label: str) -> None:
    """The 10 in "ISBN 10..." is the label's or the number's: the check digit tells."""
    ten = isbn10(nine)
    spelt = dash.join((ten[:1], ten[1:5], ten[5:9], ten[9]))

    assert parse_spreadsheet_isbn(label + spelt) == parse_isbn(ten)


@pytest.mark.parametrize("query", ["1984 2001 42", "123456789", "9780439023482", "x0439023483"])
def test_other_numbers_in_a_query_are_words(query: str) -> None:
    """Only valid ISBNs are normalized; other numbers stay as they were typed."""
    assert normalize_isbns(query) == query


@pytest.mark.parametrize(
    "text",
    [
        "9780439023481 9780439554930",
        "9780439023481; 9780439554930",
        "ISBN",
        "9780439023481x",
        "(pbk.)",
    ],
)
def test_a_cell_that_names_no_single_book_is_refused(text: str) -> None:
    """Several ISBNs, or a label without one, raise an error."""
    with pytest.raises(ValueError, match=r"more than one|10 or 13"):
        parse_spreadsheet_isbn(text)

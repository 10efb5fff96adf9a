import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalog.errors import MalformedCsv
from functions.catalog.importing.csv_records import CsvReader, Record, sniff_delimiter

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
tables = st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=6)


def read(content: bytes, size: int = 1) -> list[Record]:
    """A file that comes in parts of some bytes."""
    reader = CsvReader()
    records: list[Record] = []
    for start in range(0, len(content), size):
        records += reader.feed(content[start : start + size])
    return [*records, *reader.close()]


@given(tables, st.sampled_from(["\n", "\r\n"]), st.integers(1, 7), st.booleans())
def test_the_output_of_csv_is_read_in_chunks_of_any_size(
    table: list[list[str]], line_end: str, size: int, mark: bool
) -> None:
    """The output of `csv` parses to the same table for any size of the chunks."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows(table)
    content = buffer.getvalue().encode("utf-8-sig" if mark else "utf-8")

    assert [record.cells for record in read(content, size)] == [["a", "b"], *table]


@given(tables)
def test_line_numbers_are_those_of_the_file(table: list[list[str]]) -> None:
    """A record's line is where it begins, also after records with line breaks inside."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    lines = []
    for row in table:
        lines.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)

    assert [record.line for record in read(buffer.getvalue().encode(), 5)] == lines


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_parsed_or_refused_independently_of_chunks(content: bytes, size: int) -> None:
    """Any bytes give the same records, or the same refusal, for any size of the chunks."""

    def outcome(part: int) -> list[Record] | None:
        try:
            return read(content, part)
        except MalformedCsv:
            return None

    assert outcome(size) == outcome(len(content) + 1)


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("a,b,c", ","),
        ("a;b;c,d", ";"),
        ("a\tb", "\t"),
        ('"a;b;c",d', ","),
        ("a", ","),
    ],
)
def test_the_delimiter_is_the_most_frequent_one_of_the_header(header: str, delimiter: str) -> None:
    """Delimiters inside quotation marks are not counted."""
    assert sniff_delimiter(header) == delimiter


def test_a_quotation_mark_inside_an_unquoted_field_is_text() -> None:
    """Only a quotation mark at the start of a field opens a quoted one."""
    (_, record) = read(b'a,b\n5" disk,x\n')

    assert record.cells == ['5" disk', "x"]


def test_a_malformed_record_does_not_affect_the_next() -> None:
    """It has a problem and no cells, and the next record is read."""
    (_, wrong, good) = read(b'a,b\n"x"y,1\nz,2\n')

    assert wrong.problem
    assert (good.line, good.cells) == (3, ["z", "2"])


def test_a_record_is_bounded() -> None:
    """A record without end raises an error instead of filling the memory."""
    for row in (b'a,b\n"' + b"x\n" * 40_000, b"a,b\n" + b"x" * 70_000):
        with pytest.raises(MalformedCsv, match="line 2 is longer"):
            read(row, 4096)

"""Texts in files that a spreadsheet opens."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.kit.base.spreadsheets import escaped, unescaped

SIGNS = "=+-@＝＋－＠"
PIECES = st.sampled_from([*SIGNS, *"';\t\r\n|%, ab\"", "''", "; ", "\r\n", "\u2028"])
TEXTS = st.one_of(st.text(max_size=20), st.lists(PIECES, max_size=12).map("".join))


@given(TEXTS)
def test_an_escaped_text_can_be_read_back(text: str) -> None:
    """Every text, those with apostrophes of their own included."""
    assert unescaped(escaped(text)) == text


@given(TEXTS)
def test_no_part_of_an_escaped_text_is_a_formula(text: str) -> None:
    """Neither the whole, nor what follows a separator or a line break in it."""
    parts = re.split(r"[;\t\r\n]", escaped(text))

    assert [part for part in parts if part.lstrip(" ")[:1] in set(SIGNS)] == []


@given(st.lists(TEXTS, min_size=1, max_size=5))
@example(['x;"=1+1;'])
def test_a_file_with_commas_has_no_formula_for_who_reads_semicolons(cells: list[str]) -> None:
    """As Excel in Spanish does: quotation marks in the middle of a cell quote nothing there.

    At its beginning a pair of them quotes nothing either, and what follows is read.
    """
    written = io.StringIO()
    csv.writer(written).writerow(["1", *map(escaped, cells)])
    found = re.split(r"[;\t\r\n]", written.getvalue())

    assert [cell for cell in found if cell.lstrip(' "')[:1] in set(SIGNS)] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        (" -1", "' -1"),
        ("'=1", "''=1"),
        ("Uno; =2", "Uno;' =2"),
        ("uno\r\n- dos", "uno\r\n'- dos"),
        ('Uno;"=2;', "Uno;'\"=2;"),
        ('"=1" dice', '"=1" dice'),
        ("Borges; Bioy Casares", "Borges; Bioy Casares"),
        ("'tis", "'tis"),
        ("uno\n\ndos", "uno\n\ndos"),
        ("1-2=3", "1-2=3"),
        ("", ""),
    ],
)
def test_only_what_could_be_a_formula_has_an_apostrophe(text: str, shown: str) -> None:
    """Other texts stay as they are."""
    assert escaped(text) == shown

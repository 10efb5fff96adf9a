"""Texts are cleaned, masked and repaired; what a report says of them is safe."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.adoption.domain.findings import MEANINGS, What, safe
from functions.adoption.domain.texts import one_line, prose, repaired, without_card_number
from functions.catalog.domain.books import BookDetails
from functions.purchase.domain.cards import holds_card_number


@pytest.mark.parametrize("text", ["María", "Ñáñez", "L’Étranger", "naïve — café", "漢字"])
def test_misencoded_texts_are_found_and_repaired(text: str) -> None:
    """As a client of the wrong character set has stored them."""
    assert repaired(misread(text)) == text


def misread(text: str) -> str:
    """As a client stores it that takes UTF-8 for Windows' 1252, and MySQL that keeps all bytes."""
    return "".join(
        bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte))
        for byte in text.encode("utf-8")
    )


@given(
    text=st.sampled_from(["María", "Ñáñez", "漢字", "naïve — café", "😀"]), times=st.integers(1, 4)
)
def test_a_text_is_repaired_as_often_as_it_was_misread(text: str, times: int) -> None:
    """A dump that was loaded by the wrong client has done it once more."""
    stored = text
    for _ in range(times):
        stored = misread(stored)

    assert repaired(stored) == text


@pytest.mark.parametrize("text", ["", "Ana", "María", "L’Étranger", "Ã", "100 €", "漢字", "é"])
def test_other_texts_are_left_alone(text: str) -> None:
    """Accents, quotes and signs of money among them."""
    assert repaired(text) is None


@settings(deadline=None)
@given(st.text())
def test_a_text_that_was_stored_well_is_never_changed_twice(text: str) -> None:
    """Cleaning is idempotent, and what it leaves is what catalog accepts."""
    line, lines = one_line(text), prose(text)

    assert one_line(line) == line
    assert prose(lines) == lines
    if 0 < len(line) <= 255 and len(lines) <= 5000:
        details = BookDetails.checked(title=line, author=line, price=Decimal(1), description=lines)

        assert (details.title, details.description or "") == (line, lines)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("visa 4012888888881881", "visa ****1881"),
        ("4111 1111 1111 1111", "****1111"),
        ("5500-0000-0000-0004", "****0004"),
        ("PSE", None),
        ("Nequi 3001234567", None),
    ],
)
def test_card_numbers_are_masked(text: str, masked: str | None) -> None:
    """But for the last four digits."""
    assert without_card_number(text) == masked


@settings(deadline=None)
@given(st.text(alphabet="0123456789 -.x١", max_size=40))
def test_no_masked_text_has_a_card_number(text: str) -> None:
    """Whatever separates its digits."""
    masked = without_card_number(text)

    assert masked is None or not holds_card_number(masked)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (-50, -50),
        ("Entregado", "Entregado"),
        ("escriba a ana@example.org", "escriba a [address]"),
        ("4111 1111 1111 1111", "[card number]"),
        ("x" * 70, "x" * 59 + "…"),
    ],
)
def test_old_values_are_reported_safely(value: object, shown: object) -> None:
    """Short, and without what belongs to people."""
    assert safe(value) == shown


def test_every_code_has_a_meaning() -> None:
    """In two languages."""
    assert set(MEANINGS) == set(What)
    assert [what for what, text in MEANINGS.items() if text.es == text.en] == []

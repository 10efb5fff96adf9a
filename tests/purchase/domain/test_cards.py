"""Card numbers are found in any spelling, and other digits are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.purchase.domain.cards import check_no_card_number, holds_card_number
from functions.purchase.errors import CardNumberRefused

VISA = "4111111111111111"
SCRIPTS = (
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "०१२३४५६७८९",
    "０１２３４５６７８９",
    "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
)


def luhn(digits: str) -> bool:
    """By the book: every second digit from the right is doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    """12 to 19 digits with a right Luhn sum."""
    body = draw(st.text("0123456789", min_size=11, max_size=18))
    return next(body + last for last in "0123456789" if luhn(body + last))


@given(
    card_numbers().filter(lambda number: not number.startswith(("978", "979"))),
    st.sampled_from(SCRIPTS),
    st.sampled_from(["", " ", "-", ".", "/", "\u00a0", "\u200b", "\u00ad", " - ", "_", ", ", "x"]),
    st.integers(1, 6),
    st.sampled_from(["", "card ", "tarjeta: ", "(", "№ "]),
)
def test_a_number_is_found_in_any_notation(
    number: str, script: str, separator: str, size: int, before: str
) -> None:
    """Any script, any separator, groups of any size, with words before and after."""
    groups = [number[start : start + size] for start in range(0, len(number), size)]
    spelt = separator.join(groups).translate(str.maketrans("0123456789", script))

    assert holds_card_number(f"{before}{spelt}{' please' if before else ''}")


@pytest.mark.parametrize(
    "text",
    [
        VISA + "123",
        VISA + "1227123",
        f"{VISA} 12/27 123",
        "4111, 1111 and 1111 1111",
        "4111x1111x1111x1111",
        "tok_" + VISA,
        "378282246310005",
        "6759649826438453",
    ],
)
def test_a_number_is_found_among_other_text(text: str) -> None:
    """It is found next to an expiry date, a security code, or words."""
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "tok_success",
        "cash",
        "pm_1NqLLu2eZvKYlo2C9876abcd",
        "550e8400-e29b-41d4-a716-446655440000",
        "9780321714114",
        "978-0-321-71411-4",
        "delivery note 4711 of 2026-03-14, 12 copies",
        "411111111111",
        "",
        "4111 1111 1111 1112",
    ],
)
def test_other_digits_are_no_card_number(text: str) -> None:
    """Tokens, UUIDs, ISBNs, dates and numbers with a wrong checksum are no card numbers."""
    assert not holds_card_number(text)


def test_a_telephone_number_is_permitted_where_phones_are() -> None:
    """With `phones`, an international number is permitted although its checksum is valid."""
    number = next(
        f"+57 300 123 4{number:03}" for number in range(1000) if luhn("573001234" + f"{number:03}")
    )

    assert holds_card_number(number)
    assert not holds_card_number(number, phones=True)
    assert holds_card_number(f"{number}, {VISA}", phones=True)


def test_the_refusal_does_not_repeat_the_number() -> None:
    """Refusals are logged."""
    with pytest.raises(CardNumberRefused) as refused:
        check_no_card_number("reason", f"paid by {VISA}")

    assert VISA not in f"{refused.value} {refused.value.detail} {refused.value.errors}"
    assert refused.value.errors[0].field == "reason"

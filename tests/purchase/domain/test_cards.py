"""Card numbers are found in any spelling, and other digits are left alone."""

import random

import pytest
import stdnum.ean
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.errors import FieldError, Text
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
    assert refused.value.detail == Text(
        "Envíe el token que el proveedor de pagos dio para la tarjeta, nunca su número.",
        "Send the token that the payment provider gave for the card, never its number.",
    )
    assert refused.value.errors == (
        FieldError("reason", Text("contiene un número de tarjeta", "contains a card number")),
    )


@pytest.mark.parametrize("text", [None, "", "cash"])
def test_a_text_without_a_number_is_permitted(text: str | None) -> None:
    """So is no text."""
    check_no_card_number("reason", text)


def test_telephone_numbers_are_refused_unless_permitted() -> None:
    """Only the field of a telephone number permits them."""
    check_no_card_number("phone", "+57 300 123 4018", phones=True)
    with pytest.raises(CardNumberRefused):
        check_no_card_number("reason", "+57 300 123 4018")


def with_check_digit(body: str) -> str:
    return next(body + last for last in "0123456789" if luhn(body + last))


@pytest.mark.parametrize("length", range(10, 22))
def test_a_card_number_has_12_to_19_digits(length: int) -> None:
    """ISO/IEC 7812-1. Longer runs count only where they begin with one of 15 or 16 digits."""
    number = with_check_digit("9" * (length - 1))

    assert holds_card_number(number) is (12 <= length <= 19)


@pytest.mark.parametrize("first", "0123456789")
@pytest.mark.parametrize("length", [14, 15, 16, 17])
def test_a_number_before_other_digits_begins_as_cards_do(first: str, length: int) -> None:
    """With 2 to 6, as the cards of banks; of 15 or 16 digits."""
    digits = random.Random(1)
    runs = iter(lambda: first + "".join(digits.choices("0123456789", k=18)), None)
    run = next(
        each for each in runs if [n for n in (14, 15, 16, 17, 19) if luhn(each[:n])] == [length]
    )

    assert holds_card_number(run) is (length in {15, 16} and first in "23456")


def test_a_run_of_16_digits_is_one_number() -> None:
    """A valid checksum of its first 15 does not count."""
    first = with_check_digit("41111111111111")
    run = next(first + last for last in "0123456789" if not luhn(first + last))

    assert luhn(first)
    assert not holds_card_number(run)


@pytest.mark.parametrize("mark", ["\u200b", "\u0336", "\u20dd"], ids=["Cf", "Mn", "Me"])
def test_invisible_characters_and_marks_hide_no_number(mark: str) -> None:
    """A zero-width space, a strike-through or a circle at each separator."""
    assert holds_card_number(f"x{mark}".join(["4111", "1111", "1111", "1111"]))


@given(st.from_regex("97[89][0-9]{9}", fullmatch=True))
def test_an_isbn_is_no_card_number(body: str) -> None:
    """One in ten has the checksum of a card as well; with a wrong check digit it is a number."""
    isbn = body + stdnum.ean.calc_check_digit(body)
    number = with_check_digit(body)

    assert not holds_card_number(isbn)
    assert holds_card_number(number) is (number != isbn)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("+57 300 123 4018", False),
        ("57 300 123 4018", True),
        ("+573001234018", False),
        ("+4111 1111 1111 1111", True),
        ("+57 300 123 4018 / 4111 1111 1111 1111", True),
        ("phone + 57 300 123 4018", True),
        ("+57 300 123 4018 and then 4111 1111 1111 1111", True),
        ("+" + with_check_digit("57300123456789"), False),
        ("+" + with_check_digit("573001234567890"), True),
    ],
)
def test_a_permitted_number_is_international(text: str, found: bool) -> None:
    """It begins with a plus and has at most 15 digits (E.164)."""
    assert holds_card_number(text, phones=True) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4111 and 1111 and 1111 and 1111", True),
        ("4111 then 1111 then 1111 then 1111", False),
        ("4111xyz1111xyz1111xyz1111", True),
        ("4111wxyz1111wxyz1111wxyz1111", False),
        ("4111x1111y1111x1111", False),
    ],
)
def test_groups_of_one_number_are_near_each_other(text: str, found: bool) -> None:
    """Up to three letters between them; without spaces, the same ones throughout."""
    assert holds_card_number(text) is found


@pytest.mark.parametrize("separator", [" ", "-", "x", " a "])
def test_a_long_text_of_digits_is_searched_to_its_end(separator: str) -> None:
    """In a time that grows as its length does: else so many groups would take hours."""
    digits = separator.join("9" * 10_000)

    assert not holds_card_number(digits)
    assert holds_card_number(f"{digits}, and 4111 1111 1111 1111")

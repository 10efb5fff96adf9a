"""Bounded texts and ids."""

from decimal import Decimal
from typing import Annotated

import msgspec
import pytest

from functions.kit.base.fields import ComputedMoney, Id, Money, line, prose
from functions.kit.base.money import MAX_ID


@pytest.mark.parametrize("control", ["\x00", "\n", "\r", "\t", "\x1b", "\x7f"])
def test_a_line_has_no_control_characters(control: str) -> None:
    """Wherever in it they are, its end included."""
    for text in (f"a{control}b", f"a{control}", control):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, Annotated[str, line(10)])


def test_prose_may_have_lines_and_tabs() -> None:
    """But no other control characters."""
    kind = Annotated[str, prose(20)]

    assert msgspec.convert("a\tb\r\nc", kind) == "a\tb\r\nc"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("a\x00b", kind)


@pytest.mark.parametrize("number", [0, -1, MAX_ID + 1, 1.5, True, "1"])
def test_an_id_is_a_positive_number_that_a_column_holds(number: object) -> None:
    """Neither a text nor a boolean is taken for one."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(number, Id)


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        (7, "7.00"),
        (0, "0.00"),
        (Decimal("19.9"), "19.90"),
        (Decimal("1e2"), "100.00"),
        (Decimal("116.0"), "116.00"),
        ("19.90", "19.90"),
        ("19.9", "19.90"),
        ("007", "7.00"),
        ("1000000000", "1000000000.00"),
        (Decimal("14.500000000000000000000000000000000000"), "14.50"),
    ],
)
def test_money_is_a_number_or_its_text(sent: object, amount: str) -> None:
    """With two decimals, whatever way it was written."""
    assert str(Money.parse(sent)) == amount
    assert str(ComputedMoney.parse(sent)) == amount


@pytest.mark.parametrize("kind", [Money, ComputedMoney])
@pytest.mark.parametrize(
    "sent",
    [
        " 19.90", "19.90 ", "19 .90", "\t19.90", "19.90\n", "\u00a019.90", "1_9.90", "1_000", "+5",
        "19,90", "1,000.00", "٣", "１９.９０", "१९.९", "²", "19.", ".90", "", "-", "1e2", "1E2",
        "0x10", "NaN", "Infinity", "inf", "$5", "5 USD", "--5", "19.90.1", "1" * 41,
        "19.9" + "0" * 50, True, False, None, 19.9, [], {}, b"19.90",
        Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), -1, 10**9 + 1, 10**400,
        Decimal("19.901"), Decimal("19.90000000000000000000000000000001"),
        "19.90000000000000000000000000000001", "-0.01", Decimal("1E-1000000"),
        Decimal("1E+1000000"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_plain_amount_is_refused(kind: type[Money], sent: object) -> None:
    """Blanks, underscores, signs, other scripts' digits, exponents in texts, floats, and what is
    out of bounds or has more than two decimals."""
    with pytest.raises(ValueError, match="must"):
        kind.parse(sent)


def test_only_a_computed_amount_may_have_a_floats_noise() -> None:
    """A price is typed by somebody, and refused; the amount of a payment was added up."""
    noise = Decimal("30.299999999999997")
    with pytest.raises(ValueError, match="decimals"):
        Money.parse(noise)

    assert str(ComputedMoney.parse(noise)) == "30.30"
    assert str(ComputedMoney.parse(str(noise))) == "30.30"

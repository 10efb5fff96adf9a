from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.kit.base.errors import InvalidInput
from functions.purchase.domain.periods import Period
from functions.purchase.domain.purchases import Status
from functions.purchase.domain.sales import PAID, earned, revenue_minor

amounts = st.lists(st.integers(0, 10**14), min_size=1, max_size=50)


@given(amounts, st.integers(0, 10**11), st.data())
def test_a_partial_refund_is_shared_by_all_lines(
    lines: list[int], fee: int, data: st.DataObject
) -> None:
    """The lines never bring in more than was kept, and less by no more than a unit each."""
    total = sum(lines) + fee
    kept = data.draw(st.integers(0, total))
    shares = [revenue_minor(Status.PAID, line, kept, total) for line in lines]

    assert all(0 <= share <= line for share, line in zip(shares, lines, strict=True))
    assert sum(shares) <= kept
    if fee == 0:
        assert sum(shares) > kept - len(lines)


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_a_purchase_that_is_kept_whole_brings_its_amount(amount: int, fee: int) -> None:
    """Nothing is lost to rounding without a refund."""
    assert revenue_minor(Status.DELIVERED, amount, amount + fee, amount + fee) == amount


@pytest.mark.parametrize("status", list(Status))
def test_only_paid_sales_are_counted(status: Status) -> None:
    """A refunded one counts with its gross amount, an unpaid one not at all."""
    brought = earned(status, sales=1, copies=2, amount_minor=500, kept_minor=500, total_minor=500)

    assert brought.sales == (1 if status in {*PAID, Status.REFUNDED} else 0)
    assert brought.revenue_minor == (500 if status in PAID else 0)
    assert (brought.copies, brought.refunded_copies) == (
        (2, 0) if status in PAID else (0, 2) if status is Status.REFUNDED else (0, 0)
    )


@pytest.mark.parametrize(
    "day", ["", "2026-02-30", "20260301", "2026-3-1", "x", "0000-01-01", "10000-01-01"]
)
def test_a_day_that_is_none_is_refused(day: str) -> None:
    """The parameter is named."""
    with pytest.raises(InvalidInput) as refused:
        Period.parse(None, day)

    assert [each.field for each in refused.value.errors] == ["created_to"]


def test_a_day_beyond_every_sale_is_taken() -> None:
    """It is moved to the first or last day that every database can compare with."""
    period = Period.parse("0001-01-01", "9999-12-31")

    assert period == (date(1970, 1, 1), date(9998, 12, 31))

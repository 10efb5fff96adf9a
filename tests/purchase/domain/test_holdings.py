"""How much one customer may hold unpaid."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from functions.kit.base.orders import MAX_QUANTITY
from functions.purchase.domain.holdings import HoldingLimits, Holdings
from functions.purchase.errors import TooManyReservedCopies, TooManyUnpaidPurchases
from tests.purchase.domain.examples import LINES
from tests.purchase.domain.refusals import refused

LIMITS = HoldingLimits(unpaid_purchases=2, copies_of_a_book=5)


def test_a_limit_can_be_reached() -> None:
    """By purchases, and by copies of each book, those of the new lines included."""
    LIMITS.check(Holdings(1, {1: 3, 2: 4, 9: 99}), LINES)
    HoldingLimits(0, 2).check(Holdings(0, {}), LINES)


def test_one_unpaid_purchase_more_is_refused() -> None:
    """The refusal has the limit."""
    with refused(
        TooManyUnpaidPurchases,
        "Tiene 2 compras sin pagar, y el máximo es 2. Pague o cancele una antes.",
        "You have 2 unpaid purchases, and 2 is the most. Pay one or cancel one first.",
        limit=2,
    ):
        LIMITS.check(Holdings(2, {}), LINES)


@pytest.mark.parametrize(
    ("held", "book_id"), [({1: 4}, 1), ({2: 5}, 2), ({1: 3, 2: 5}, 2), ({1: 4, 2: 5}, 1)]
)
def test_one_unpaid_copy_more_is_refused(held: dict[int, int], book_id: int) -> None:
    """The refusal names the first book of which there are too many."""
    with refused(
        TooManyReservedCopies,
        f"Tendría 6 ejemplares sin pagar del libro {book_id}, y el máximo es 5. Compre menos, o"
        " pague algunos antes.",
        f"You would have 6 unpaid copies of book {book_id}, and 5 is the most. Buy fewer, or pay"
        " for some first.",
        limit=5,
        book_id=book_id,
    ):
        LIMITS.check(Holdings(0, held), LINES)


@given(limit=st.integers(0, 2 * MAX_QUANTITY), held=st.integers(0, 3 * MAX_QUANTITY))
def test_the_copies_left_are_the_most_that_is_accepted(limit: int, held: int) -> None:
    """One copy more is refused, or is more than a line can have; none are left at the limit."""
    limits, holdings = HoldingLimits(0, limit), Holdings(1, {1: held})
    left = limits.copies_left(holdings, 1)
    if left:
        limits.check(holdings, [LINES[0]._replace(book_id=1, quantity=left)])
    if left < MAX_QUANTITY:
        with pytest.raises(TooManyReservedCopies):
            limits.check(holdings, [LINES[0]._replace(book_id=1, quantity=left + 1)])

    assert 0 <= left <= MAX_QUANTITY


def test_zero_is_no_limit() -> None:
    """Of each of the two by itself."""
    much = Holdings(99, {1: 999})
    HoldingLimits(0, 0).check(much, LINES)
    with pytest.raises(TooManyReservedCopies):
        HoldingLimits(0, 5).check(much, LINES)
    with pytest.raises(TooManyUnpaidPurchases):
        HoldingLimits(2, 0).check(much, LINES)

    limits = [HoldingLimits(*each) for each in ((0, 0), (1, 0), (0, 1))]

    assert [each.are_set for each in limits] == [False, True, True]

"""The rules of the copies of one book, at their bounds."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from functions.purchase.domain.stock import Stock
from functions.purchase.errors import InsufficientStock, StockWouldBeNegative
from tests.purchase.domain.examples import NOW
from tests.purchase.domain.refusals import refused

LATER = NOW + timedelta(seconds=1)
STOCK = Stock(
    book_id=4, on_hand=10, reserved=3, available=7, fulfilled=2, revision=9, changed_at=NOW
)


def test_a_new_book_has_its_copies_available() -> None:
    """At revision 1."""
    assert Stock.opened(4, 6, NOW) == Stock(
        book_id=4, on_hand=6, reserved=0, available=6, fulfilled=0, revision=1, changed_at=NOW
    )


def test_all_available_copies_can_be_reserved_and_no_more() -> None:
    """The refusal has their number."""
    assert STOCK.reserve(7, LATER) == Stock(
        book_id=4, on_hand=10, reserved=10, available=0, fulfilled=2, revision=10, changed_at=LATER
    )
    with refused(
        InsufficientStock,
        "Del libro 4 hay 7 ejemplares, no 8.",
        "Of book 4 there are 7 copies, not 8.",
        stock_actual=7,
        book_id=4,
    ):
        STOCK.reserve(8, LATER)


def test_reserved_copies_are_released_or_fulfilled() -> None:
    """Released ones are available again; fulfilled ones are not on hand any more."""
    assert STOCK.release(3, LATER) == Stock(
        book_id=4, on_hand=10, reserved=0, available=10, fulfilled=2, revision=10, changed_at=LATER
    )
    assert STOCK.fulfil(3, LATER) == Stock(
        book_id=4, on_hand=7, reserved=0, available=7, fulfilled=5, revision=10, changed_at=LATER
    )


@pytest.mark.parametrize("change", [STOCK.release, STOCK.fulfil])
def test_more_copies_than_are_reserved_are_a_bug(
    change: Callable[[int, datetime], Stock],
) -> None:
    """No request can cause it, so it is an error of the program."""
    with pytest.raises(AssertionError, match=r"^book 4: 3 copies are reserved, not 4$"):
        change(4, LATER)


def test_all_available_copies_can_be_removed_and_no_more() -> None:
    """Reserved copies stay for their buyers."""
    assert STOCK.adjust(-7, LATER) == Stock(
        book_id=4, on_hand=3, reserved=3, available=0, fulfilled=2, revision=10, changed_at=LATER
    )
    with refused(
        StockWouldBeNegative,
        "Del libro 4 hay 7 ejemplares libres y 3 reservados.",
        "Of book 4, 7 copies are free, 3 reserved.",
        stock_actual=7,
    ):
        STOCK.adjust(-8, LATER)

"""What the check of the traffic finds."""

from typing import Any

import pytest

from functions.local.traffic.check import compare
from functions.local.traffic.shoppers import Bought

SHOWN: dict[str, Any] = {
    "items": [{"book_id": 1, "quantity": 2}, {"book_id": 5, "quantity": 1}],
    "total_price_minor": 4500,
    "status": "On Delivery",
}


def test_a_purchase_that_is_as_it_was_confirmed_is_no_finding() -> None:
    """Also once staff has begun to deliver it."""
    assert compare(Bought(7, 4500, {1: 2, 5: 1}, "paid"), SHOWN) == []


@pytest.mark.parametrize(
    ("bought", "finding"),
    [
        (Bought(7, 4500, {1: 2}, "paid"), "copies by book"),
        (Bought(7, 4400, {1: 2, 5: 1}, "paid"), "costs 4500 minor units instead of 4400"),
        (Bought(7, 4500, {1: 2, 5: 1}, "cancelled"), "is On Delivery and should be cancelled"),
        (Bought(7, 4500, {1: 2, 5: 1}, "placed"), "is On Delivery and should be placed"),
    ],
    ids=["a book is lost", "another total", "not cancelled", "paid by nobody"],
)
def test_each_difference_is_named_with_the_purchase(bought: Bought, finding: str) -> None:
    """So that it can be looked for."""
    (found,) = compare(bought, SHOWN)

    assert found.startswith("Purchase 7")
    assert finding in found

"""The snapshots of purchase's streams."""

import pytest

from tests.purchase.shop import Shop
from tests.support.snapshots import states_of


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_pages_of_the_snapshots_are_the_whole_ones(shop: Shop, limit: int) -> None:
    """Of the stock and of the orders, wherever a page ends."""
    for book_id in (1, 2, 3):
        await shop.buy(book_id)
    for stream, kind in (("inventory", "book"), ("orders", "purchase")):
        pages = await states_of(shop.client, stream, limit)

        assert [each["subject"] for each in pages] == [f"{kind}/{n}" for n in (1, 2, 3)]
        assert [each["data"] for each in pages] == [
            each["data"] for each in await states_of(shop.client, stream)
        ]

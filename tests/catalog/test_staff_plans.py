"""How SQLite finds a page of the sellers, and of the reviews that staff look through."""

from pathlib import Path

import pytest

from functions.catalog.commands.sellers import name_seller
from tests.catalog.library import open_library
from tests.catalog.reviewing import posted
from tests.support.sqlite_plans import explained

CASES = [
    ("/sellers?sort=id", "sellers", None),
    ("/sellers?sort=-id", "sellers", None),
    ("/sellers?sort=name", "sellers", "ix_sellers_name_order"),
    ("/sellers?sort=-name", "sellers", "ix_sellers_name_order"),
    ("/reviews?state=published", "r", "ix_reviews_state"),
    ("/reviews?state=published&sort=created", "r", "ix_reviews_state"),
    ("/reviews?state=published&sort=rating", "r", "ix_reviews_state_rating"),
    ("/reviews?state=published&sort=-rating", "r", "ix_reviews_state_rating"),
    ("/reviews?state=published&sort=-reports", "r", "ix_reviews_state_reports"),
    ("/reviews?state=reported", "r", "ix_reviews_reports"),
    ("/reviews?state=reported&sort=reports", "r", "ix_reviews_reports"),
]


BEGINNINGS = {"sellers": "SELECT seller_id", "r": "SELECT r.id"}


@pytest.mark.parametrize(("path", "table", "index"), CASES)
async def test_a_page_is_read_in_the_order_of_its_index(
    tmp_path: Path, path: str, table: str, index: str | None
) -> None:
    """Nothing is sorted in a temporary tree; ids are in the order of the table."""
    async with open_library(f"sqlite:///{tmp_path}/catalog.db") as library:
        await library.add()
        for user in (100, 101):
            await posted(library, user=user)
            await name_seller(library.database, user, f"Seller {user}")
        with explained(library.database, BEGINNINGS[table]) as steps:
            assert (await library.call("GET", path)).status_code == 200
        read = [step for step in steps if step.split()[1] == table]

        assert len(read) == 1
        assert index is None or f"INDEX {index} " in f"{read[0]} "
        assert [step for step in steps if "TEMP B-TREE" in step] == []

"""The seed is a file that catalog's import accepts."""

import csv
import io
from decimal import Decimal

from functions.local.seed import seed_shop


def test_the_seed_has_at_least_fifty_importable_books() -> None:
    """Each has all columns of the import, a price above 0 with two decimals, and a unique title."""
    rows = list(csv.DictReader(io.StringIO(seed_shop.books_as_csv().decode())))

    assert len(rows) >= 50
    for row in rows:
        assert list(row) == list(seed_shop.COLUMNS)
        assert all(row[name].strip() for name in ("title", "author", "description", "category"))
        assert Decimal(row["price"]) > 0
        assert Decimal(row["price"]).as_tuple().exponent == -2
        assert int(row["stock"]) >= 0
    assert len({row["title"] for row in rows}) == len(rows)

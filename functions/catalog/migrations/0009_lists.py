"""Orders of staff's lists: sellers by their names, reviews by their stars and by their reports.

The previous revision does not write `name_order`: a name that is chosen while it runs comes first
in that order until it is chosen again.
"""

from functions.catalog.search.sort_keys import title_order
from functions.kit.data.backfill import Backfill
from functions.kit.data.database import Row
from functions.kit.data.schema import AddColumn, AddIndex, Column, Index, varchar


def _name_order(row: Row) -> str:
    return title_order(row["name"], str(row["seller_id"])) if row["name"] else ""


operations = [
    AddColumn("sellers", Column("name_order", varchar(130), default="''")),
    Backfill("sellers", "name_order", reads=("name",), value=_name_order, key="seller_id"),
    AddIndex("sellers", Index("ix_sellers_name_order", ("name_order", "seller_id"))),
    AddIndex("reviews", Index("ix_reviews_state_rating", ("state", "rating", "id"))),
    AddIndex("reviews", Index("ix_reviews_state_reports", ("state", "open_reports", "id"))),
]

"""Sellers, by the names that the shop shows for them."""

from collections.abc import Sequence
from enum import StrEnum

from piccolo.querystring import QueryString

from functions.catalog.domain.sellers import Seller, not_found
from functions.kit.base.money import MAX_ID
from functions.kit.data.database import Database, Row, is_in
from functions.kit.http.keyset import KeysetOrder

_COLUMNS = "seller_id, name, revision"


async def get_seller(database: Database, seller_id: int) -> Seller:
    """Raises `SellerNotFound`, also for a closed account."""
    rows: Sequence[Row] = ()
    if 1 <= seller_id <= MAX_ID:
        outcome = await database.execute(
            QueryString(
                f"SELECT {_COLUMNS} FROM sellers"  # noqa: S608 - columns
                " WHERE seller_id = {} AND closed_at IS NULL",
                seller_id,
            )
        )
        rows = outcome.rows
    if not rows:
        raise not_found(seller_id)
    return _seller(rows[0])


class SellerSort(StrEnum):
    """A minus means descending."""

    ID = "id"
    ID_DESCENDING = "-id"
    NAME = "name"
    NAME_DESCENDING = "-name"


_ORDERS = {"id": ("seller_id", int), "name": ("name_order", str)}


async def list_sellers(
    database: Database, sort: SellerSort, *, after: str | None, limit: int
) -> tuple[list[Seller], str | None]:
    """A page of the sellers, and the cursor of the next.

    Raises `InvalidInput` for a cursor of another order.
    """
    order = KeysetOrder.of(sort, _ORDERS, "seller_id")
    conditions = [QueryString("closed_at IS NULL")]
    if after is not None:
        conditions.append(order.beyond(after))
    outcome = await database.execute(
        QueryString(
            f"SELECT {_COLUMNS}, name_order FROM sellers"  # noqa: S608 - columns
            f" WHERE {' AND '.join(['{}'] * len(conditions))} ORDER BY {order.sql} LIMIT {{}}",
            *conditions,
            limit + 1,
        )
    )
    rows = outcome.rows[:limit]
    cursor = order.cursor(rows[-1]) if len(outcome.rows) > limit else None
    return [_seller(row) for row in rows], cursor


async def seller_names(database: Database, ids: Sequence[int]) -> dict[int, str]:
    """Names by id; closed accounts have none."""
    if not ids:
        return {}
    outcome = await database.execute(
        QueryString(
            "SELECT seller_id, name FROM sellers WHERE closed_at IS NULL AND {}",
            is_in("seller_id", ids),
        )
    )
    return {row["seller_id"]: row["name"] for row in outcome.rows}


def _seller(row: Row) -> Seller:
    return Seller(id=row["seller_id"], name=row["name"], revision=row["revision"])

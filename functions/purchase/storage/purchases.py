"""Rows of purchases, with their items and timeline."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row
from functions.purchase.domain.purchases import Line, Purchase, Status
from functions.purchase.errors import PurchaseNotFound
from functions.purchase.storage.statements import insert


async def lock_purchase(database: Database, purchase_id: int) -> Purchase:
    """A purchase, locked until the transaction ends.

    Raises `PurchaseNotFound`.
    """
    rows = await database.locked(QueryString("SELECT * FROM purchases WHERE id = {}", purchase_id))
    if not rows:
        raise PurchaseNotFound.of(purchase_id)
    outcome = await database.execute(
        QueryString(
            "SELECT book_id, quantity, title, unit_price_minor, seller_id FROM purchase_items"
            " WHERE purchase_id = {} ORDER BY book_id",
            purchase_id,
        )
    )
    return to_purchase(rows[0], outcome.rows)


def to_purchase(row: Row, items: Sequence[Row]) -> Purchase:
    """Converts a row of `purchases` and its items, which are ordered by book."""
    return Purchase(
        id=row["id"],
        user_id=row["user_id"],
        status=Status(row["status"]),
        lines=tuple(
            Line(
                item["book_id"],
                item["quantity"],
                item["title"],
                item["unit_price_minor"],
                item["seller_id"],
            )
            for item in items
        ),
        delivery_fee_minor=row["delivery_fee_minor"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        provider_id=row["provider_id"],
        revision=row["revision"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def insert_purchase(database: Database, purchase: Purchase) -> Purchase:
    """Insert a purchase, its items and its first timeline entry. Returns it with its id."""
    columns = {
        "user_id": purchase.user_id,
        "status": purchase.status,
        "total_minor": purchase.total_minor,
        "delivery_fee_minor": purchase.delivery_fee_minor,
        "currency": purchase.currency,
        "provider_id": purchase.provider_id,
        "revision": purchase.revision,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
    }
    purchase = replace(purchase, id=await insert(database, "purchases", columns))
    places = ", ".join(["({}, {}, {}, {}, {}, {}, {})"] * len(purchase.lines))
    await database.execute(
        QueryString(
            "INSERT INTO purchase_items (purchase_id, book_id, quantity, title,"  # noqa: S608
            f" unit_price_minor, seller_id, sold_at) VALUES {places}",
            *[
                value
                for line in purchase.lines
                for value in (purchase.id, *line, purchase.created_at)
            ],
        )
    )
    await add_timeline_entry(database, purchase, by=purchase.user_id, now=purchase.created_at)
    return purchase


async def add_timeline_entry(
    database: Database, purchase: Purchase, *, by: int | None, now: datetime
) -> None:
    columns = {"purchase_id": purchase.id, "status": purchase.status, "at": now, "user_id": by}
    await insert(database, "purchase_timeline", columns)


async def erase_address(database: Database, purchase_id: int) -> None:
    """Erase the address of a purchase that has ended, if its account is closed."""
    await database.execute(
        QueryString(
            "DELETE FROM purchase_addresses WHERE purchase_id = {} AND erase_at_end = {}",
            purchase_id,
            True,
        )
    )


async def lock_customer(database: Database, user_id: int) -> None:
    """Serialize the purchases of one customer, so that what they hold can be counted."""
    await database.execute(
        QueryString(
            "INSERT INTO customers (user_id, purchases_placed) VALUES ({}, 1)"
            " ON CONFLICT (user_id) DO UPDATE"
            " SET purchases_placed = customers.purchases_placed + 1",
            user_id,
        )
    )

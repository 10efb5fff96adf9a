"""One purchase whole, and the parts of others that their lists show, a fixed number of statements.

The statements are not one snapshot: a purchase that changes meanwhile may be shown between two
states. What depends on its state is decided by commands, under its lock.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from piccolo.querystring import QueryString

from functions.kit.data.database import Database, Row, is_in
from functions.purchase import queries, storage
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.payments import Payment, Refund
from functions.purchase.domain.purchases import Purchase
from functions.purchase.storage.deliveries import to_delivery


class Destination(NamedTuple):
    recipient: str
    city: str
    country: str
    """ISO 3166-1."""


class PurchaseDetails(NamedTuple):
    row: Row
    items: list[Row]
    purchase: Purchase
    timeline: list[Row]
    payments: list[tuple[Payment, list[Refund]]]
    """Oldest first, as the refunds of each."""
    deliveries: list[tuple[Delivery, list[Row]]]
    """Oldest first, with the timeline of each."""


async def purchase_details(
    database: Database, purchase_id: int, *, user_id: int | None
) -> PurchaseDetails:
    """`user_id` is the owner, or None for any.

    Raises `PurchaseNotFound`, also for another's purchase.
    """
    row, items, timeline = await queries.purchase(database, purchase_id, user_id=user_id)
    paid = await database.execute(
        QueryString("SELECT * FROM payments WHERE purchase_id = {} ORDER BY id", purchase_id)
    )
    refunds: dict[int, list[Refund]] = defaultdict(list)
    if paid.rows:
        refunded = await database.execute(
            QueryString(
                "SELECT * FROM refunds WHERE {} ORDER BY id",
                is_in("payment_id", [each["id"] for each in paid.rows]),
            )
        )
        for each in refunded.rows:
            refunds[each["payment_id"]].append(storage.to_refund(each))
    deliveries = await _deliveries(database, QueryString("a.purchase_id = {}", purchase_id))
    entries = await delivery_timelines(database, deliveries)
    return PurchaseDetails(
        row,
        items,
        storage.to_purchase(row, items),
        timeline,
        [(storage.to_payment(each), refunds[each["id"]]) for each in paid.rows],
        [(each, entries[each.id]) for each in deliveries],
    )


async def _deliveries(database: Database, condition: QueryString) -> list[Delivery]:
    found = await database.execute(
        QueryString(
            "SELECT a.*, p.name AS provider_name FROM assignments a"
            " JOIN providers p ON p.id = a.provider_id WHERE {} ORDER BY a.id",
            condition,
        )
    )
    return [to_delivery(row) for row in found.rows]


async def deliveries_of(database: Database, rows: Sequence[Row]) -> list[Delivery]:
    """Rows of `assignments` with the names of their providers."""
    if not rows:
        return []
    outcome = await database.execute(
        QueryString(
            "SELECT id, name FROM providers WHERE {}",
            is_in("id", sorted({row["provider_id"] for row in rows})),
        )
    )
    names = {provider["id"]: provider["name"] for provider in outcome.rows}
    return [to_delivery({**row, "provider_name": names[row["provider_id"]]}) for row in rows]


async def delivery_timelines(
    database: Database, deliveries: Sequence[Delivery]
) -> dict[int, list[Row]]:
    """The statuses of each delivery with `at` and `user_id`, by the delivery's id, oldest first.

    What an older release stored has no entries. Its first and its last status are known.
    """
    found: dict[int, list[Row]] = {each.id: [] for each in deliveries}
    if not deliveries:
        return found
    outcome = await database.execute(
        QueryString(
            "SELECT assignment_id, status, at, user_id FROM assignment_timeline WHERE {}"
            " ORDER BY assignment_id, id",
            is_in("assignment_id", list(found)),
        )
    )
    for row in outcome.rows:
        found[row["assignment_id"]].append(row)
    for each in deliveries:
        entries = found[each.id]
        if not entries:
            first = str(DeliveryStatus.ASSIGNED)
            entries.append({"status": first, "at": each.created_at, "user_id": None})
        if entries[-1]["status"] != each.status:
            entries.append({"status": str(each.status), "at": each.updated_at, "user_id": None})
    return found


async def destinations(database: Database, purchase_ids: Iterable[int]) -> dict[int, Destination]:
    """Whom and where purchases are sent to; those without an address are missing."""
    wanted = sorted(set(purchase_ids))
    if not wanted:
        return {}
    outcome = await database.execute(
        QueryString(
            "SELECT purchase_id, recipient, city, country FROM purchase_addresses WHERE {}",
            is_in("purchase_id", wanted),
        )
    )
    return {
        row["purchase_id"]: Destination(row["recipient"], row["city"], row["country"])
        for row in outcome.rows
    }

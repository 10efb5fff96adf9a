"""Rows of deliveries."""

from dataclasses import replace

from piccolo.querystring import QueryString

from functions.kit.base.errors import Text
from functions.kit.data.database import Database, Row
from functions.purchase.domain.deliveries import Delivery, DeliveryStatus
from functions.purchase.domain.transitions import Transition
from functions.purchase.errors import AssignmentNotFound
from functions.purchase.storage.statements import insert, update


async def delivery(database: Database, assignment_id: int) -> Delivery:
    """Raises `AssignmentNotFound`."""
    found = await _delivery_where(database, "a.id = {}", assignment_id)
    if found is None:
        raise AssignmentNotFound.of(assignment_id)
    return found


async def delivery_under_way(database: Database, purchase_id: int) -> Delivery:
    """Raises `AssignmentNotFound`."""
    found = await _delivery_where(
        database,
        "a.purchase_id = {} AND a.status IN ({}, {})",
        purchase_id,
        str(DeliveryStatus.ASSIGNED),
        str(DeliveryStatus.IN_TRANSIT),
    )
    if found is None:
        raise AssignmentNotFound(
            Text(
                f"La compra {purchase_id} no tiene una entrega en curso.",
                f"Purchase {purchase_id} has no delivery under way.",
            )
        )
    return found


async def _delivery_where(database: Database, condition: str, *values: object) -> Delivery | None:
    outcome = await database.execute(
        QueryString(
            "SELECT a.*, p.name AS provider_name FROM assignments a"  # noqa: S608
            f" JOIN providers p ON p.id = a.provider_id WHERE {condition}"
            " ORDER BY a.id DESC LIMIT 1",
            *values,
        )
    )
    return to_delivery(outcome.rows[0]) if outcome.rows else None


def to_delivery(row: Row) -> Delivery:
    """Converts a row of `assignments`, with `provider_name`."""
    return Delivery(
        id=row["id"],
        purchase_id=row["purchase_id"],
        provider_id=row["provider_id"],
        provider_name=row["provider_name"],
        status=DeliveryStatus(row["status"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def store_delivery(
    database: Database, transition: Transition, delivery: Delivery, *, by: int | None
) -> Transition:
    if delivery.id:
        changes = {"status": delivery.status, "updated_at": delivery.updated_at}
        await update(database, "assignments", delivery.id, changes)
        await _add_timeline_entry(database, delivery, by=by)
        return transition
    columns = {
        "purchase_id": delivery.purchase_id,
        "provider_id": delivery.provider_id,
        "status": delivery.status,
        "created_at": delivery.created_at,
        "updated_at": delivery.updated_at,
    }
    stored = replace(delivery, id=await insert(database, "assignments", columns))
    await _add_timeline_entry(database, stored, by=by)
    facts = tuple(
        fact._replace(state=stored) if isinstance(fact.state, Delivery) else fact
        for fact in transition.facts
    )
    return transition._replace(delivery=stored, facts=facts)


async def _add_timeline_entry(database: Database, delivery: Delivery, *, by: int | None) -> None:
    columns = {
        "assignment_id": delivery.id,
        "status": delivery.status,
        "at": delivery.updated_at,
        "user_id": by,
    }
    await insert(database, "assignment_timeline", columns)

"""Delivery: who takes a paid purchase to its buyer, and how far it has come."""

from datetime import datetime

from piccolo.querystring import QueryString

from functions.kit.database import Database, Row, transactional
from functions.kit.outbox import Outbox
from functions.purchase import events
from functions.purchase.commands.lifecycle import bump, cancel_purchase, lock_purchase, move
from functions.purchase.domain import (
    DeliveryStatus,
    Status,
    check_delivery_move,
    check_move,
)
from functions.purchase.errors import (
    AlreadyAssigned,
    AssignmentNotFound,
    IllegalMove,
    NotPaid,
    ProviderExists,
    ProviderNotFound,
)
from functions.purchase.tables import Assignment, Provider

PURCHASE_STATUS = {
    DeliveryStatus.DELIVERED: Status.DELIVERED,
    DeliveryStatus.FAILED: Status.PAID,
}
"""Where the end of a delivery takes its purchase."""


@transactional
async def add_provider(
    database: Database, name: str, contact: str, coverage: str | None, fee_minor: int
) -> int:
    """A delivery provider's id.

    Raises `ProviderExists`.
    """
    provider = Provider(name=name, contact=contact, coverage=coverage, fee_minor=fee_minor)
    try:
        created = await database.execute(Provider.insert(provider))
    except Exception as error:
        if database.is_duplicate(error):
            raise ProviderExists(f"{name} is known already.") from error
        raise
    provider_id: int = created.rows[0]["id"]
    return provider_id


@transactional
async def assign_delivery(
    database: Database,
    purchase_id: int,
    provider_id: int,
    *,
    user_id: int,
    outbox: Outbox,
    now: datetime,
) -> int:
    """Hand a paid purchase to a provider; the assignment's id.

    Raises `PurchaseNotFound`, `ProviderNotFound`, `AlreadyAssigned` or `NotPaid`.
    """
    purchase = await lock_purchase(database, purchase_id)
    provider_name = await _provider_name(database, provider_id)
    status = Status(purchase["status"])
    if status in {Status.ON_DELIVERY, Status.DELIVERED}:
        raise AlreadyAssigned(f"It is {status}.", status_actual=str(status))
    if status is not Status.PAID:
        raise NotPaid(f"It is {status}.", status_actual=str(status))
    await move(database, purchase, Status.ON_DELIVERY, user_id=user_id, outbox=outbox, now=now)
    assignment = Assignment(
        purchase_id=purchase_id,
        provider_id=provider_id,
        status=str(DeliveryStatus.ASSIGNED),
        created_at=now,
        updated_at=now,
    )
    created = await database.execute(Assignment.insert(assignment))
    row = await _assignment(database, created.rows[0]["id"])
    revision = await bump(database, purchase)
    await outbox.add(
        database, events.delivery(events.DELIVERY_ASSIGNED, row, provider_name, revision)
    )
    assignment_id: int = row["id"]
    return assignment_id


@transactional
async def update_delivery(
    database: Database,
    assignment_id: int,
    target: DeliveryStatus,
    *,
    user_id: int,
    outbox: Outbox,
    now: datetime,
) -> Status:
    """Write down how far a delivery has come; the state of its purchase then.

    Raises `AssignmentNotFound` or `IllegalMove`.
    """
    found = await _assignment(database, assignment_id)
    purchase = await lock_purchase(database, found["purchase_id"])
    row = await _assignment(database, assignment_id)
    check_delivery_move(DeliveryStatus(row["status"]), target)
    row |= {"status": str(target), "updated_at": now}
    await database.execute(
        QueryString(
            "UPDATE assignments SET status = {}, updated_at = {} WHERE id = {}",
            row["status"],
            now,
            assignment_id,
        )
    )
    if target in PURCHASE_STATUS:
        await move(
            database, purchase, PURCHASE_STATUS[target], user_id=user_id, outbox=outbox, now=now
        )
    provider_name = await _provider_name(database, row["provider_id"])
    revision = await bump(database, purchase)
    await outbox.add(
        database, events.delivery(events.DELIVERY_UPDATED, row, provider_name, revision)
    )
    return Status(purchase["status"])


@transactional
async def set_purchase_status(
    database: Database,
    purchase_id: int,
    target: Status,
    *,
    user_id: int,
    outbox: Outbox,
    now: datetime,
) -> Status:
    """Move a purchase on by hand, where no money and no provider has to be named.

    Raises `PurchaseNotFound` or `IllegalMove`, which names the route that such a move takes.
    """
    purchase = await lock_purchase(database, purchase_id)
    current = Status(purchase["status"])
    check_move(current, target)
    if target is Status.CANCELLED:
        return await cancel_purchase(
            database, purchase_id, user_id=user_id, staff=True, outbox=outbox, now=now
        )
    if current is Status.ON_DELIVERY:
        outcome = DeliveryStatus.DELIVERED if target is Status.DELIVERED else DeliveryStatus.FAILED
        assignment_id = await _assignment_under_way(database, purchase_id)
        return await update_delivery(
            database, assignment_id, outcome, user_id=user_id, outbox=outbox, now=now
        )
    routes = {
        Status.PAID: "POST /payment pays it",
        Status.ON_DELIVERY: "POST /assignments hands it to a provider",
        Status.REFUNDED: "POST /payments/{id}/refunds gives the money back",
        Status.EXPIRED: "it expires by itself",
    }
    raise IllegalMove(f"Not by hand: {routes[target]}.", status_actual=str(current))


async def _assignment(database: Database, assignment_id: int) -> Row:
    outcome = await database.execute(
        QueryString("SELECT * FROM assignments WHERE id = {}", assignment_id)
    )
    if not outcome.rows:
        raise AssignmentNotFound(f"There is no delivery {assignment_id}.")
    row: Row = outcome.rows[0]
    return row


async def _assignment_under_way(database: Database, purchase_id: int) -> int:
    outcome = await database.execute(
        QueryString(
            "SELECT id FROM assignments WHERE purchase_id = {} AND status IN ({}, {})"
            " ORDER BY id DESC LIMIT 1",
            purchase_id,
            str(DeliveryStatus.ASSIGNED),
            str(DeliveryStatus.IN_TRANSIT),
        )
    )
    if not outcome.rows:
        raise AssignmentNotFound(f"Purchase {purchase_id} has no delivery under way.")
    assignment_id: int = outcome.rows[0]["id"]
    return assignment_id


async def _provider_name(database: Database, provider_id: int) -> str:
    outcome = await database.execute(
        QueryString("SELECT name FROM providers WHERE id = {}", provider_id)
    )
    if not outcome.rows:
        raise ProviderNotFound(f"There is no delivery provider {provider_id}.")
    name: str = outcome.rows[0]["name"]
    return name

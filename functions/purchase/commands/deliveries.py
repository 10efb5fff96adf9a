"""Assign paid purchases to delivery providers, and record the progress of deliveries."""

from datetime import datetime

from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.purchase import storage
from functions.purchase.commands.lifecycle import cancel_purchase
from functions.purchase.domain import transitions
from functions.purchase.domain.deliveries import DeliveryStatus
from functions.purchase.domain.purchases import Status


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
    """Assign a paid purchase to a provider. Returns the assignment's id.

    Raises `PurchaseNotFound`, `ProviderNotFound`, `ProviderRetired`, `AlreadyAssigned` or
    `NotPaid`.
    """
    purchase = await storage.lock_purchase(database, purchase_id)
    provider = await storage.offered_provider(database, provider_id)
    transition = transitions.assign(
        purchase, provider_id=provider.id, provider_name=provider.name, now=now
    )
    transition = await storage.store(
        database, purchase, transition, by=user_id, outbox=outbox, now=now
    )
    assert transition.delivery is not None  # noqa: S101 - `assign` returns one
    return transition.delivery.id


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
    """Record the progress of a delivery. Returns the resulting status of its purchase.

    Raises `AssignmentNotFound` or `IllegalMove`.
    """
    found = await storage.delivery(database, assignment_id)
    purchase = await storage.lock_purchase(database, found.purchase_id)
    delivery = await storage.delivery(database, assignment_id)
    transition = transitions.report_delivery(purchase, delivery, target, now)
    await storage.store(database, purchase, transition, by=user_id, outbox=outbox, now=now)
    return transition.purchase.status


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
    """Set a status that needs neither a payment nor a provider. Returns the resulting status.

    Raises `PurchaseNotFound`, `PaymentInProgress` or `IllegalMove`, which names the route for the
    requested status.
    """
    purchase = await storage.lock_purchase(database, purchase_id)
    outcome = transitions.check_settable(purchase, target)
    if outcome is None:
        return await cancel_purchase(
            database, purchase_id, user_id=user_id, staff=True, outbox=outbox, now=now
        )
    delivery = await storage.delivery_under_way(database, purchase_id)
    return await update_delivery(
        database, delivery.id, outcome, user_id=user_id, outbox=outbox, now=now
    )

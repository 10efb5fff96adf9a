"""Stores what a transition changes, in every table, with its events."""

from datetime import datetime

from functions.kit.data.database import Database
from functions.kit.events.outbox import NewEvent, Outbox
from functions.purchase import events
from functions.purchase.domain.purchases import Purchase, StockEffect
from functions.purchase.domain.transitions import Transition
from functions.purchase.storage import payments
from functions.purchase.storage.deliveries import store_delivery
from functions.purchase.storage.purchases import add_timeline_entry, erase_address
from functions.purchase.storage.statements import update
from functions.purchase.storage.stock import lock_stock, update_stock


async def store(
    database: Database,
    before: Purchase,
    transition: Transition,
    *,
    by: int | None,
    outbox: Outbox,
    now: datetime,
) -> Transition:
    """Store the result of a transition and add its events. Returns it with the ids of new rows.

    `before` is the purchase as loaded under its lock; `by` is the user id of the timeline entry.
    """
    purchase = transition.purchase
    if purchase != before:
        changes = {"status": purchase.status, "revision": purchase.revision}
        await update(database, "purchases", purchase.id, changes)
    if purchase.status is not before.status:
        await add_timeline_entry(database, purchase, by=by, now=now)
        if purchase.has_ended:
            await erase_address(database, purchase.id)
    if transition.payment is not None:
        await payments.update_payment(database, transition.payment)
    if transition.refund is not None:
        transition = transition._replace(
            refund=await payments.insert_refund(database, transition.refund)
        )
    if transition.delivery is not None:
        transition = await store_delivery(database, transition, transition.delivery, by=by)
    effect = purchase.stock_effect(before.status)
    stock_events = await _settle_stock(database, purchase, effect, now)
    await outbox.add(database, *[events.of(fact) for fact in transition.facts], *stock_events)
    return transition


async def _settle_stock(
    database: Database, purchase: Purchase, effect: StockEffect | None, now: datetime
) -> list[NewEvent]:
    stock_events = []
    for line in purchase.lines if effect is not None else ():
        stock = await lock_stock(database, line.book_id)
        change = stock.fulfil if effect is StockEffect.FULFIL else stock.release
        stock = change(line.quantity, now)
        await update_stock(database, stock)
        stock_events.append(events.inventory_changed(stock))
    return stock_events

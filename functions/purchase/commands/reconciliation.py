"""Complete payments and refunds without a recorded outcome.

Background tasks run these at start, on a trigger, and periodically while the service runs. The
next process completes what a killed one left open.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.purchase import storage
from functions.purchase.commands.payments import recheck_payment, record_charge, settle_refund
from functions.purchase.payment_provider import (
    Charge,
    EntryKind,
    LedgerEntry,
    PaymentProvider,
    ProviderUnreachable,
)

logger = logging.getLogger(__name__)

BATCH = 100
LEDGER_EVERY = timedelta(minutes=5)
"""Interval between two reads of the provider's ledger."""
LEDGER_WINDOW = timedelta(days=1)
"""How far back the first read of a process goes."""
LEDGER_OVERLAP = timedelta(hours=1)
"""How far each later read overlaps the one before: clocks differ, and entries appear late."""


async def reconcile_payments(
    database: Database, provider: PaymentProvider, *, outbox: Outbox, clock: Clock
) -> int:
    """Query the provider about open payments. Returns how many have an outcome now.

    A payment is queried until the provider reports it as charged or declined, or does not know it
    after `final_after`.
    """
    decided = 0
    for payment in await storage.due_payments(database, clock(), BATCH):
        checked = await recheck_payment(database, provider, payment, outbox=outbox, clock=clock)
        decided += not checked.is_open
    return decided


async def settle_refunds(database: Database, provider: PaymentProvider, *, clock: Clock) -> int:
    """Have the provider pay due refunds. Returns how many were paid."""
    settled = 0
    for owed in await storage.due_refunds(database, clock(), BATCH):
        settled += await settle_refund(database, provider, owed, clock=clock)
    return settled


async def reconcile_ledger(
    database: Database,
    provider: PaymentProvider,
    since: datetime,
    *,
    outbox: Outbox,
    clock: Clock,
) -> int:
    """Record the charges of the provider's ledger that are not recorded yet. Returns how many.

    The status of the payment does not matter: a charge after its failure pays the purchase, or is
    refunded. A charge without a payment goes to `unmatched_charges` for an operator: its purchase
    was lost, or belongs to another shop.

    Raises `ProviderUnreachable`.
    """
    found = 0
    async for entry in provider.entries(since):
        if entry.kind is not EntryKind.CHARGE:
            continue
        payment = await storage.payment_of_reference(database, entry.reference)
        if payment is None:
            found += await _store_unmatched(database, provider, entry, clock=clock)
        elif not payment.is_charged:
            await record_charge(
                database, provider, payment, Charge.CAPTURED, outbox=outbox, clock=clock
            )
            found += 1
    return found


@transactional
async def _store_unmatched(
    database: Database, provider: PaymentProvider, entry: LedgerEntry, *, clock: Clock
) -> bool:
    added = await database.execute(
        QueryString(
            "INSERT INTO unmatched_charges (reference, amount_minor, currency, charged_at,"
            " found_at) VALUES ({}, {}, {}, {}, {}) ON CONFLICT (reference) DO NOTHING",
            entry.reference[:100],
            entry.amount_minor,
            entry.currency,
            entry.at,
            clock(),
        )
    )
    if added.rowcount:
        logger.error("%s charged %r, which matches no payment", provider.name, entry.reference)
    return bool(added.rowcount)


@dataclass
class LedgerMonitor:
    """Reads the provider's ledger periodically, each time with an overlap."""

    provider: PaymentProvider
    outbox: Outbox
    clock: Clock
    checked_at: datetime | None = None

    async def check(self, database: Database) -> None:
        now = self.clock()
        if self.checked_at is None:
            since = now - LEDGER_WINDOW
        elif timedelta() <= now - self.checked_at < LEDGER_EVERY:
            return
        else:  # also after the clock was set back
            since = min(self.checked_at, now) - LEDGER_OVERLAP
        try:
            await reconcile_ledger(
                database, self.provider, since, outbox=self.outbox, clock=self.clock
            )
        except ProviderUnreachable as error:
            logger.warning("the ledger of %s could not be read: %s", self.provider.name, error)
            return
        self.checked_at = now

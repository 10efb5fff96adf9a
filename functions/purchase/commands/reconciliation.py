"""Find out what became of money whose answer is missing, and give back what is owed.

Background tasks call these at start, when the service is woken, and every so often while it is
awake. So a process that ends anywhere leaves nothing that the next one does not finish.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from piccolo.querystring import QueryString

from functions.kit.base.clock import Clock
from functions.kit.data.database import Database, transactional
from functions.kit.events.outbox import Outbox
from functions.purchase import storage
from functions.purchase.commands.payments import ask_again, record, settle_refund
from functions.purchase.payment_provider import (
    Charge,
    Entry,
    EntryKind,
    PaymentProvider,
    ProviderUnreachable,
)

logger = logging.getLogger(__name__)

BATCH = 100
LEDGER_EVERY = timedelta(minutes=5)
"""Between two looks into the provider's ledger, while awake."""
LEDGER_WINDOW = timedelta(days=1)
"""How far back the first look of a process goes."""
LEDGER_OVERLAP = timedelta(hours=1)
"""How far back each later one goes beyond the one before: clocks differ, entries come late."""


async def reconcile_payments(
    database: Database, provider: PaymentProvider, *, outbox: Outbox, clock: Clock
) -> int:
    """Ask the provider about payments without an answer; answers how many are decided now.

    One is asked about again until the provider says that it was charged, declined, or never
    reached it, and until `final_after` is over in the last case.
    """
    decided = 0
    for payment in await storage.due_payments(database, clock(), BATCH):
        after = await ask_again(database, provider, payment, outbox=outbox, clock=clock)
        decided += not after.is_open
    return decided


async def settle_refunds(database: Database, provider: PaymentProvider, *, clock: Clock) -> int:
    """Make the provider pay what is owed back; answers how many refunds are paid now."""
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
    """Record every charge of the provider's ledger that the tables do not know; how many.

    Whatever its payment was believed to be: a charge that came after the payment had failed pays
    the purchase, or is owed back. One without a payment is kept in `unmatched_charges`, for an
    operator: it belongs to a purchase that was lost, or to another shop.

    Raises `ProviderUnreachable`.
    """
    found = 0
    async for entry in provider.entries(since):
        if entry.kind is not EntryKind.CHARGE:
            continue
        payment = await storage.payment_of_reference(database, entry.reference)
        if payment is None:
            found += await _keep_unmatched(database, provider, entry, clock=clock)
        elif not payment.is_charged:
            await record(database, provider, payment, Charge.CAPTURED, outbox=outbox, clock=clock)
            found += 1
    return found


@transactional
async def _keep_unmatched(
    database: Database, provider: PaymentProvider, entry: Entry, *, clock: Clock
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
        logger.error("%s has charged %r, which no payment knows", provider.name, entry.reference)
    return bool(added.rowcount)


@dataclass
class LedgerMonitor:
    """Looks into the provider's ledger every so often, and a bit further back each time."""

    provider: PaymentProvider
    outbox: Outbox
    clock: Clock
    looked_at: datetime | None = None

    async def look(self, database: Database) -> None:
        now = self.clock()
        if self.looked_at is None:
            since = now - LEDGER_WINDOW
        elif timedelta() <= now - self.looked_at < LEDGER_EVERY:
            return
        else:  # a clock that was put back does not keep it from looking
            since = min(self.looked_at, now) - LEDGER_OVERLAP
        try:
            await reconcile_ledger(
                database, self.provider, since, outbox=self.outbox, clock=self.clock
            )
        except ProviderUnreachable as error:
            logger.warning("the ledger of %s cannot be read: %s", self.provider.name, error)
            return
        self.looked_at = now

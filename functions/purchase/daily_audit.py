"""Runs the audit once in `AUDIT_HOURS`, in a process of the internal API.

A background task starts it, which a PingSource wakes every ten minutes, so it also runs in a shop
that sleeps. Two replicas may run it at the same time; it only reads, so both results are right.
"""

import logging
from datetime import datetime, timedelta

from functions.kit.base.clock import Clock
from functions.kit.data import audit_runs
from functions.kit.data.database import Database
from functions.purchase.audit import audit_and_record
from functions.purchase.payment_provider import PaymentProvider

logger = logging.getLogger(__name__)

RETRY = timedelta(hours=1)
"""Time until an audit that failed is run again."""


class DailyAudit:
    def __init__(self, provider: PaymentProvider, clock: Clock, every: timedelta) -> None:
        self.provider = provider
        self.clock = clock
        self.every = every
        self._next = clock()

    async def run_if_due(self, database: Database) -> None:
        """Run the audit and store its result, where the last one is old enough."""
        now = self.clock()
        if now < self._next <= now + self.every:  # later than that: the clock was set back
            return
        last = await audit_runs.last(database)
        if last is not None and (due := self._after(last)) > now:
            self._next = due
            return
        # Before the run, so that one which fails is not repeated at once.
        self._next = now + min(RETRY, self.every)
        findings = await audit_and_record(database, self.provider, self.clock)
        for finding in findings:
            if finding.breaches:
                logger.error(
                    "the audit found a breach in %d rows: %s",
                    len(finding.breaches),
                    finding.sentence,
                )

    def _after(self, last: audit_runs.AuditRun) -> datetime:
        failed = last.outcome is audit_runs.AuditOutcome.FAILED
        return last.started_at + (min(RETRY, self.every) if failed else self.every)

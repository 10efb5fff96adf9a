"""What is wrong with a service, worst first, by rules that the alerts share.

The limits are those of `knative/components/alerts/alerts.yaml` where there is such an alert; a
test compares both. Each rule has a runbook in `docs/runbooks/`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

OUTBOX_AGE = timedelta(minutes=20)
"""Two periods of the PingSource: one may fall into a restart of the broker."""
STREAM_LAG = 1000
"""Events that are known and not read."""
CONTACT_AGE = timedelta(minutes=30)
"""Three periods of the PingSource, at each of which a stream is read."""
AUDIT_AGE = timedelta(days=2)
"""Two periods of the daily audit."""
BACKUP_AGE = timedelta(days=2)
"""Two periods of the nightly backup."""
TASK_FAILURES = 3
"""Consecutive failures of a background task: one may be a transient fault."""


class Severity(IntEnum):
    CRITICAL = 0
    """Customers notice it, or will soon."""
    WARNING = 1
    NOTICE = 2


class Rule(StrEnum):
    AWAY = "away"
    UNAVAILABLE = "unavailable"
    MIGRATIONS_PENDING = "migrations-pending"
    AUDIT_BREACHED = "audit-breached"
    OUTBOX_OLD = "outbox-old"
    STREAM_FAILING = "stream-failing"
    STREAM_BEHIND = "stream-behind"
    DEAD_LETTERS = "dead-letters"
    POOL_EXHAUSTED = "pool-exhausted"
    TASK_FAILING = "task-failing"
    AUDIT_FAILED = "audit-failed"
    AUDIT_OLD = "audit-old"
    BACKUP_OLD = "backup-old"
    AUDIT_MISSING = "audit-missing"


RULES: dict[Rule, tuple[Severity, str]] = {
    Rule.AWAY: (Severity.CRITICAL, "service-away"),
    Rule.UNAVAILABLE: (Severity.CRITICAL, "database-away"),
    Rule.MIGRATIONS_PENDING: (Severity.CRITICAL, "migrate"),
    Rule.AUDIT_BREACHED: (Severity.CRITICAL, "audit-not-clean"),
    Rule.OUTBOX_OLD: (Severity.CRITICAL, "events-wait-for-the-broker"),
    Rule.STREAM_FAILING: (Severity.WARNING, "stream-behind"),
    Rule.STREAM_BEHIND: (Severity.WARNING, "stream-behind"),
    Rule.DEAD_LETTERS: (Severity.WARNING, "dead-letters"),
    Rule.POOL_EXHAUSTED: (Severity.WARNING, "database-connections"),
    Rule.TASK_FAILING: (Severity.WARNING, "background-task-fails"),
    Rule.AUDIT_FAILED: (Severity.WARNING, "audit-not-clean"),
    Rule.AUDIT_OLD: (Severity.WARNING, "audit-not-clean"),
    Rule.BACKUP_OLD: (Severity.WARNING, "backup"),
    Rule.AUDIT_MISSING: (Severity.NOTICE, "audit-not-clean"),
}
"""The severity of each rule, and its runbook."""


class StreamFacts(NamedTuple):
    name: str
    lag: int
    contacted_at: datetime | None
    failed_at: datetime | None


class AuditFacts(NamedTuple):
    finished_at: datetime
    outcome: str
    breaches: int


class Facts(NamedTuple):
    """What a service has answered."""

    service: str
    now: datetime
    started_at: datetime | None = None
    has_broker: bool = False
    outbox_seconds: float = 0.0
    dead_letters: int = 0
    pool_timeouts: int = 0
    pending_migrations: int = 0
    streams: Sequence[StreamFacts] = ()
    failing_tasks: Sequence[tuple[str, int]] = ()
    """Names, and consecutive failures."""
    audited: bool = False
    audit: AuditFacts | None = None
    backup_at: datetime | None = None
    """When the last good backup was made; None where none is known, as without a cluster."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    rule: Rule
    service: str
    subject: str = ""
    """A stream or a task."""
    number: int = 0
    """Seconds, events, letters, failures: what the rule counts."""

    @property
    def severity(self) -> Severity:
        return RULES[self.rule][0]

    @property
    def runbook(self) -> str:
        return RULES[self.rule][1]


def findings(facts: Facts) -> list[Finding]:
    """What is wrong with a service, worst first."""
    return worst_first(_findings(facts))


def worst_first(found: Iterator[Finding] | Sequence[Finding]) -> list[Finding]:
    order = list(RULES)
    return sorted(found, key=lambda each: (each.severity, order.index(each.rule)))


def _findings(facts: Facts) -> Iterator[Finding]:
    if facts.pending_migrations:
        yield Finding(Rule.MIGRATIONS_PENDING, facts.service, number=facts.pending_migrations)
    if facts.has_broker and facts.outbox_seconds > OUTBOX_AGE.total_seconds():
        yield Finding(Rule.OUTBOX_OLD, facts.service, number=int(facts.outbox_seconds))
    if facts.dead_letters:
        yield Finding(Rule.DEAD_LETTERS, facts.service, number=facts.dead_letters)
    if facts.pool_timeouts:
        yield Finding(Rule.POOL_EXHAUSTED, facts.service, number=facts.pool_timeouts)
    for stream in facts.streams:
        yield from _stream(facts, stream)
    for name, failures in facts.failing_tasks:
        if failures >= TASK_FAILURES:
            yield Finding(Rule.TASK_FAILING, facts.service, name, failures)
    if facts.audited:
        yield from _audit(facts)
    if facts.backup_at is not None and facts.now - facts.backup_at > BACKUP_AGE:
        age = int((facts.now - facts.backup_at).total_seconds())
        yield Finding(Rule.BACKUP_OLD, facts.service, number=age)


def _stream(facts: Facts, stream: StreamFacts) -> Iterator[Finding]:
    contact = stream.contacted_at
    # A new process has not read yet, and the one before may have slept.
    awake = facts.started_at is None or facts.now - facts.started_at > CONTACT_AGE
    if stream.failed_at is not None and (contact is None or facts.now - contact > CONTACT_AGE):
        yield Finding(Rule.STREAM_FAILING, facts.service, stream.name)
    elif stream.lag > STREAM_LAG or (
        stream.lag and awake and contact is not None and facts.now - contact > CONTACT_AGE
    ):
        yield Finding(Rule.STREAM_BEHIND, facts.service, stream.name, stream.lag)


def _audit(facts: Facts) -> Iterator[Finding]:
    audit = facts.audit
    if audit is None:
        yield Finding(Rule.AUDIT_MISSING, facts.service)
        return
    if audit.breaches:
        yield Finding(Rule.AUDIT_BREACHED, facts.service, number=audit.breaches)
    elif audit.outcome == "failed":
        yield Finding(Rule.AUDIT_FAILED, facts.service)
    if facts.now - audit.finished_at > AUDIT_AGE:
        age = int((facts.now - audit.finished_at).total_seconds())
        yield Finding(Rule.AUDIT_OLD, facts.service, number=age)

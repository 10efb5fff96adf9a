"""The results of a service's audit, which checks the invariants of its data.

A service with an audit runs it daily (`AUDIT_HOURS`), and stores each result here.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from piccolo.querystring import QueryString

from functions.kit.data.database import Database, transactional

KEPT = 100
"""Results that are kept."""
MAX_FINDINGS = 100
MAX_SENTENCE = 300
"""Characters."""


class AuditOutcome(StrEnum):
    CLEAN = "clean"
    BREACHED = "breached"
    """The data violates an invariant."""
    FAILED = "failed"
    """It could not be run to its end."""


class Breach(msgspec.Struct, frozen=True):
    """A violated invariant, and how many rows violate it. Which ones says the audit's command."""

    invariant: str
    count: int


class AuditRun(msgspec.Struct, frozen=True, kw_only=True):
    started_at: datetime
    finished_at: datetime
    outcome: AuditOutcome
    checked: int
    """Invariants that were checked."""
    breaches: list[Breach]


@transactional
async def record(
    database: Database,
    *,
    started_at: datetime,
    finished_at: datetime,
    checked: int,
    breaches: Sequence[Breach],
    failed: bool = False,
) -> None:
    """Store a result, and delete the oldest ones."""
    outcome = AuditOutcome.BREACHED if breaches else AuditOutcome.CLEAN
    shortened = [Breach(each.invariant[:MAX_SENTENCE], each.count) for each in breaches]
    stored = await database.execute(
        QueryString(
            "INSERT INTO audit_runs (started_at, finished_at, outcome, checked, findings)"
            " VALUES ({}, {}, {}, {}, {})",
            started_at,
            finished_at,
            str(AuditOutcome.FAILED if failed else outcome),
            checked,
            msgspec.json.encode(shortened[:MAX_FINDINGS]).decode(),
        )
    )
    await database.execute(
        QueryString("DELETE FROM audit_runs WHERE id <= {}", (stored.lastrowid or 0) - KEPT)
    )


async def last(database: Database) -> AuditRun | None:
    """The newest result."""
    return await _newest(database, QueryString("1 = 1"))


async def last_finished(database: Database) -> AuditRun | None:
    """The newest result of an audit that was run to its end."""
    return await _newest(database, QueryString("outcome <> {}", str(AuditOutcome.FAILED)))


async def _newest(database: Database, condition: QueryString) -> AuditRun | None:
    outcome = await database.execute(
        QueryString(
            "SELECT started_at, finished_at, outcome, checked, findings FROM audit_runs"
            " WHERE {} ORDER BY id DESC LIMIT 1",
            condition,
        )
    )
    if not outcome.rows:
        return None
    row = outcome.rows[0]
    return AuditRun(
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        outcome=AuditOutcome(row["outcome"]),
        checked=row["checked"],
        breaches=msgspec.json.decode(row["findings"], type=list[Breach]),
    )
